//! Requests of every shape, right and wrong, written without our request writer.
use pki::algorithm::Digest;
use pki::der::{DerWriter, Tag};
use pki::oid::{self, Oid};
use proptest::prelude::*;

/// MD5: well-formed, and none of ours.
const MD5: Oid = Oid::from_arcs(&[1, 2, 840, 113_549, 2, 5]);
/// An extension that nobody knows.
const STRANGE: Oid = Oid::from_arcs(&[1, 3, 6, 1, 4, 1, 99_999, 1]);

/// An OCSPRequest to be.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) version: Option<u64>,
    pub(crate) requestor: Option<Requestor>,
    pub(crate) cert_ids: Vec<AskedAbout>,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) signature: Option<Signature>,
    pub(crate) wrapping: Wrapping,
}

#[derive(Clone, Debug)]
pub(crate) struct AskedAbout {
    pub(crate) digest: Option<Digest>,
    pub(crate) parameters: Parameters,
    pub(crate) serial: Vec<u8>,
    pub(crate) extension: Option<Extension>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Parameters {
    Null,
    Absent,
    Odd,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Requestor {
    Uri,
    NoGeneralName,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Signature {
    Plain,
    WithCertificates,
    Unreadable,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Extension {
    pub(crate) kind: Kind,
    pub(crate) critical: Critical,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A nonce; within an OCTET STRING as it must be (RFC 9654 §2.1), or bare.
    Nonce {
        octets: Vec<u8>,
        wrapped: bool,
    },
    ResponseTypes,
    Preferences,
    Strange,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Critical {
    Absent,
    /// BER allows to write the default.
    False,
    True,
}

/// How the outermost SEQUENCE is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wrapping {
    Der,
    LongLength,
    Indefinite,
    OctetAfterwards,
    CutShort,
}

pub(crate) fn shape() -> impl Strategy<Value = Shape> {
    let usual = |strategy| (prop::bool::weighted(0.15), strategy);
    (
        prop::option::weighted(0.1, 0..3_u64),
        prop::option::weighted(0.15, prop::sample::select(vec![Requestor::Uri, Requestor::NoGeneralName])),
        prop_oneof![8 => prop::collection::vec(asked_about(), 1..5), 1 => prop::collection::vec(asked_about(), 1..=100),
            1 => asked_about().prop_map(|one| vec![one; 101]), 1 => Just(Vec::new())],
        prop::collection::vec(extension(), 0..4),
        prop::option::weighted(
            0.15,
            prop::sample::select(vec![Signature::Plain, Signature::WithCertificates, Signature::Unreadable]),
        ),
        usual(prop::sample::select(vec![
            Wrapping::LongLength,
            Wrapping::Indefinite,
            Wrapping::OctetAfterwards,
            Wrapping::CutShort,
        ])),
    )
        .prop_map(|(version, requestor, cert_ids, extensions, signature, (unusual, wrapping))| Shape {
            version,
            requestor,
            cert_ids,
            extensions,
            signature,
            wrapping: if unusual { wrapping } else { Wrapping::Der },
        })
}

fn asked_about() -> impl Strategy<Value = AskedAbout> {
    let digest = prop_oneof![20 => prop::sample::select(&Digest::ALL[..]).prop_map(Some), 1 => Just(None)];
    let parameters =
        prop_oneof![20 => Just(Parameters::Null), 2 => Just(Parameters::Absent), 1 => Just(Parameters::Odd)];
    (digest, parameters, serial(), prop::option::weighted(0.05, extension()))
        .prop_map(|(digest, parameters, serial, extension)| AskedAbout { digest, parameters, serial, extension })
}

/// Content octets of an INTEGER: minimal ones, and now and then none that DER knows, or none that a certificate has.
fn serial() -> impl Strategy<Value = Vec<u8>> {
    let minimal = prop::collection::vec(any::<u8>(), 0..8).prop_map(|rest| [&[0x11], &rest[..]].concat());
    let odd = prop::sample::select(vec![
        vec![0],
        vec![0xff],
        vec![0, 0x80],
        vec![0, 0x11],
        vec![0xff, 0x80],
        vec![],
        vec![0x11; 20],
        vec![0x11; 21],
    ]);
    prop_oneof![20 => minimal, 1 => odd]
}

fn extension() -> impl Strategy<Value = Extension> {
    let nonce = (prop::collection::vec(any::<u8>(), 0..130), prop::bool::weighted(0.9));
    let kind = prop_oneof![
        3 => nonce.prop_map(|(octets, wrapped)| Kind::Nonce { octets, wrapped }),
        1 => Just(Kind::ResponseTypes),
        1 => Just(Kind::Preferences),
        1 => Just(Kind::Strange),
    ];
    let critical = prop_oneof![8 => Just(Critical::Absent), 1 => Just(Critical::False), 1 => Just(Critical::True)];
    (kind, critical).prop_map(|(kind, critical)| Extension { kind, critical })
}

impl Shape {
    pub(crate) fn octets(&self) -> Vec<u8> {
        let mut contents = DerWriter::new();
        contents.sequence(|w| self.write_tbs_request(w));
        if let Some(signature) = self.signature {
            contents.constructed(Tag::context_constructed(0), |w| signature.write(w));
        }
        let contents = contents.finish();
        let mut writer = DerWriter::new();
        writer.sequence(|w| w.raw(&contents));
        let der = writer.finish();
        match self.wrapping {
            Wrapping::Der => der,
            Wrapping::LongLength => {
                let length = u32::try_from(contents.len()).unwrap().to_be_bytes();
                [&[0x30, 0x84], &length[..], &contents].concat()
            }
            Wrapping::Indefinite => [&[0x30, 0x80], &contents[..], &[0, 0]].concat(),
            Wrapping::OctetAfterwards => [&der[..], &[0]].concat(),
            Wrapping::CutShort => der[..der.len() - 1].to_vec(),
        }
    }

    fn write_tbs_request(&self, w: &mut DerWriter) {
        if let Some(version) = self.version {
            w.constructed(Tag::context_constructed(0), |w| w.integer(version));
        }
        match self.requestor {
            Some(Requestor::Uri) => {
                w.constructed(Tag::context_constructed(1), |w| w.primitive(Tag::context(6), b"urn:asker"));
            }
            Some(Requestor::NoGeneralName) => w.constructed(Tag::context_constructed(1), |w| w.integer(1)),
            None => {}
        }
        w.sequence(|w| self.cert_ids.iter().for_each(|asked| w.sequence(|w| asked.write(w))));
        if !self.extensions.is_empty() {
            w.constructed(Tag::context_constructed(2), |w| {
                w.sequence(|w| self.extensions.iter().for_each(|extension| extension.write(w)));
            });
        }
    }
}

impl AskedAbout {
    pub(crate) fn name_hash(&self) -> Vec<u8> {
        self.digest.map_or(vec![1; 16], |digest| digest.of(b"name"))
    }

    pub(crate) fn key_hash(&self) -> Vec<u8> {
        self.digest.map_or(vec![2; 16], |digest| digest.of(b"key"))
    }

    pub(crate) fn digest_oid(&self) -> Oid {
        self.digest.map_or(MD5, Digest::oid)
    }

    fn write(&self, w: &mut DerWriter) {
        w.sequence(|w| {
            w.sequence(|w| {
                w.oid(self.digest_oid());
                match self.parameters {
                    Parameters::Null => w.primitive(Tag::NULL, &[]),
                    Parameters::Absent => {}
                    Parameters::Odd => w.integer(7),
                }
            });
            w.primitive(Tag::OCTET_STRING, &self.name_hash());
            w.primitive(Tag::OCTET_STRING, &self.key_hash());
            w.primitive(Tag::INTEGER, &self.serial);
        });
        if let Some(extension) = &self.extension {
            w.constructed(Tag::context_constructed(0), |w| w.sequence(|w| extension.write(w)));
        }
    }
}

impl Extension {
    fn write(&self, w: &mut DerWriter) {
        w.sequence(|w| {
            w.oid(match self.kind {
                Kind::Nonce { .. } => oid::OCSP_NONCE,
                Kind::ResponseTypes => oid::OCSP_RESPONSE_TYPES,
                Kind::Preferences => oid::OCSP_PREFERRED_SIGNATURE_ALGORITHMS,
                Kind::Strange => STRANGE,
            });
            match self.critical {
                Critical::Absent => {}
                Critical::False => w.primitive(Tag::BOOLEAN, &[0]),
                Critical::True => w.boolean_true(),
            }
            w.constructed(Tag::OCTET_STRING, |w| match &self.kind {
                Kind::Nonce { octets, wrapped: true } => w.primitive(Tag::OCTET_STRING, octets),
                Kind::Nonce { octets, wrapped: false } => w.raw(octets),
                Kind::ResponseTypes => w.sequence(|w| w.oid(oid::OCSP_BASIC)),
                Kind::Preferences => w.sequence(|w| w.sequence(|w| w.sequence(|w| w.oid(oid::ECDSA_WITH_SHA256)))),
                Kind::Strange => w.integer(5),
            });
        });
    }
}

impl Signature {
    fn write(self, w: &mut DerWriter) {
        let plain = |w: &mut DerWriter| {
            w.sequence(|w| w.oid(oid::ECDSA_WITH_SHA256));
            w.bit_string(b"signature");
        };
        match self {
            Self::Plain => w.sequence(plain),
            Self::WithCertificates => w.sequence(|w| {
                plain(w);
                w.constructed(Tag::context_constructed(0), |w| w.sequence(|_| {}));
            }),
            Self::Unreadable => w.integer(1),
        }
    }
}

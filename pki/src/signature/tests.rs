use std::path::Path;

use super::*;
use crate::certificate::example::{CARD_KEY, SIGN_CA_KEY, TestKey, ca_key, issuer, openssl, profile, sign_tbs};
use crate::certificate::{Layout, pem};
use crate::der::{DerReader, DerWriter, Tag};
use crate::identity::Ca;
use crate::lint;
use crate::oid::{self, Oid};

const CONTENT: &[u8] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<利用者同意申請情報/>\n".as_bytes();

/// The example person's certificate, whose key is [`CARD_KEY`].
fn card() -> (Vec<u8>, SignerCertificate) {
    let (issuer, profile) = (issuer(Ca::Sign), profile(Layout::Default));
    let linted = lint::leaf(Ca::Sign, sign_tbs(&issuer, &profile), &issuer, &profile).unwrap();
    let signature = ca_key(Ca::Sign).sign(linted.tbs_der());
    let algorithm = issuer.public_key.algorithm();
    let certificate = linted.into_certificate(algorithm, &signature, &issuer.public_key).unwrap();
    let signer = SignerCertificate::from_der(certificate.der()).unwrap();
    (certificate.der().to_vec(), signer)
}

fn sid_of(signer: &SignerCertificate) -> Vec<u8> {
    let mut writer = DerWriter::new();
    writer.sequence(|w| {
        w.raw(&signer.issuer_der);
        w.primitive(Tag::INTEGER, &signer.serial);
    });
    writer.finish()
}

/// A SignedData that can be wrong in one place.
struct Parts {
    content_type: Oid,
    content: Option<&'static [u8]>,
    version: u64,
    digest: Oid,
    signer_digest: Oid,
    algorithm: Vec<u8>,
    sid: Vec<u8>,
    attributes: Option<Vec<Vec<u8>>>,
    value: Vec<u8>,
    signers: usize,
    tail: Vec<u8>,
}

fn attribute(kind: Oid, write: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    let mut writer = DerWriter::new();
    writer.sequence(|w| {
        w.oid(kind);
        w.constructed(Tag::SET, write);
    });
    writer.finish()
}

fn content_type(of: Oid) -> Vec<u8> {
    attribute(oid::CMS_CONTENT_TYPE, |w| w.oid(of))
}

fn message_digest(octets: &[u8]) -> Vec<u8> {
    attribute(oid::CMS_MESSAGE_DIGEST, |w| w.primitive(Tag::OCTET_STRING, octets))
}

fn set_of(tag: Tag, elements: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = DerWriter::new();
    writer.primitive(tag, &elements.concat());
    writer.finish()
}

impl Parts {
    fn of(key: &TestKey, signer: &SignerCertificate) -> Self {
        Self {
            content_type: oid::CMS_DATA,
            content: None,
            version: 1,
            digest: oid::SHA256,
            signer_digest: oid::SHA256,
            algorithm: signer.public_key.algorithm().signature_identifier(),
            sid: sid_of(signer),
            attributes: None,
            value: key.sign(CONTENT),
            signers: 1,
            tail: vec![],
        }
    }

    /// With these signed attributes, truly signed as they stand.
    fn attributes(key: &TestKey, signer: &SignerCertificate, attributes: Vec<Vec<u8>>) -> Self {
        let value = key.sign(&set_of(Tag::SET, &attributes));
        Self { attributes: Some(attributes), value, ..Self::of(key, signer) }
    }

    fn der(&self) -> Vec<u8> {
        let digest = |w: &mut DerWriter, digest: Oid| w.sequence(|w| w.oid(digest));
        let signer = |w: &mut DerWriter| {
            w.sequence(|w| {
                w.integer(self.version);
                w.raw(&self.sid);
                digest(w, self.signer_digest);
                if let Some(attributes) = &self.attributes {
                    w.raw(&set_of(Tag::context_constructed(0), attributes));
                }
                w.raw(&self.algorithm);
                w.primitive(Tag::OCTET_STRING, &self.value);
                w.raw(&self.tail);
            });
        };
        let mut writer = DerWriter::new();
        writer.sequence(|w| {
            w.oid(oid::CMS_SIGNED_DATA);
            w.constructed(Tag::context_constructed(0), |w| {
                w.sequence(|w| {
                    w.integer(self.version);
                    w.constructed(Tag::SET, |w| digest(w, self.digest));
                    w.sequence(|w| {
                        w.oid(self.content_type);
                        if let Some(content) = self.content {
                            w.constructed(Tag::context_constructed(0), |w| w.primitive(Tag::OCTET_STRING, content));
                        }
                    });
                    w.constructed(Tag::SET, |w| (0..self.signers).for_each(|_| signer(w)));
                });
            });
        });
        writer.finish()
    }
}

fn verdict(cms: &[u8], signer: &SignerCertificate) -> Result<(), SignatureError> {
    verify_detached(SignatureForm::Cms, cms, CONTENT, signer)
}

#[test]
fn a_bare_signature_is_taken_for_its_octets_and_its_key_alone() {
    let (_, signer) = card();
    let signature = CARD_KEY.sign(CONTENT);
    assert_eq!(verify_detached(SignatureForm::Raw, &signature, CONTENT, &signer), Ok(()));
    let bad = Err(SignatureError::BadSignature);
    assert_eq!(verify_detached(SignatureForm::Raw, &signature, b"other", &signer), bad);
    assert_eq!(verify_detached(SignatureForm::Raw, &SIGN_CA_KEY.sign(CONTENT), CONTENT, &signer), bad);
    assert_eq!(verify_detached(SignatureForm::Raw, &[], CONTENT, &signer), bad);
    assert_eq!(verdict(&signature, &signer), Err(SignatureError::Malformed));
}

#[test]
fn what_is_not_a_detached_signature_of_this_certificate_is_refused_by_name() {
    use SignatureError as E;
    let (_, signer) = card();
    let part = || Parts::of(&CARD_KEY, &signer);
    assert_eq!(verdict(&part().der(), &signer), Ok(()));
    let mut rsa_encryption = DerWriter::new();
    rsa_encryption.sequence(|w| {
        w.oid(oid::RSA_ENCRYPTION);
        w.primitive(Tag::NULL, &[]);
    });
    let rsa_encryption = rsa_encryption.finish();
    assert_eq!(verdict(&Parts { algorithm: rsa_encryption.clone(), ..part() }.der(), &signer), Ok(()));
    let mut key_identifier = DerWriter::new();
    key_identifier.primitive(Tag::context(0), &signer.public_key.key_identifier());
    let key_identifier = key_identifier.finish();
    let by_key = || Parts { version: 3, sid: key_identifier.clone(), ..part() };
    assert_eq!(verdict(&by_key().der(), &signer), Ok(()));

    let mut other = signer.clone();
    other.serial = vec![9];
    let ecdsa = crate::algorithm::Algorithm::EcdsaP256Sha256.signature_identifier();
    for (parts, error) in [
        (Parts { content_type: oid::CMS_SIGNED_DATA, ..part() }, E::ContentType),
        (Parts { content: Some(CONTENT), ..part() }, E::Attached),
        (Parts { signers: 0, ..part() }, E::SignerCount),
        (Parts { signers: 2, ..part() }, E::SignerCount),
        (Parts { sid: sid_of(&other), ..part() }, E::OtherSigner),
        (Parts { version: 3, ..part() }, E::Malformed),
        (Parts { version: 1, sid: key_identifier.clone(), ..part() }, E::Malformed),
        (Parts { version: 2, ..part() }, E::Malformed),
        (Parts { digest: oid::SHA1, ..part() }, E::DigestAlgorithm),
        (Parts { signer_digest: oid::SHA512, ..part() }, E::DigestAlgorithm),
        (Parts { algorithm: ecdsa, ..part() }, E::SignatureAlgorithm),
        (Parts { value: CARD_KEY.sign(b"other"), ..part() }, E::BadSignature),
        (Parts { tail: set_of(Tag::context_constructed(1), &[]), ..part() }, E::Malformed),
    ] {
        assert_eq!(verdict(&parts.der(), &signer), Err(error));
    }
    let mut without_identifier = signer.clone();
    without_identifier.key_identifier = None;
    assert_eq!(verdict(&by_key().der(), &without_identifier), Err(E::OtherSigner));
    let trailing = [part().der(), vec![0]].concat();
    assert_eq!(verdict(&trailing, &signer), Err(E::Malformed));
}

#[test]
fn signed_attributes_must_say_what_is_signed_once_and_in_order() {
    use SignatureError as E;
    let (_, signer) = card();
    let digest = crate::algorithm::sha256(CONTENT);
    let (kind, digest) = (content_type(oid::CMS_DATA), message_digest(&digest));
    let other_digest = message_digest(&crate::algorithm::sha256(b"other"));
    let short = message_digest(&[]);
    let unsigned_time = attribute(Oid::from_dotted("1.2.840.113549.1.9.5").unwrap(), |w| {
        w.primitive(Tag::UTC_TIME, b"261121010000Z");
    });
    let judge = |attributes: Vec<Vec<u8>>| verdict(&Parts::attributes(&CARD_KEY, &signer, attributes).der(), &signer);
    assert_eq!(judge(vec![kind.clone(), digest.clone()]), Ok(()));
    assert_eq!(judge(vec![kind.clone(), unsigned_time, digest.clone()]), Ok(()));
    for (attributes, error) in [
        (vec![], E::SignedAttributes),
        (vec![kind.clone()], E::SignedAttributes),
        (vec![digest.clone()], E::SignedAttributes),
        (vec![digest.clone(), kind.clone()], E::SignedAttributes),
        (vec![kind.clone(), kind.clone(), digest.clone()], E::SignedAttributes),
        (
            vec![kind.clone(), digest.clone().min(other_digest.clone()), digest.clone().max(other_digest.clone())],
            E::SignedAttributes,
        ),
        (vec![content_type(oid::CMS_SIGNED_DATA), digest.clone()], E::ContentType),
        (vec![kind.clone(), other_digest], E::OtherContent),
        (vec![kind.clone(), short], E::SignedAttributes),
    ] {
        // A shorter digest sorts before the content type.
        assert_eq!(judge(attributes), Err(error));
    }
    // The attributes are what is signed, not the content beside them.
    let parts = Parts { value: CARD_KEY.sign(CONTENT), ..Parts::attributes(&CARD_KEY, &signer, vec![kind, digest]) };
    assert_eq!(verdict(&parts.der(), &signer), Err(E::BadSignature));
}

#[test]
fn no_altered_signature_is_ever_one_of_other_octets_and_no_cut_one_is_taken() {
    let (_, signer) = card();
    let attributes = vec![content_type(oid::CMS_DATA), message_digest(&crate::algorithm::sha256(CONTENT))];
    let raw = CARD_KEY.sign(CONTENT);
    let plain = Parts::of(&CARD_KEY, &signer).der();
    let attributed = Parts::attributes(&CARD_KEY, &signer, attributes).der();
    let mut other = CONTENT.to_vec();
    other[60] ^= 1;
    for (form, signature) in [(SignatureForm::Raw, raw), (SignatureForm::Cms, plain), (SignatureForm::Cms, attributed)]
    {
        assert_eq!(verify_detached(form, &signature, CONTENT, &signer), Ok(()));
        for length in 0..signature.len() {
            assert!(verify_detached(form, &signature[..length], CONTENT, &signer).is_err(), "{form:?} cut to {length}");
        }
        for at in 0..signature.len() * 8 {
            let mut altered = signature.clone();
            altered[at / 8] ^= 1 << (at % 8);
            assert!(verify_detached(form, &altered, &other, &signer).is_err(), "{form:?} bit {at}");
            // Every octet of what we read is judged: none can be altered for the same content either.
            assert!(verify_detached(form, &altered, CONTENT, &signer).is_err(), "{form:?} bit {at}");
        }
        for at in 0..CONTENT.len() {
            let mut altered = CONTENT.to_vec();
            altered[at] ^= 1;
            assert!(verify_detached(form, &signature, &altered, &signer).is_err(), "{form:?} octet {at}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn reading_any_octets_as_a_signature_never_panics(octets: Vec<u8>) {
        let signer = SignerCertificate {
            issuer_der: vec![0x30, 0],
            serial: vec![1],
            key_identifier: Some(vec![1]),
            public_key: CARD_KEY.public_key(),
        };
        for form in [SignatureForm::Raw, SignatureForm::Cms] {
            proptest::prop_assert!(verify_detached(form, &octets, CONTENT, &signer).is_err());
        }
        proptest::prop_assert!(SignerCertificate::from_der(&octets).is_none());
    }
}

/// Key, certificate and content of a signer in a folder, for OpenSSL.
fn signer_folder(arguments: &[&str]) -> (tempfile::TempDir, SignerCertificate) {
    let folder = tempfile::tempdir().unwrap();
    let fixed =
        ["req", "-x509", "-nodes", "-keyout", "key.pem", "-out", "certificate.pem", "-subj", "/CN=signer", "-newkey"];
    let (success, text) = openssl(folder.path(), &[&fixed, arguments].concat());
    assert!(success, "{text}");
    std::fs::write(folder.path().join("content"), CONTENT).unwrap();
    let certificate = std::fs::read(folder.path().join("certificate.pem")).unwrap();
    let (_, certificate) = der::pem::decode_vec(&certificate).unwrap();
    (folder, SignerCertificate::from_der(&certificate).unwrap())
}

fn signed_by_openssl(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let (success, text) = openssl(folder, arguments);
    assert!(success, "{text}");
    std::fs::read(folder.join("signature")).unwrap()
}

#[test]
fn openssls_own_signatures_verify_with_and_without_attributes_and_bare() {
    let keys: [(&[&str], &str); 4] = [
        (&["rsa:2048"], "-sha256"),
        (&["rsa:3072"], "-sha256"),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "-sha256"),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "-sha384"),
    ];
    for (key, digest) in keys {
        let (folder, signer) = signer_folder(key);
        let sign = [
            "cms",
            "-sign",
            "-binary",
            "-outform",
            "DER",
            "-in",
            "content",
            "-signer",
            "certificate.pem",
            "-inkey",
            "key.pem",
            "-out",
            "signature",
            "-md",
            &digest[1..],
        ];
        let options: [&[&str]; 5] = [&[], &["-noattr"], &["-nocerts"], &["-keyid"], &["-nosmimecap"]];
        for option in options {
            let signature = signed_by_openssl(folder.path(), &[&sign, option].concat());
            let judge = |content| verify_detached(SignatureForm::Cms, &signature, content, &signer);
            assert_eq!(judge(CONTENT), Ok(()), "{key:?} {option:?}");
            assert!(judge(b"other").is_err());
        }
        let attached = signed_by_openssl(folder.path(), &[&sign, &["-nodetach"][..]].concat());
        assert_eq!(verify_detached(SignatureForm::Cms, &attached, CONTENT, &signer), Err(SignatureError::Attached));
        let bare =
            signed_by_openssl(folder.path(), &["dgst", digest, "-sign", "key.pem", "-out", "signature", "content"]);
        assert_eq!(verify_detached(SignatureForm::Raw, &bare, CONTENT, &signer), Ok(()), "{key:?}");
        assert!(verify_detached(SignatureForm::Raw, &bare, b"other", &signer).is_err());
    }
}

#[test]
fn openssl_takes_what_our_reader_takes() {
    // The same SignedData that the tests above make: an implementation that shares nothing with ours reads it the same.
    let (certificate, signer) = card();
    let attributes = vec![content_type(oid::CMS_DATA), message_digest(&crate::algorithm::sha256(CONTENT))];
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("content"), CONTENT).unwrap();
    std::fs::write(folder.path().join("certificate.pem"), pem(&certificate)).unwrap();
    for parts in [Parts::of(&CARD_KEY, &signer), Parts::attributes(&CARD_KEY, &signer, attributes)] {
        let der = parts.der();
        assert!(DerReader::new(&der).sequence().is_ok() && verdict(&der, &signer).is_ok());
        std::fs::write(folder.path().join("signature"), &der).unwrap();
        let arguments = [
            "cms",
            "-verify",
            "-binary",
            "-inform",
            "DER",
            "-in",
            "signature",
            "-content",
            "content",
            "-certfile",
            "certificate.pem",
            "-noverify",
            "-out",
            "out",
        ];
        let (success, text) = openssl(folder.path(), &arguments);
        assert!(success, "{text}");
    }
}

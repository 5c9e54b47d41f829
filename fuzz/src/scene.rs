//! A responder that knows a few serials. It signs with no key at all, always the same, so that a run repeats exactly.
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ocsp_responder::{
    Clocks, Issuers, OcspDoor, OcspMetrics, OcspService, OcspSettings, OcspSigner, Responder, SignFailure,
    SignedResponseData, SigningLimits,
};
use pki::algorithm::{Algorithm, Digest, PublicKey};
use pki::der::DerWriter;
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::name::DistinguishedName;
use pki::ocsp::{ResponseData, write_cert_id};
use pki::oid;
use pki::revocation::{CertificateStatus, RevocationReason, Withdrawal};
use pki::time::UnixTime;
use status::{Change, StatusIndex};

/// When everything happens.
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
const HELD: Withdrawal = Withdrawal::Held { since: NOW.plus_seconds(-500) };
const REVOKED: Withdrawal =
    Withdrawal::Revoked { since: NOW.plus_seconds(-1_000), reason: RevocationReason::AffiliationChanged };

/// Certificates of the first key of `sign`, by serial; all others were never issued.
pub(crate) const STATUSES: [(u64, CertificateStatus); 3] = [
    (10, CertificateStatus::Good),
    (11, CertificateStatus::Withdrawn(HELD)),
    (12, CertificateStatus::Withdrawn(REVOKED)),
];

/// The base point of P-256 (SEC 2 §2.4.2), and the point of the opposite y: valid keys that nobody need make.
const X: [u8; 32] = *b"\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96";
const Y: [[u8; 32]; 2] = [
    *b"\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5",
    *b"\xb0\x1c\xbd\x1c\x01\xe5\x80\x65\x71\x18\x14\xb5\x83\xf0\x61\xe9\xd4\x31\xcc\xa9\x94\xce\xa1\x31\x34\x49\xbf\x97\xc8\x40\xae\x0a",
];

/// Its own certificate is read by those who judge answers; that another key signed it is not looked at.
pub(crate) const DELEGATE: &[u8] = include_bytes!("../data/certificate.der");

/// The key of an issuer here: `sign` has two, and `auth` shares its first.
pub(crate) fn public_key(number: u16) -> PublicKey {
    let point = [&[4][..], &X, &Y[usize::from(number - 1)]].concat();
    let mut writer = DerWriter::new();
    writer.sequence(|w| {
        w.sequence(|w| {
            w.oid(oid::EC_PUBLIC_KEY);
            w.oid(oid::P256);
        });
        w.bit_string(&point);
    });
    PublicKey::from_spki(writer.as_slice()).expect("a point of the curve")
}

/// The name of that CA.
pub(crate) fn name(ca: Ca) -> DistinguishedName {
    DistinguishedName::japan().with(oid::ORGANIZATION, "AKASHI-TEST").with(oid::ORGANIZATIONAL_UNIT, ca.word())
}

pub(crate) const fn key(number: u16) -> KeyNumber {
    KeyNumber::new(number).expect("above 0")
}

pub(crate) const fn serial(number: u64) -> Serial {
    Serial::new(number).expect("in bounds")
}

/// The first key of `sign`.
pub(crate) const SIGN: IssuerKey = IssuerKey { ca: Ca::Sign, key: key(1) };
const ISSUERS: [IssuerKey; 3] =
    [SIGN, IssuerKey { ca: Ca::Sign, key: key(2) }, IssuerKey { ca: Ca::Auth, key: key(1) }];

/// A CertID of the scene's certificates.
pub(crate) fn cert_id(of: IssuerKey, digest: Digest, number: u64) -> Vec<u8> {
    write_cert_id(digest, &name(of.ca).to_der(), public_key(of.key.get()).key_octets(), serial(number))
}

/// The index as a log would have made it.
pub(crate) fn index() -> StatusIndex {
    let ca = Ca::Sign;
    let mut changes = vec![
        Change::KeyRange { ca, first_serial: serial(1), key: key(1) },
        Change::KeyRange { ca, first_serial: serial(1_000), key: key(2) },
        Change::KeyRange { ca: Ca::Auth, first_serial: serial(1), key: key(1) },
    ];
    for (number, status) in STATUSES {
        let serial = serial(number);
        changes.push(Change::Issued { ca, serial });
        match status {
            CertificateStatus::Withdrawn(withdrawal) => changes.push(Change::Withdrawn { ca, serial, withdrawal }),
            CertificateStatus::Good | CertificateStatus::NotIssued => {}
        }
    }
    let index = StatusIndex::new();
    index.apply(1, &changes).expect("a log can say so");
    index
}

fn responder() -> Responder {
    let issuers = Issuers::new();
    for issuer in ISSUERS {
        issuers.add(issuer, &name(issuer.ca).to_der(), &public_key(issuer.key.get()));
        issuers.replace_signer(Box::new(Unsigned(issuer))).expect("just added");
    }
    let settings = OcspSettings::new(300, 28_800).expect("in bounds");
    let settings = settings.with_signed_unknown(true).with_archive_retention_seconds(86_400);
    Responder::new(Arc::new(issuers), Arc::new(index()), settings)
}

/// Decides and signs.
pub(crate) static RESPONDER: LazyLock<Responder> = LazyLock::new(responder);

/// The same behind HTTP.
pub(crate) static DOOR: LazyLock<Arc<OcspDoor>> = LazyLock::new(|| {
    let responder = responder();
    let metrics = OcspMetrics::register(&prometheus::Registry::new(), &responder).expect("its own registry");
    let clocks = Clocks { now: Arc::new(|| NOW), elapsed: Arc::new(|| Duration::ZERO) };
    let limits = SigningLimits { concurrent: 1, waiting: 8, patience: Duration::from_mins(1) };
    Arc::new(OcspDoor::new(Arc::new(OcspService::new(responder, clocks, limits, metrics))))
});

/// A delegate without a key.
struct Unsigned(IssuerKey);

impl OcspSigner for Unsigned {
    fn issuer(&self) -> IssuerKey {
        self.0
    }
    fn algorithm(&self) -> Algorithm {
        Algorithm::EcdsaP256Sha256
    }
    fn certificate_der(&self) -> &[u8] {
        DELEGATE
    }
    fn key_hash(&self) -> [u8; 20] {
        public_key(self.0.key.get()).key_identifier()
    }
    fn not_after(&self) -> UnixTime {
        NOW.plus_seconds(86_400 * 30)
    }
    fn signs_in_memory(&self) -> bool {
        true
    }
    fn sign(&self, data: ResponseData) -> Result<SignedResponseData, (ResponseData, SignFailure)> {
        Ok(SignedResponseData::new(data, vec![1; 72]))
    }
}

//! The same CRLs built a second time, in the slowest and plainest way, with x509-cert: what a cut must hold is taken from the
//! ledger's state by the words of the rules, and every tbsCertList must have the same octets.
use std::collections::BTreeMap;
use std::str::FromStr as _;

use der::asn1::{GeneralizedTime, Ia5String, OctetString, Uint, UtcTime};
use der::{DateTime, Encode as _};
use pki::crl::CrlReader;
use pki::identity::IssuerKey;
use pki::time::UnixTime;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, FreshestCrl, IssuingDistributionPoint};
use x509_cert::ext::{Extension, pkix::crl::dp::DistributionPoint};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::Time;
use x509_cert::{Version, certificate::Rfc5280};

use super::*;
use crate::ledger::WithdrawnCertificate;
use crate::signing::CrlSigner as _;
use crate::slot::Shape;

/// What readers hold of each key's full CRL: its number and its entries.
#[derive(Default)]
pub(super) struct SecondBuilder {
    held: BTreeMap<IssuerKey, (u64, Entries)>,
    /// thisUpdate of the cut that readers hold.
    held_at: Option<UnixTime>,
}

impl SecondBuilder {
    /// The files that readers held are gone.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Builds the cut that was just published, and compares each CRL's octets.
    pub(super) fn compare(&mut self, world: &World, generation: &Generation) {
        let cut = *generation.cut();
        let mut held = BTreeMap::new();
        for signer in &world.signers {
            let issuer = signer.issuer();
            let listed = |of: &dyn Fn(&WithdrawnCertificate) -> bool| -> Entries {
                let state = world.ledger.state();
                let certificates = state.withdrawn[issuer.ca.index()].values();
                // An entry stays until a CRL issued after the last second of its leave-day has had it.
                let stays = |certificate: &WithdrawnCertificate| {
                    self.held_at.is_none_or(|held_at| certificate.leave_day.jst_end() >= held_at)
                };
                let kept = certificates.filter(|certificate| stays(certificate) && of(certificate));
                kept.map(|certificate| (certificate.serial.get(), told(certificate.withdrawal))).collect()
            };
            let full = listed(&|_| true);
            let base = self.held.get(&issuer);
            let delta = base.map_or(Entries::new(), |(_, before)| changes(before, &full));
            let base = base.map_or(cut.cut_number, |(number, _)| *number);
            let tbs = |shape, entries: &Entries| {
                let slot = CrlSlot { shape, issuer };
                let ours = generation.read(slot).unwrap().unwrap();
                let theirs = tbs_cert_list(signer, slot, &cut, (shape == Shape::Delta).then_some(base), entries);
                assert_eq!(CrlReader::new(&ours).unwrap().tbs_der(), theirs.to_der().unwrap(), "{slot}");
            };
            for municipality in [ESASHI, KIYOSE, YOKOHAMA].map(code) {
                let partition = listed(&|certificate| certificate.municipality == Some(municipality));
                tbs(Shape::Partition(municipality), &partition);
            }
            tbs(Shape::CaCertificates, &Entries::new());
            tbs(Shape::Full, &full);
            tbs(Shape::Delta, &delta);
            held.insert(issuer, (cut.cut_number, full));
        }
        let count = generation.crls().len();
        assert_eq!(count, world.signers.len() * 6, "there is no other CRL");
        (self.held, self.held_at) = (held, Some(cut.this_update));
    }
}

/// revocationDate and CRLReason.
fn told(withdrawal: Withdrawal) -> (u64, u8) {
    let since = withdrawal.since().as_seconds().unsigned_abs();
    match withdrawal {
        Withdrawal::Held { .. } => (since, 6),
        Withdrawal::Revoked { reason, .. } => (since, reason.code()),
    }
}

fn changes(before: &Entries, after: &Entries) -> Entries {
    let new = after.iter().filter(|(serial, entry)| before.get(serial) != Some(entry));
    let gone = before.iter().filter(|(serial, _)| !after.contains_key(serial));
    let gone = gone.map(|(serial, (date, _))| (*serial, (*date, REMOVE_FROM_CRL)));
    new.map(|(serial, entry)| (*serial, *entry)).chain(gone).collect()
}

fn tbs_cert_list(
    signer: &TestSigner,
    slot: CrlSlot,
    cut: &crate::ledger::PublishedCut,
    base: Option<u64>,
    entries: &Entries,
) -> TbsCertList<Rfc5280> {
    let revoked = entries.iter().map(|(serial, (date, code))| RevokedCert {
        serial_number: SerialNumber::new(&serial.to_be_bytes()).unwrap(),
        revocation_date: time(*date),
        crl_entry_extensions: (*code != 0).then(|| vec![extension("2.5.29.21", false, &[0x0a, 1, *code])]),
    });
    let at = |time: UnixTime| self::time(time.as_seconds().unsigned_abs());
    TbsCertList {
        version: Version::V2,
        // ecdsa-with-SHA256, without parameters.
        signature: AlgorithmIdentifierOwned { oid: "1.2.840.10045.4.3.2".parse().unwrap(), parameters: None },
        issuer: Name::from_str(&format!("{},O=JPKI-TEST,C=JP", purpose(slot.issuer.ca))).unwrap(),
        this_update: at(cut.this_update),
        next_update: Some(at(cut.next_update)),
        revoked_certificates: (!entries.is_empty()).then(|| revoked.collect()),
        crl_extensions: Some(extensions(signer, slot, cut.cut_number, base)),
    }
}

fn extensions(signer: &TestSigner, slot: CrlSlot, number: u64, base: Option<u64>) -> Vec<Extension> {
    let url = |word: &str| format!("http://127.0.0.1:8080/crl/{}/{word}.crl", slot.issuer);
    let uri = |word: &str| GeneralName::UniformResourceIdentifier(Ia5String::new(&url(word)).unwrap());
    let uint = |number: u64| Uint::new(&number.to_be_bytes()).unwrap().to_der().unwrap();
    let key = OctetString::new(signer.public_key().key_identifier()).unwrap();
    let key = AuthorityKeyIdentifier { key_identifier: Some(key), ..AuthorityKeyIdentifier::default() };
    let municipality = |of: &str, code: &str| {
        let name = format!("{of},OU=CRL Distribution Points,{},O=JPKI-TEST,C=JP", purpose(slot.issuer.ca));
        let names = vec![GeneralName::DirectoryName(Name::from_str(&name).unwrap()), uri(code)];
        Some(DistributionPointName::FullName(names))
    };
    let distribution_point = match slot.shape {
        Shape::Partition(of) if of == code(ESASHI) => municipality("CN=Esashi-cho CRLDP,OU=Hokkaido", "01361"),
        Shape::Partition(of) if of == code(KIYOSE) => municipality("CN=Kiyose-shi CRLDP,OU=Tokyo-to", "13221"),
        Shape::Partition(_) => municipality("CN=Yokohama-shi CRLDP,OU=Kanagawa-ken", "14100"),
        Shape::CaCertificates | Shape::Full | Shape::Delta => None,
    };
    let point = IssuingDistributionPoint {
        distribution_point,
        only_contains_user_certs: slot.shape != Shape::CaCertificates,
        only_contains_ca_certs: slot.shape == Shape::CaCertificates,
        only_some_reasons: None,
        indirect_crl: false,
        only_contains_attribute_certs: false,
    };
    let mut extensions =
        vec![extension("2.5.29.35", false, &key.to_der().unwrap()), extension("2.5.29.20", false, &uint(number))];
    extensions.extend(base.map(|base| extension("2.5.29.27", true, &uint(base))));
    extensions.push(extension("2.5.29.28", true, &point.to_der().unwrap()));
    if slot.shape == Shape::Full {
        let deltas = DistributionPointName::FullName(vec![uri("delta")]);
        let freshest =
            FreshestCrl(vec![DistributionPoint { distribution_point: Some(deltas), reasons: None, crl_issuer: None }]);
        extensions.push(extension("2.5.29.46", false, &freshest.to_der().unwrap()));
    }
    extensions
}

fn purpose(ca: Ca) -> &'static str {
    match ca {
        Ca::Sign => "OU=JPKI for digital signature",
        Ca::Auth => "OU=JPKI for user authentication",
        Ca::PhoneSign | Ca::PhoneAuth => unreachable!("these lives have no phones"),
    }
}

fn extension(oid: &str, critical: bool, value: &[u8]) -> Extension {
    Extension { extn_id: oid.parse().unwrap(), critical, extn_value: OctetString::new(value).unwrap() }
}

/// RFC 5280 §5.1.2.4: UTCTime through 2049.
fn time(seconds: u64) -> Time {
    let at = DateTime::from_unix_duration(std::time::Duration::from_secs(seconds)).unwrap();
    if at.year() < 2050 {
        Time::UtcTime(UtcTime::from_date_time(at).unwrap())
    } else {
        Time::GeneralTime(GeneralizedTime::from_date_time(at))
    }
}

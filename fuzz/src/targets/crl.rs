//! A CRL, complete or delta, read again: what our strict reader takes is octet for octet what our writer makes of it, and a
//! decoder that is not ours reads the same.
use pki::crl::{CrlEntry, CrlHead, CrlKind, CrlReader, CrlScope, DeltaEntry, DistributionPoint, freshest_crl_value};
use pki::der::{DerError, DerReader, DerWriter, Tag};
use pki::identity::Ca;
use pki::revocation::{CertificateStatus, Withdrawal};
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode;

use crate::Outcome;
use crate::scene::{NOW, SIGN, STATUSES, name, public_key, serial};

pub(crate) fn run(octets: &[u8]) -> Outcome {
    let Ok(crl) = CrlReader::new(octets) else { return Outcome::Refused };
    let Ok(entries) = crl.delta_entries().collect::<Result<Vec<_>, _>>() else { return Outcome::Refused };
    let removes = entries.iter().any(|entry| matches!(entry, DeltaEntry::Removed { .. }));
    assert_eq!(crl.entries().any(|entry| entry.is_err()), removes, "read as a complete one");
    if removes && crl.base_crl_number().is_none() {
        return Outcome::Refused;
    }
    assert!(crl.verify(&public_key(1)).is_err(), "nobody has that key");
    let scopes = [CrlScope::Full, CrlScope::Partition(kiyose()), CrlScope::CaCertificates];
    let scope = scopes.iter().find(|scope| scope.to_issuing_distribution_point() == crl.issuing_distribution_point());
    let is_ours = crl.issuer_name_der() == name(SIGN.ca).to_der()
        && crl.authority_key_identifier() == public_key(1).key_identifier()
        && crl.freshest_crl().is_none_or(|value| value == freshest_crl_value(DELTAS))
        && algorithm(crl.tbs_der()) == Ok(&public_key(1).algorithm().signature_identifier()[..]);
    // Whoever checks a cut compares these with what they must be.
    let (true, Some(scope)) = (is_ours, scope) else { return Outcome::Refused };
    assert_eq!(tbs_der(&crl, scope, entries.iter().copied()), crl.tbs_der(), "there is one way to write it");
    let theirs: CertificateList = Decode::from_der(octets).expect("what we take is a CRL");
    let theirs = theirs.tbs_cert_list.revoked_certificates;
    assert_eq!(theirs.as_ref().map_or(0, Vec::len), entries.len());
    for (our, their) in entries.iter().zip(theirs.iter().flatten()) {
        assert_eq!(pki::der::small_unsigned(their.serial_number.as_bytes()), Some(our.serial().get()));
        let since = i64::try_from(their.revocation_date.to_unix_duration().as_secs()).expect("a date");
        assert_eq!(since, our.since().as_seconds());
    }
    Outcome::Taken
}

/// The AlgorithmIdentifier after the version.
fn algorithm(tbs_der: &[u8]) -> Result<&[u8], DerError> {
    let mut fields = DerReader::new(tbs_der).sequence()?;
    fields.integer_octets()?;
    Ok(fields.expect(Tag::SEQUENCE)?.whole)
}

/// What was read, written again.
fn tbs_der(crl: &CrlReader<'_>, scope: &CrlScope, entries: impl Iterator<Item = DeltaEntry>) -> Vec<u8> {
    let freshest_crl = crl.freshest_crl().map(|_| DELTAS);
    let kind = match crl.base_crl_number() {
        Some(base_crl_number) => CrlKind::Delta { base_crl_number },
        None => CrlKind::Complete { freshest_crl },
    };
    let head = CrlHead {
        issuer: SIGN,
        issuer_name: &name(SIGN.ca),
        public_key: &public_key(1),
        this_update: crl.this_update(),
        next_update: crl.next_update(),
        crl_number: crl.crl_number(),
        scope,
        kind,
    };
    head.tbs_der(entries).expect("it was read")
}

const DELTAS: &str = "http://127.0.0.1:8080/crl/sign/1/delta.crl";

fn kiyose() -> DistributionPoint {
    let uri = Some("http://127.0.0.1:8080/crl/sign/1/13221.crl".to_owned());
    DistributionPoint::of_municipality(Ca::Sign, "AKASHI-TEST", "Tokyo-to", "Kiyose-shi", uri)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let withdrawn: Vec<(u64, Withdrawal)> = STATUSES
        .into_iter()
        .filter_map(|(number, status)| match status {
            CertificateStatus::Withdrawn(withdrawal) => Some((number, withdrawal)),
            CertificateStatus::Good | CertificateStatus::NotIssued => None,
        })
        .collect();
    let entries = withdrawn.into_iter().map(|(number, withdrawal)| CrlEntry { serial: serial(number), withdrawal });
    let entries: Vec<_> = entries.map(DeltaEntry::Listed).collect();
    let removed = entries.iter().map(|entry| DeltaEntry::Removed { serial: entry.serial(), since: entry.since() });
    let alone = CrlKind::Complete { freshest_crl: None };
    vec![
        crl(&CrlScope::Full, CrlKind::Complete { freshest_crl: Some(DELTAS) }, &entries),
        crl(&CrlScope::Full, CrlKind::Delta { base_crl_number: 76 }, &removed.collect::<Vec<_>>()),
        crl(&CrlScope::Partition(kiyose()), alone, &entries),
        crl(&CrlScope::CaCertificates, alone, &[]),
    ]
}

fn crl(scope: &CrlScope, kind: CrlKind<'_>, entries: &[DeltaEntry]) -> Vec<u8> {
    let (issuer_name, public_key) = (name(SIGN.ca), public_key(1));
    let head = CrlHead {
        issuer: SIGN,
        issuer_name: &issuer_name,
        public_key: &public_key,
        this_update: NOW,
        next_update: NOW.plus_seconds(48 * 3_600),
        crl_number: 77,
        scope,
        kind,
    };
    let tbs_der = head.tbs_der(entries.iter().copied()).expect("in order");
    let mut writer = DerWriter::new();
    writer.sequence(|w| {
        w.raw(&tbs_der);
        public_key.algorithm().write_signature_identifier(w);
        w.bit_string(&[1; 72]);
    });
    writer.finish()
}

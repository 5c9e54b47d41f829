//! Whole CRLs, written, read by us and read by x509-cert.
use std::io::Read;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use der::{Decode, Encode};
use proptest::prelude::*;
use x509_cert::crl::CertificateList;
use x509_cert::ext::pkix::crl::BaseCrlNumber;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlNumber, CrlReason, FreshestCrl, IssuingDistributionPoint};

use super::strategies::{any_delta_entries, any_entries};
use super::*;
use crate::algorithm::PublicKey;
use crate::der::{DerReader, DerWriter, Tag};
use crate::identity::{Ca, IssuerKey, KeyNumber, Serial};
use crate::name::DistinguishedName;
use crate::oid;
use crate::revocation::{RevocationReason, Withdrawal};
use crate::time::UnixTime;

struct Issuer {
    key: EcdsaKeyPair,
    public: PublicKey,
    name: DistinguishedName,
}

impl Issuer {
    fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let public = PublicKey::from_spki(key.public_key().as_der().unwrap().as_ref()).unwrap();
        Self { key, public, name: DistinguishedName::japan().with(oid::ORGANIZATION, "JPKI-TEST") }
    }

    fn head<'a>(&'a self, this_update: UnixTime, scope: &'a CrlScope) -> CrlHead<'a> {
        let issuer = IssuerKey { ca: Ca::Sign, key: KeyNumber::FIRST };
        let next_update = this_update.plus_seconds(48 * 3_600);
        CrlHead {
            issuer,
            issuer_name: &self.name,
            public_key: &self.public,
            this_update,
            next_update,
            crl_number: 77,
            scope,
            kind: COMPLETE,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own throw-away key signs here")]
    fn signed(&self, tbs_der: &[u8]) -> Vec<u8> {
        let signature = self.key.sign(&aws_lc_rs::rand::SystemRandom::new(), tbs_der).unwrap();
        let mut writer = DerWriter::new();
        writer.sequence(|w| {
            w.raw(tbs_der);
            self.public.algorithm().write_signature_identifier(w);
            w.bit_string(signature.as_ref());
        });
        writer.finish()
    }
}

/// A source that gives that many octets at a time.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(into.len());
        self.0.read(&mut into[..count])
    }
}

/// Read from a source, and judged as a whole: form, entries, hash, signature.
fn streamed(der: &[u8], at_once: usize, issuer: &Issuer) -> Option<Vec<DeltaEntry>> {
    let size = der.len() as u64;
    let mut stream = CrlStream::new(Dribble(der, at_once), size, issuer.public.algorithm()).ok()?;
    let entries = std::iter::from_fn(|| stream.next_entry().transpose()).collect::<Result<Vec<_>, _>>().ok()?;
    let read = stream.finish().ok()?;
    read.verify(&issuer.public).ok()?;
    assert_eq!((read.entries(), read.sha256()), (entries.len() as u64, Some(crate::algorithm::sha256(der))));
    // Unhashed, with the entries left to the end: the same but for the signature, which nothing says.
    let unhashed = CrlStream::of_judged(der, size).unwrap().finish().unwrap();
    assert_eq!((&*unhashed, unhashed.entries()), (&*read, read.entries()));
    assert!(unhashed.verify(&issuer.public).is_err() && unhashed.sha256().is_none());
    assert_eq!(*CrlReader::new(der).unwrap(), *read);
    Some(entries)
}

const COMPLETE: CrlKind<'_> = CrlKind::Complete { freshest_crl: None };
const DELTAS: &str = "http://127.0.0.1:8080/crl/sign/1/delta.crl";
const NONE: [CrlEntry; 0] = [];

fn morning() -> UnixTime {
    "2026-11-22".parse::<crate::time::CivilDate>().unwrap().jst_start().plus_seconds(6 * 3_600 + 55 * 60)
}

fn partition() -> CrlScope {
    let uri = Some("http://127.0.0.1:8080/crl/sign/1/13221.crl".to_owned());
    CrlScope::Partition(DistributionPoint::of_municipality(Ca::Sign, "JPKI-TEST", "Tokyo-to", "Kiyose-shi", uri))
}

fn entry(serial: u64) -> CrlEntry {
    let withdrawal = Withdrawal::Revoked { since: morning(), reason: RevocationReason::AffiliationChanged };
    CrlEntry { serial: Serial::new(serial).unwrap(), withdrawal }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_crl_is_read_back_by_us_and_by_x509_cert(entries in any_entries(), full: bool, seconds in 0_i64..4_000_000_000) {
        let issuer = Issuer::new();
        let scope = if full { CrlScope::Full } else { partition() };
        let head = issuer.head(UnixTime::from_seconds(seconds), &scope);
        let der = issuer.signed(&head.tbs_der(entries.iter().copied()).unwrap());

        let ours = CrlReader::new(&der).unwrap();
        ours.verify(&issuer.public).unwrap();
        prop_assert_eq!(ours.entries().collect::<Result<Vec<_>, _>>().unwrap(), entries.clone());
        prop_assert_eq!(streamed(&der, 7, &issuer).unwrap(), entries.iter().copied().map(DeltaEntry::from).collect::<Vec<_>>());
        prop_assert_eq!((ours.this_update(), ours.next_update(), ours.crl_number()), (head.this_update, head.next_update, 77));
        prop_assert_eq!(ours.authority_key_identifier(), issuer.public.key_identifier());
        prop_assert_eq!(ours.issuer_name_der(), issuer.name.to_der());
        prop_assert_eq!(ours.issuing_distribution_point(), scope.to_issuing_distribution_point());

        let theirs: CertificateList = CertificateList::from_der(&der).unwrap();
        prop_assert_eq!(theirs.to_der().unwrap(), der);
        let list = theirs.tbs_cert_list.revoked_certificates.unwrap_or_default();
        prop_assert_eq!(list.len(), entries.len());
        for (theirs, ours) in list.iter().zip(&entries) {
            let serial = theirs.serial_number.as_bytes().iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
            prop_assert_eq!(serial, ours.serial.get());
            prop_assert_eq!(theirs.revocation_date.to_unix_duration().as_secs(), ours.withdrawal.since().as_seconds().unsigned_abs());
        }
    }

    #[test]
    fn a_delta_is_read_back_by_us_and_by_x509_cert(entries in any_delta_entries(), base in 1_u64..=77) {
        let issuer = Issuer::new();
        let head = CrlHead { kind: CrlKind::Delta { base_crl_number: base }, ..issuer.head(morning(), &CrlScope::Full) };
        let der = issuer.signed(&head.tbs_der(entries.iter().copied()).unwrap());
        let ours = CrlReader::new(&der).unwrap();
        ours.verify(&issuer.public).unwrap();
        prop_assert_eq!(ours.delta_entries().collect::<Result<Vec<_>, _>>().unwrap(), entries.clone());
        prop_assert_eq!((ours.base_crl_number(), ours.crl_number(), ours.freshest_crl()), (Some(base), 77, None));
        prop_assert_eq!(streamed(&der, usize::MAX, &issuer).unwrap(), entries.clone());
        // Read as a complete CRL it ends at its first removal.
        let removal = entries.iter().position(|entry| matches!(entry, DeltaEntry::Removed { .. }));
        prop_assert_eq!(ours.entries().position(|entry| entry.is_err()), removal);
        prop_assert_eq!(ours.entries().count(), removal.map_or(entries.len(), |at| at + 1));

        let theirs: CertificateList = CertificateList::from_der(&der).unwrap();
        prop_assert_eq!(theirs.to_der().unwrap(), der);
        let list = theirs.tbs_cert_list.revoked_certificates.unwrap_or_default();
        let reasons = list.iter().map(|entry| {
            let extension = entry.crl_entry_extensions.as_ref().map(|extensions| &extensions[0]);
            extension.map_or(0, |extension| CrlReason::from_der(extension.extn_value.as_bytes()).unwrap() as u8)
        });
        let removed: Vec<_> = reasons.map(|reason| reason == 8).collect();
        prop_assert_eq!(removed, entries.iter().map(|entry| matches!(entry, DeltaEntry::Removed { .. })).collect::<Vec<_>>());
    }

    #[test]
    fn reading_whatever_comes_never_panics(octets: Vec<u8>, at: prop::sample::Index, flipped in 1_u8..) {
        prop_assert!(CrlReader::new(&octets).is_err());
        let issuer = Issuer::new();
        let scope = partition();
        let mut der = issuer.signed(&issuer.head(morning(), &scope).tbs_der([entry(5), entry(9)]).unwrap());
        let place = at.index(der.len());
        der[place] ^= flipped;
        // One octet changed anywhere is noticed: by its form, by its contents, or by the signature.
        let noticed = CrlReader::new(&der).map_or(true, |crl| crl.verify(&issuer.public).is_err() || crl.entries().any(|entry| entry.is_err()));
        prop_assert!(noticed, "octet {place} xor {flipped:#04x}");
        prop_assert_eq!(streamed(&der, usize::MAX, &issuer), None);
        // Cut short, or with more behind it, whatever length it is said to have.
        for size in [place, der.len()] {
            let short = CrlStream::of_judged(&der[..place], size as u64).and_then(CrlStream::finish);
            prop_assert!(short.is_err(), "{place} of {} octets", der.len());
        }
        let longer = [&der[..], &[0]].concat();
        for size in [der.len(), longer.len()] {
            let long = CrlStream::of_judged(&longer[..], size as u64).and_then(CrlStream::finish);
            prop_assert!(long.is_err());
        }
    }
}

#[test]
fn the_extensions_are_those_of_rfc_5280_as_x509_cert_reads_them() {
    let issuer = Issuer::new();
    for (scope, has_name, of_cas) in
        [(CrlScope::Full, false, false), (partition(), true, false), (CrlScope::CaCertificates, false, true)]
    {
        let der = issuer.signed(&issuer.head(morning(), &scope).tbs_der(NONE).unwrap());
        let theirs: CertificateList = CertificateList::from_der(&der).unwrap();
        assert_eq!(theirs.tbs_cert_list.revoked_certificates, None, "C05: absent when empty");
        assert_eq!(theirs.signature_algorithm, theirs.tbs_cert_list.signature, "C02");
        let extensions = theirs.tbs_cert_list.crl_extensions.unwrap();
        assert_eq!(extensions.iter().map(|extension| extension.critical).collect::<Vec<_>>(), [false, false, true]);
        let key = AuthorityKeyIdentifier::from_der(extensions[0].extn_value.as_bytes()).unwrap();
        assert_eq!(key.key_identifier.unwrap().as_bytes(), issuer.public.key_identifier());
        let number = CrlNumber::from_der(extensions[1].extn_value.as_bytes()).unwrap();
        assert_eq!(number.0.as_bytes(), [77]);
        let point = IssuingDistributionPoint::from_der(extensions[2].extn_value.as_bytes()).unwrap();
        assert_eq!((point.only_contains_user_certs, point.only_contains_ca_certs), (!of_cas, of_cas));
        assert!(!point.indirect_crl && !point.only_contains_attribute_certs);
        assert_eq!(point.distribution_point.is_some(), has_name);
    }
}

#[test]
fn a_delta_names_its_base_and_a_complete_crl_its_deltas_as_x509_cert_reads_them() {
    let issuer = Issuer::new();
    let extensions = |kind| {
        let head = CrlHead { kind, ..issuer.head(morning(), &CrlScope::Full) };
        let der = issuer.signed(&head.tbs_der(NONE).unwrap());
        let theirs: CertificateList = CertificateList::from_der(&der).unwrap();
        (theirs.tbs_cert_list.crl_extensions.unwrap(), der)
    };
    let (of_delta, _) = extensions(CrlKind::Delta { base_crl_number: 76 });
    assert_eq!(of_delta.iter().map(|extension| extension.critical).collect::<Vec<_>>(), [false, false, true, true]);
    assert_eq!(of_delta[2].extn_id.to_string(), "2.5.29.27");
    assert_eq!(BaseCrlNumber::from_der(of_delta[2].extn_value.as_bytes()).unwrap().0.as_bytes(), [76]);
    let (of_complete, der) = extensions(CrlKind::Complete { freshest_crl: Some(DELTAS) });
    assert_eq!(of_complete.iter().map(|extension| extension.critical).collect::<Vec<_>>(), [false, false, true, false]);
    // C10: the same scope, octet for octet.
    assert_eq!(of_delta[3].extn_value, of_complete[2].extn_value);
    assert_eq!(of_complete[3].extn_id.to_string(), "2.5.29.46");
    let freshest = FreshestCrl::from_der(of_complete[3].extn_value.as_bytes()).unwrap();
    let [point] = &freshest.0[..] else { panic!("one distribution point: {freshest:?}") };
    assert_eq!((point.reasons, &point.crl_issuer), (None, &None), "C12");
    let Some(DistributionPointName::FullName(names)) = &point.distribution_point else { panic!("{point:?}") };
    assert!(matches!(&names[..], [GeneralName::UniformResourceIdentifier(uri)] if uri.as_str() == DELTAS), "{names:?}");
    assert_eq!(CrlReader::new(&der).unwrap().freshest_crl(), Some(&*freshest_crl_value(DELTAS)));
}

#[test]
fn a_crl_of_many_pieces_is_read_as_it_was_written_whatever_its_pieces() {
    let issuer = Issuer::new();
    let head = issuer.head(morning(), &CrlScope::Full);
    for count in [7_000, 30_000] {
        let entries = (0..count).map(|at| entry(100 + at * at));
        let size = entries.clone().map(|entry| DeltaEntry::from(entry).size()).sum();
        let frame = head.frame(size).unwrap();
        let mut linter = crate::lint::CrlLinter::new(frame, &head).unwrap();
        head.kind
            .write_entries(entries.clone(), |piece| -> Result<(), CrlWriteError> {
                linter.entries(piece).unwrap();
                Ok(())
            })
            .unwrap();
        let linted = linter.finish().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test's own throw-away key signs here")]
        let random = aws_lc_rs::rand::SystemRandom::new();
        let tbs_der = head.tbs_der(entries.clone()).unwrap();
        let signed = linted.assemble(issuer.key.sign(&random, &tbs_der).unwrap().as_ref());
        let octets: Vec<u8> = entries.clone().flat_map(|entry| entry.encode().as_slice().to_vec()).collect();
        let der = signed.whole(&octets);
        assert_eq!(CrlReader::new(&der).unwrap().tbs_der(), tbs_der);
        for at_once in [usize::MAX, 100_003] {
            assert_eq!(
                streamed(&der, at_once, &issuer).unwrap(),
                entries.clone().map(DeltaEntry::from).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn a_complete_crl_removes_nothing() {
    let issuer = Issuer::new();
    let removed = DeltaEntry::Removed { serial: entry(7).serial, since: morning() };
    let refused = issuer.head(morning(), &CrlScope::Full).tbs_der([removed]).unwrap_err();
    assert_eq!(refused, CrlWriteError::RemovedByComplete { serial: entry(7).serial });
}

#[test]
fn the_partition_is_named_with_the_octets_of_the_certificate() {
    let CrlScope::Partition(point) = partition() else { unreachable!("it is a partition") };
    let mut in_certificate = DerWriter::new();
    point.write_distribution_point_name(&mut in_certificate);
    let idp = partition().to_issuing_distribution_point();
    let mut fields = DerReader::new(&idp).sequence().unwrap();
    assert_eq!(fields.element().unwrap().whole, in_certificate.as_slice());
}

#[test]
fn validity_outside_the_hard_bounds_is_never_written_nor_read() {
    let issuer = Issuer::new();
    for seconds in [VALIDITY_SECONDS_MIN - 1, VALIDITY_SECONDS_MAX + 1, 0, -86_400] {
        let mut head = issuer.head(morning(), &CrlScope::Full);
        head.next_update = morning().plus_seconds(seconds);
        assert_eq!(head.tbs_der(NONE).unwrap_err(), CrlWriteError::ValidityOutOfBounds { seconds });
    }
    for seconds in [VALIDITY_SECONDS_MIN, VALIDITY_SECONDS_MAX] {
        let mut head = issuer.head(morning(), &CrlScope::Full);
        head.next_update = morning().plus_seconds(seconds);
        head.tbs_der(NONE).unwrap();
    }
    // The reader has the same bounds: a CRL whose nextUpdate is a day short of its thisUpdate, one digit changed.
    let mut der = issuer.signed(&issuer.head(morning(), &CrlScope::Full).tbs_der(NONE).unwrap());
    let next = der.windows(13).position(|part| part == b"261123215500Z").unwrap();
    der[next + 5] = b'0';
    assert_eq!(CrlReader::new(&der).unwrap_err(), CrlReadError::ValidityOutOfBounds { seconds: -86_400 });
}

#[test]
fn a_serial_twice_or_out_of_order_is_never_written() {
    let issuer = Issuer::new();
    let head = issuer.head(morning(), &CrlScope::Full);
    for (first, second) in [(7, 7), (8, 7)] {
        let refused = head.tbs_der([entry(first), entry(second)]).unwrap_err();
        let (serial, previous) = (Serial::new(second).unwrap(), Serial::new(first).unwrap());
        assert_eq!(refused, CrlWriteError::NotAscending { serial, previous });
    }
}

#[test]
fn a_serial_twice_is_refused_when_read() {
    let issuer = Issuer::new();
    let mut der = issuer.signed(&issuer.head(morning(), &CrlScope::Full).tbs_der([entry(7), entry(8)]).unwrap());
    let second = der.windows(3).rposition(|part| part == [2, 1, 8]).unwrap();
    der[second + 2] = 7;
    let seven = Serial::new(7).unwrap();
    let read: Vec<_> = CrlReader::new(&der).unwrap().entries().collect();
    assert_eq!(read, [Ok(entry(7)), Err(CrlReadError::NotAscending { serial: seven, previous: seven })]);
}

#[test]
fn a_list_that_is_present_but_empty_is_refused() {
    let issuer = Issuer::new();
    let tbs = issuer.head(morning(), &CrlScope::Full).tbs_der(NONE).unwrap();
    let contents = DerReader::new(&tbs).element().unwrap().contents;
    let extensions =
        contents.windows(4).position(|part| part[0] == 0xa0 && part[2] == 0x30 && part[1] == part[3] + 2).unwrap();
    let mut writer = DerWriter::new();
    writer.sequence(|w| {
        w.sequence(|w| {
            w.raw(&contents[..extensions]);
            w.sequence(|_| {});
            w.raw(&contents[extensions..]);
        });
        w.raw(&issuer.public.algorithm().signature_identifier());
        w.bit_string(&[0; 70]);
    });
    assert_eq!(CrlReader::new(writer.as_slice()).unwrap_err(), CrlReadError::EmptyList);
}

#[test]
fn whatever_follows_the_last_extension_is_refused_an_element_or_not() {
    let issuer = Issuer::new();
    let tbs = issuer.head(morning(), &CrlScope::Full).tbs_der(NONE).unwrap();
    let mut fields = DerReader::new(&tbs).sequence().unwrap();
    let before: Vec<_> = (0..5).map(|_| fields.element().unwrap().whole).collect();
    let extensions = fields.element().unwrap().reader().sequence().unwrap().rest();
    for more in [&[][..], &[0xff; 8], &[0x30, 0x7f], &[5, 0]] {
        let mut writer = DerWriter::new();
        writer.sequence(|w| {
            w.raw(&before.concat());
            w.constructed(Tag::context_constructed(0), |w| w.sequence(|w| w.raw(&[extensions, more].concat())));
        });
        let read = CrlReader::new(&issuer.signed(writer.as_slice())).map(|_| ());
        assert_eq!(read.is_ok(), more.is_empty(), "{more:02x?}: {read:?}");
    }
}

#[test]
fn another_key_of_the_same_name_does_not_verify() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let der = issuer.signed(&issuer.head(morning(), &CrlScope::Full).tbs_der(NONE).unwrap());
    assert!(CrlReader::new(&der).unwrap().verify(&other.public).is_err());
}

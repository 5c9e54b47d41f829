//! What relying parties hold in the end, signed: certificates, CRLs and OCSP answers, read by decoders that are not ours
//! and verified with the CA keys' own certificates.
use std::collections::BTreeMap;
use std::sync::Arc;

use akashi::delegation::Delegation;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use crl_publisher::ledger::CutCause;
use crl_publisher::slot::Shape;
use der07::Encode as _;
use ocsp_responder::{Answer, Issuers, OcspSettings, Responder};
use pki::algorithm::Algorithm;
use pki::identity::{Ca, IssuerKey, Purpose};
use pki::revocation::{CertificateStatus, RevocationReason, Withdrawal};
use pki::time::UnixTime;
use registry::state::{Counter, StateReads as _};
use x509_cert::Certificate;
use x509_cert::crl::CertificateList;
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::der::{Decode as _, DecodePem as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::BaseCrlNumber;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlReason};
use x509_cert::time::Time;

use crate::compare::{basic_response, issuer_key, issuer_of, read_answer, request, withdrawal};
use crate::dice::Dice;
use crate::law;
use crate::model::{Entries, Model, Place};
use crate::world::World;

/// The public keys of all CA keys, as their certificates say.
fn public_keys(world: &World) -> BTreeMap<IssuerKey, Vec<u8>> {
    let issuers = world.store().issuers().unwrap();
    let key_of = |der: &[u8]| {
        let certificate = Certificate::from_der(der).unwrap();
        certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes().to_vec()
    };
    issuers.iter().map(|(issuer, der)| (*issuer, key_of(der))).collect()
}

fn assert_signed(key: &[u8], message: &[u8], signature: &[u8], what: &str) {
    let verified = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(message, signature);
    assert!(verified.is_ok(), "{what}: the signature is another key's");
}

fn assert_names_key(extensions: Option<&Vec<Extension>>, key: &[u8], what: &str) {
    let named = extensions.unwrap().iter().find(|extension| extension.extn_id == AuthorityKeyIdentifier::OID).unwrap();
    let named = AuthorityKeyIdentifier::from_der(named.extn_value.as_bytes()).unwrap();
    let expected = digest(&SHA1_FOR_LEGACY_USE_ONLY, key);
    assert_eq!(named.key_identifier.unwrap().as_bytes(), expected.as_ref(), "{what}: the key it names");
}

fn seconds(time: Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap()
}

fn number(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

fn contains(octets: &[u8], text: &str) -> bool {
    octets.windows(text.len()).any(|part| part == text.as_bytes())
}

/// A certificate as its holder gets it.
pub(crate) fn certificate(world: &World, model: &Model, place: Place, pem: &str) {
    let (expected, what) = (&model.certificates[&place], model.tell(place));
    let certificate = Certificate::from_pem(pem).unwrap();
    let (der, tbs) = (certificate.to_der().unwrap(), certificate.tbs_certificate());
    assert_eq!(number(tbs.serial_number().as_bytes()), place.1, "{what}");
    let validity = tbs.validity();
    assert_eq!(seconds(validity.not_before), expected.not_before, "{what}: notBefore");
    assert_eq!(seconds(validity.not_after), expected.not_after, "{what}: notAfter");
    let key = &public_keys(world)[&issuer_key(place.0, expected.key)];
    assert_signed(key, &tbs.to_der().unwrap(), certificate.signature().raw_bytes(), &what);
    assert_names_key(tbs.extensions(), key, &what);
    let carries = place.0.purpose() == Purpose::Signature;
    for text in [expected.info.name, expected.info.address] {
        assert_eq!(contains(&der, text), carries, "{what}: the 4 info");
    }
    let partition = format!("/crl/{}/{}/{:05}.crl", place.0, expected.key, expected.municipality);
    assert!(contains(&der, &partition), "{what}: the distribution point is not {partition}");
}

/// The certificates of the CA keys.
pub(crate) fn roots(world: &World, model: &Model) {
    for (issuer, der) in world.store().issuers().unwrap() {
        let certificate = Certificate::from_der(&der).unwrap();
        let validity = certificate.tbs_certificate().validity();
        let expected = &model.keys[issuer.ca as usize][usize::from(issuer.key.get()) - 1];
        assert_eq!(seconds(validity.not_before), expected.activated_at, "the root {issuer}");
        assert_eq!(seconds(validity.not_after), expected.not_after, "the root {issuer}");
        assert_eq!(expected.not_after, law::ca_not_after(expected.activated_at));
    }
}

/// A cut, published and read whole.
pub(crate) fn cut(world: &World, model: &mut Model) {
    let publisher = &world.process().publisher;
    let ready = publisher.prepare(&CutCause::Requested { because: "a life".to_owned() }).unwrap();
    let cut = publisher.flip(ready).unwrap();
    assert_eq!(cut.this_update.as_seconds(), model.now);
    let (keys, crls) = (public_keys(world), model.crls());
    let generation = publisher.published().load().current.clone().unwrap();
    assert_eq!(generation.crls().len(), keys.len() * (world.layout.codes().len() + 3), "each live key has all CRLs");
    for slot in generation.crls().keys() {
        let what = format!("the CRL {slot}");
        let der = generation.read(*slot).unwrap().unwrap();
        let list = CertificateList::from_der(&der).unwrap();
        let key = &keys[&slot.issuer];
        assert_signed(key, &list.tbs_cert_list.to_der().unwrap(), list.signature.raw_bytes(), &what);
        assert_names_key(list.tbs_cert_list.crl_extensions.as_ref(), key, &what);
        let expected = |municipality| crls.get(&(slot.issuer.ca, municipality)).map_or(&[][..], Vec::as_slice);
        let extensions = list.tbs_cert_list.crl_extensions.iter().flatten();
        let mut base = extensions.filter(|extension| extension.extn_id == BaseCrlNumber::OID);
        let base = base.next().map(|base| BaseCrlNumber::from_der(base.extn_value.as_bytes()).unwrap());
        assert_eq!(base.is_some(), slot.shape == Shape::Delta, "{what}");
        match slot.shape {
            Shape::Full => assert_eq!(entries(&list), expected(None), "{what}"),
            Shape::Partition(code) => assert_eq!(entries(&list), expected(Some(code.get())), "{what}"),
            Shape::CaCertificates => assert_eq!(entries(&list), of_cas(world, model, slot.issuer), "{what}"),
            Shape::Delta => {
                let numbers = (cut.cut_number, number(base.unwrap().0.as_bytes()));
                let combined = model.combined((slot.issuer.ca, slot.issuer.key.get()), numbers, &changes(&list));
                assert_eq!(combined, expected(None), "{what}");
            }
        }
    }
    for issuer in keys.keys() {
        let full = crls.get(&(issuer.ca, None)).cloned().unwrap_or_default();
        model.held.insert((issuer.ca, issuer.key.get()), (cut.cut_number, full));
    }
    model.carried_at = Some(model.now);
}

/// The CA certificates that this key signed and that a compromise ended: its own, that of the key it vouches for, or both.
fn of_cas(world: &World, model: &Model, signer: IssuerKey) -> Entries {
    let keys = public_keys(world);
    let ended = |key: IssuerKey| model.keys[key.ca as usize][usize::from(key.key.get()) - 1].compromised_at;
    let own = world.store().issuers().unwrap().into_iter().map(|(_, der)| der);
    let all = own.chain(world.store().links().unwrap().into_iter().map(|link| link.certificate));
    let revoked = all.filter_map(|der| {
        let certificate = Certificate::from_der(&der).unwrap();
        let (tbs, signature) = (certificate.tbs_certificate(), certificate.signature().raw_bytes());
        let octets = tbs.to_der().unwrap();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &keys[&signer]);
        key.verify(&octets, signature).ok()?;
        let subject = tbs.subject_public_key_info().subject_public_key.raw_bytes();
        let (subject, _) = keys.iter().find(|(_, key)| key.as_slice() == subject).unwrap();
        let since = [signer, *subject].into_iter().filter_map(ended).min()?;
        let withdrawal =
            Withdrawal::Revoked { since: UnixTime::from_seconds(since), reason: RevocationReason::CaCompromise };
        Some((number(tbs.serial_number().as_bytes()), withdrawal))
    });
    let mut revoked: Entries = revoked.collect();
    revoked.sort_by_key(|(serial, _)| *serial);
    revoked
}

fn entries(list: &CertificateList) -> Entries {
    let complete = |(serial, withdrawal): (u64, Option<_>)| (serial, withdrawal.expect("nothing is removed here"));
    changes(list).into_iter().map(complete).collect()
}

/// The entries of a delta, in which `None` is a removal.
fn changes(list: &CertificateList) -> Vec<(u64, Option<Withdrawal>)> {
    let entries = list.tbs_cert_list.revoked_certificates.iter().flatten();
    let entry = |entry: &x509_cert::crl::RevokedCert| {
        let extensions = entry.crl_entry_extensions.iter().flatten();
        let reason = extensions.clone().find(|extension| extension.extn_id == CrlReason::OID);
        let reason = reason.map(|reason| CrlReason::from_der(reason.extn_value.as_bytes()).unwrap());
        let withdrawal = match reason {
            Some(CrlReason::RemoveFromCRL) => None,
            reason => Some(withdrawal(seconds(entry.revocation_date), reason.map_or(0, |reason| reason as u8))),
        };
        (number(entry.serial_number.as_bytes()), withdrawal)
    };
    entries.map(entry).collect()
}

/// Answers signed by the delegates, each renewed if it is time.
pub(crate) fn ocsp(world: &World, model: &mut Model, dice: &mut Dice) {
    let process = world.process();
    let now = UnixTime::from_seconds(model.now);
    let issuers = Arc::new(Issuers::new());
    let live: Vec<_> = process.issuers.iter().filter(|issuer| issuer.not_after > now.plus_seconds(86_400)).collect();
    let delegation = Delegation {
        authority: Arc::clone(&process.authority),
        token: Arc::clone(&world.token),
        issuers: Arc::clone(&issuers),
        algorithms: vec![Algorithm::EcdsaP256Sha256],
    };
    for issuer in &live {
        issuers.add(issuer.issuer, &issuer.name.to_der(), &issuer.public_key);
        delegation.ensure(issuer.issuer, now).unwrap();
    }
    // Delegates' certificates take serials of the same counters.
    for ca in Ca::ALL {
        model.last_serial[ca as usize] = world.store().counter(Counter::Serial(ca)).unwrap();
    }
    let settings = OcspSettings::new(300, 28_800).unwrap();
    let responder = Responder::new(issuers, Arc::clone(&process.index), settings);
    let keys = public_keys(world);
    let all: Vec<Place> = model.certificates.keys().copied().collect();
    for place in (0..12).filter_map(|_| dice.pick(&all)) {
        let expected = &model.certificates[&place];
        let key = issuer_key(place.0, expected.key);
        if live.iter().all(|issuer| issuer.issuer != key) {
            continue;
        }
        let answer = responder.answer(key.ca, &request(issuer_of(process, key), &[place.1]), now);
        let what = format!("OCSP, signed: {}", model.tell(place));
        assert_eq!(read_answer(&answer), Ok(BTreeMap::from([(place.1, expected.status)])), "{what}");
        assert_delegated(&answer, &keys[&key], model.now, &what);
    }
}

fn assert_delegated(answer: &Answer, ca_key: &[u8], now: i64, what: &str) {
    let basic = basic_response(answer.der());
    let delegate = &basic.certs.as_ref().unwrap()[0];
    let key = delegate.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes();
    assert_signed(key, &basic.tbs_response_data.to_der().unwrap(), basic.signature.raw_bytes(), what);
    let tbs = delegate.tbs_certificate.to_der().unwrap();
    assert_signed(ca_key, &tbs, delegate.signature.raw_bytes(), "the delegate of the answer");
    let single = &basic.tbs_response_data.responses[0];
    let this_update = i64::try_from(single.this_update.0.to_unix_duration().as_secs()).unwrap();
    assert_eq!(this_update, now, "{what}: thisUpdate");
}

/// The words of an answer in JSON, as of now.
pub(crate) fn words(status: CertificateStatus) -> (&'static str, Option<&'static str>, Option<i64>) {
    match status {
        CertificateStatus::NotIssued => ("pending", None, None),
        CertificateStatus::Good => ("good", None, None),
        CertificateStatus::Withdrawn(Withdrawal::Held { since }) => {
            ("held", Some("certificateHold"), Some(since.as_seconds()))
        }
        CertificateStatus::Withdrawn(Withdrawal::Revoked { since, reason }) => {
            let reason = match reason.code() {
                0 => "unspecified",
                1 => "keyCompromise",
                2 => "cACompromise",
                3 => "affiliationChanged",
                4 => "superseded",
                _ => "cessationOfOperation",
            };
            ("revoked", Some(reason), Some(since.as_seconds()))
        }
    }
}

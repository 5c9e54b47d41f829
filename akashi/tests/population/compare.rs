//! After every step: registry, index, OCSP, full and municipal CRLs say what the model says.
use std::collections::BTreeMap;
use std::sync::Arc;

use akashi::ledger::RegistryLedger;
use crl_publisher::ledger::CutLedger as _;
use crl_publisher::plan::{CutFrame, PublishPlan};
use crl_publisher::slot::Shape;
use der07::Decode as _;
use ocsp_responder::{Answer, Issuers, OcspSettings, OcspSigner, Responder, SignFailure, SignedResponseData};
use pki::algorithm::{Algorithm, Digest};
use pki::certificate::Issuer;
use pki::crl::{CrlEntry, CrlKind, DeltaEntry};
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::ocsp::{ErrorStatus, RequestWriter, ResponseData, write_cert_id};
use pki::revocation::{CertificateStatus, RevocationReason, Withdrawal};
use pki::time::UnixTime;
use registry::state::{Counter, StateReads as _};
use status::StatusCounts;
use x509_ocsp::{BasicOcspResponse, CertStatus, OcspResponse};

use crate::dice::Dice;
use crate::law;
use crate::model::{Model, Place};
use crate::queue::Stage;
use crate::world::{Process, World};

/// Signs with nothing: what an answer says is decided before it is signed.
struct NoSigner(IssuerKey, Vec<u8>);

impl OcspSigner for NoSigner {
    fn issuer(&self) -> IssuerKey {
        self.0
    }
    fn algorithm(&self) -> Algorithm {
        Algorithm::EcdsaP256Sha256
    }
    fn certificate_der(&self) -> &[u8] {
        &self.1
    }
    fn key_hash(&self) -> [u8; 20] {
        [0; 20]
    }
    fn not_after(&self) -> UnixTime {
        UnixTime::MAX
    }
    fn signs_in_memory(&self) -> bool {
        false
    }
    fn sign(&self, data: ResponseData) -> Result<SignedResponseData, (ResponseData, SignFailure)> {
        Ok(SignedResponseData::new(data, vec![0]))
    }
}

/// A responder over the process's index.
pub(crate) fn responder(process: &Process) -> Responder {
    let issuers = Issuers::new();
    for (key, der) in process.registry.store().issuers().unwrap() {
        let issuer = issuer_of(process, key);
        issuers.add(key, &issuer.name.to_der(), &issuer.public_key);
        issuers.replace_signer(Box::new(NoSigner(key, der))).unwrap();
    }
    Responder::new(Arc::new(issuers), Arc::clone(&process.index), OcspSettings::new(300, 28_800).unwrap())
}

pub(crate) fn issuer_of(process: &Process, key: IssuerKey) -> &Issuer {
    process.issuers.iter().find(|issuer| issuer.issuer == key).expect("the key is in service")
}

pub(crate) fn issuer_key(ca: Ca, key: u16) -> IssuerKey {
    IssuerKey { ca, key: KeyNumber::new(key).unwrap() }
}

fn serial(number: u64) -> Serial {
    Serial::new(number).unwrap()
}

/// A request about those serials under that key, by one digest or the other.
pub(crate) fn request(issuer: &Issuer, serials: &[u64]) -> Vec<u8> {
    let digest = if serials[0].is_multiple_of(2) { Digest::Sha1 } else { Digest::Sha256 };
    let name = issuer.name.to_der();
    let cert_id = |number| write_cert_id(digest, &name, issuer.public_key.key_octets(), serial(number));
    serials.iter().fold(RequestWriter::new(), |writer, number| writer.cert_id(&cert_id(*number))).finish()
}

/// What an answer says of each certificate, read by a decoder that is not ours.
pub(crate) fn read_answer(answer: &Answer) -> Result<BTreeMap<u64, CertificateStatus>, ErrorStatus> {
    let signed = match answer {
        Answer::Signed(signed) => signed,
        Answer::Refused(status) => return Err(*status),
    };
    let basic = basic_response(&signed.der);
    let said = basic.tbs_response_data.responses.iter().map(|single| {
        let number = single.cert_id.serial_number.as_bytes();
        let number = number.iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
        (number, said_status(&single.cert_status))
    });
    Ok(said.collect())
}

pub(crate) fn basic_response(der: &[u8]) -> BasicOcspResponse {
    let response = OcspResponse::from_der(der).unwrap();
    BasicOcspResponse::from_der(response.response_bytes.unwrap().response.as_bytes()).unwrap()
}

fn said_status(status: &CertStatus) -> CertificateStatus {
    match status {
        CertStatus::Good(_) => CertificateStatus::Good,
        CertStatus::Unknown(_) => CertificateStatus::NotIssued,
        CertStatus::Revoked(info) => {
            let since = i64::try_from(info.revocation_time.0.to_unix_duration().as_secs()).unwrap();
            CertificateStatus::Withdrawn(withdrawal(since, info.revocation_reason.map_or(0, |reason| reason as u8)))
        }
    }
}

/// By the number of RFC 5280 §5.3.1.
pub(crate) fn withdrawal(since: i64, code: u8) -> Withdrawal {
    let since = UnixTime::from_seconds(since);
    match code {
        6 => Withdrawal::Held { since },
        code => Withdrawal::Revoked { since, reason: RevocationReason::from_code(code).expect("a reason of JPKI's") },
    }
}

/// Compares everything that a step may have changed, and some that it may not.
pub(crate) fn after_a_step(world: &World, model: &Model, responder: &Responder, dice: &mut Dice, touched: &[Place]) {
    let all: Vec<Place> = model.certificates.keys().copied().collect();
    let sample = (0..6).filter_map(|_| dice.pick(&all));
    let places: Vec<Place> = touched.iter().copied().chain(sample).collect();
    for place in &places {
        compare_record(world, model, *place);
    }
    compare_index(world, model);
    compare_ocsp(world, model, responder, &places);
    compare_crls(world, model);
}

/// Compares everything with everything.
pub(crate) fn all(world: &World, model: &Model, responder: &Responder) {
    let process = world.process();
    assert_eq!(world.store().pending_issues().unwrap(), [], "nothing is left unfinished");
    let waiting = world.store().waiting().unwrap();
    let waiting: Vec<_> = waiting.iter().map(|(number, _)| usize::try_from(number.0).unwrap() - 1).collect();
    let waits = |at: &usize| matches!(model.queue[*at].stage, Stage::Waiting | Stage::Begun(_));
    assert_eq!(waiting, (0..model.queue.len()).filter(waits).collect::<Vec<_>>(), "what waits in the queue");
    for ca in Ca::ALL {
        let last = model.last_serial[ca as usize];
        assert_eq!(world.store().counter(Counter::Serial(ca)).unwrap(), last, "the counter of {ca}");
        for number in 1..=last + 1 {
            let place = (ca, number);
            let certificate = model.certificates.get(&place);
            match certificate {
                Some(_) => compare_record(world, model, place),
                None => assert!(world.store().certificate(ca, serial(number)).unwrap().is_none(), "{ca}/{number}"),
            }
            for key in 1..=model.newest_key(ca) {
                let expected = certificate.filter(|certificate| certificate.key == key);
                let expected = expected.map_or(CertificateStatus::NotIssued, |certificate| certificate.status);
                let found = process.index.status(issuer_key(ca, key), serial(number));
                assert_eq!(found, expected, "the index, under key {key}: {}", model.tell(place));
            }
        }
    }
    let all: Vec<Place> = model.certificates.keys().copied().collect();
    for some in all.chunks(60) {
        compare_ocsp(world, model, responder, some);
    }
    compare_crls(world, model);
}

fn compare_record(world: &World, model: &Model, place: Place) {
    let (ca, number) = place;
    let expected = &model.certificates[&place];
    let record = world.store().certificate(ca, serial(number)).unwrap();
    let record = record.unwrap_or_else(|| panic!("the registry lost {}", model.tell(place)));
    let status = match (record.withdrawal(), record.issued_row) {
        (Some(withdrawal), _) => CertificateStatus::Withdrawn(withdrawal),
        (None, Some(_)) => CertificateStatus::Good,
        (None, None) => CertificateStatus::NotIssued,
    };
    let told = || format!("the registry: {}", model.tell(place));
    assert_eq!(status, expected.status, "{}", told());
    assert_eq!(record.issued_row.is_some(), expected.issued.is_some(), "{}", told());
    assert_eq!(record.key.get(), expected.key, "{}", told());
    assert_eq!(record.municipality, expected.municipality, "{}", told());
    assert_eq!(record.reserved_at.as_seconds(), expected.not_before, "{}", told());
    let card = record.card.map(|card| (card.ca, card.serial.get()));
    assert_eq!(card, expected.card, "{}", told());
    let leave_day = record.leave_day.map(|day| day.0.days());
    assert_eq!(leave_day, Some(law::leave_day(expected.not_after)), "{}", told());
}

fn compare_index(world: &World, model: &Model) {
    let index = &world.process().index;
    assert_eq!(index.position(), world.position(), "the index stands at the log's end");
    let mut counts = [StatusCounts::default(); 4];
    for (place, certificate) in &model.certificates {
        let found = index.status(issuer_key(place.0, certificate.key), serial(place.1));
        assert_eq!(found, certificate.status, "the index: {}", model.tell(*place));
        let counts = &mut counts[place.0 as usize];
        match certificate.status {
            CertificateStatus::Good => counts.good += 1,
            CertificateStatus::Withdrawn(Withdrawal::Held { .. }) => counts.held += 1,
            CertificateStatus::Withdrawn(Withdrawal::Revoked { .. }) => counts.revoked += 1,
            CertificateStatus::NotIssued => {}
        }
    }
    for ca in Ca::ALL {
        assert_eq!(index.counts(ca), counts[ca as usize], "all of {ca} that the index has");
    }
}

fn compare_ocsp(world: &World, model: &Model, responder: &Responder, places: &[Place]) {
    let mut asked: BTreeMap<IssuerKey, Vec<u64>> = BTreeMap::new();
    for (ca, number) in places {
        let key = issuer_key(*ca, model.certificates[&(*ca, *number)].key);
        asked.entry(key).or_default().push(*number);
    }
    let now = UnixTime::from_seconds(model.now);
    for (key, mut serials) in asked {
        serials.sort_unstable();
        serials.dedup();
        let status = |number: &u64| {
            model.certificates.get(&(key.ca, *number)).map_or(CertificateStatus::NotIssued, |c| c.status)
        };
        // One that nobody has yet stands beside them.
        serials.push(model.last_serial[key.ca as usize] + 1);
        let expected: BTreeMap<_, _> = serials.iter().map(|number| (*number, status(number))).collect();
        let answer = responder.answer(key.ca, &request(issuer_of(world.process(), key), &serials), now);
        assert_eq!(read_answer(&answer), Ok(expected), "OCSP, under {key}");
        for other in (1..=model.newest_key(key.ca)).filter(|other| *other != key.key.get()) {
            let other = issuer_of(world.process(), issuer_key(key.ca, other));
            let of_that: Vec<u64> = serials
                .iter()
                .copied()
                .filter(|number| {
                    model.certificates.get(&(key.ca, *number)).is_none_or(|c| c.key != other.issuer.key.get())
                })
                .collect();
            let answer = responder.answer(key.ca, &request(other, &of_that), now);
            let refused = read_answer(&answer);
            assert_eq!(refused, Err(ErrorStatus::Unauthorized), "OCSP of {key}'s certificates, under {}", other.issuer);
        }
    }
}

/// Which entries stand in which CRL if a cut were made now.
fn compare_crls(world: &World, model: &Model) {
    let process = world.process();
    let ledger = RegistryLedger(Arc::clone(&process.registry));
    let frozen = ledger.freeze().unwrap();
    assert_eq!(frozen.log_position(), world.position());
    let this_update = frozen.frozen_at();
    let frame = CutFrame {
        cut_number: 1,
        log_position: frozen.log_position(),
        tree_head: frozen.tree_head(),
        this_update,
        next_update: this_update.plus_seconds(86_400),
        carried_at: model.carried_at.map(UnixTime::from_seconds),
    };
    let newest = Ca::ALL.map(|ca| issuer_key(ca, model.newest_key(ca)));
    let served = process.publisher.published().load().current.clone();
    let plan = PublishPlan::new(frame, frozen.as_ref(), &newest, &world.layout, served.as_deref(), 2).unwrap();
    let mut crls = model.crls();
    for slot in plan.slots() {
        let planned = plan.entries(*slot).map(|entry| match entry {
            DeltaEntry::Listed(CrlEntry { serial, withdrawal }) => (serial.get(), Some(withdrawal)),
            DeltaEntry::Removed { serial, .. } => (serial.get(), None),
        });
        let planned: Vec<_> = planned.collect();
        let municipality = match slot.shape {
            Shape::Full => None,
            Shape::Partition(code) => Some(code.get()),
            // Compared when a cut is made.
            Shape::CaCertificates => continue,
            Shape::Delta => {
                let CrlKind::Delta { base_crl_number } = plan.kind(*slot, None) else { panic!("{slot} is a delta") };
                let issuer = (slot.issuer.ca, slot.issuer.key.get());
                let combined = model.combined(issuer, (1, base_crl_number), &planned);
                let full = model.crls().remove(&(slot.issuer.ca, None)).unwrap_or_default();
                assert_eq!(combined, full, "the CRL {slot}");
                continue;
            }
        };
        let complete = |(serial, withdrawal): (u64, Option<_>)| (serial, withdrawal.expect("nothing is removed here"));
        let planned: Vec<_> = planned.into_iter().map(complete).collect();
        assert_eq!(planned, crls.remove(&(slot.issuer.ca, municipality)).unwrap_or_default(), "the CRL {slot}");
    }
    assert!(crls.is_empty(), "there is no CRL for {:?}", crls.keys());
}

//! Each way in which a cut can be wrong: it is refused by name, the old cut stays, and no number comes twice.
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pki::crl::{CrlEntry, CrlKind, CrlScope, DeltaEntry};
use pki::identity::Ca;
use pki::revocation::{RevocationReason, Withdrawal};

use super::fakes::*;
use crate::build::{build, write_manifest};
use crate::check::{CheckFailure, Demand, check_crls, check_manifest};
use crate::generation::{Generation, SEGMENT_FILE};
use crate::ledger::{CutLedger as _, FrozenState, WithdrawnCertificate};
use crate::plan::{CutFrame, PublishPlan};
use crate::publish::{PublishError, Publisher};
use crate::segment::Segment;
use crate::signing::{CrlSigner, ManifestSigner as _};
use crate::slot::{CrlSlot, Shape};

const LATER: &str = "2030-03-31";

/// A world whose first cut, number 1, is published with two entries.
fn published() -> (World, Publisher) {
    let world = World::new();
    world.ledger.revoke(Ca::Sign, 5, KIYOSE, LATER);
    world.ledger.revoke(Ca::Sign, 6, YOKOHAMA, LATER);
    let publisher = world.open();
    world.publish(&publisher, jst("2026-11-22", 6, 55, 0)).unwrap();
    (world, publisher)
}

/// The next cut fails at that check, burns its number, leaves no file behind, and cut 1 is still what readers see, now
/// and after a restart. Then, with the fault gone, a cut with a higher number succeeds.
fn assert_refused(world: &World, publisher: &Publisher, word: &str, mend: impl FnOnce()) -> PublishError {
    let error = world.publish(publisher, jst("2026-11-23", 6, 55, 0)).unwrap_err();
    assert_eq!(error.word(), word, "{error}");
    assert_eq!(world.ledger.state().failed.last(), Some(&(2, word.to_owned())));
    assert_eq!(publisher.served().unwrap().cut_number, 1);
    assert!(!world.folder.path().join("cuts/2").exists());
    assert_eq!(world.after_a_restart().unwrap().cut_number, 1);
    mend();
    assert_eq!(world.publish(publisher, jst("2026-11-23", 6, 56, 0)).unwrap().cut_number, 3);
    error
}

#[test]
fn a_crl_signed_with_another_key_is_refused() {
    let (world, publisher) = published();
    world.signers[1].misbehave(Mischief::OtherKey);
    let error = assert_refused(&world, &publisher, "signature", || world.signers[1].behave());
    assert!(error.to_string().starts_with("check auth/1/"), "{error}");
}

/// In the place of one CRL of cut 2 stand other octets; the check says that word.
fn refused_for(place: CrlSlot, other: impl FnOnce(&Generation, &Segment) -> Vec<u8>) -> &'static str {
    let (world, publisher) = published();
    let served = publisher.published().load().current.clone().unwrap();
    world.clock.set(jst("2026-11-23", 6, 55, 0));
    let right = second_frame(&world, &served);
    judge(&world, &served, right, right).unwrap();
    let frozen = world.ledger.freeze().unwrap();
    let forge = |segment: &mut Segment| {
        let der = other(&served, segment);
        put(segment, place, &der);
    };
    judge_forged(&world, &served, (right, frozen.as_ref()), right, forge).unwrap_err().word()
}

#[test]
fn a_crl_in_another_issuers_slot_is_refused() {
    // The accident of a key rollover (I11).
    let other = |_: &Generation, segment: &Segment| built(segment, slot(Ca::Auth, 1, None));
    assert_eq!(refused_for(slot(Ca::Sign, 1, None), other), "issuer");
}

#[test]
fn a_crl_of_another_generation_of_the_key_is_refused() {
    // Both carry one DN, so only the key identifier tells them apart (I18).
    let other = |_: &Generation, segment: &Segment| built(segment, slot(Ca::Auth, 1, None));
    assert_eq!(refused_for(slot(Ca::Auth, 2, None), other), "key-identifier");
}

#[test]
fn another_municipalitys_crl_is_refused() {
    let other = |_: &Generation, segment: &Segment| built(segment, slot(Ca::Sign, 1, Some(YOKOHAMA)));
    assert_eq!(refused_for(slot(Ca::Sign, 1, Some(KIYOSE)), other), "distribution-point");
}

#[test]
fn yesterdays_crl_is_refused() {
    let place = slot(Ca::Sign, 1, Some(ESASHI));
    assert_eq!(refused_for(place, |served, _| served.read(place).unwrap().unwrap()), "number");
}

#[test]
fn a_key_that_does_not_sign_burns_the_number() {
    let (world, publisher) = published();
    world.signers[0].misbehave(Mischief::Fails(u32::MAX));
    assert_refused(&world, &publisher, "build", || world.signers[0].behave());
}

#[test]
fn a_key_that_fails_once_is_asked_again_with_the_same_crl() {
    let (world, publisher) = published();
    world.signers[0].misbehave(Mischief::Fails(1));
    assert_eq!(world.publish(&publisher, jst("2026-11-23", 6, 55, 0)).unwrap().cut_number, 2);
}

#[test]
fn a_signer_that_hands_back_a_crl_of_other_entries_touches_no_neighbours_octets() {
    let (world, publisher) = published();
    let signer = &world.signers[0];
    let kind = CrlKind::Complete { freshest_crl: None };
    let head = head(signer, 2, jst("2026-11-23", 6, 55, 0), &CrlScope::Full, kind);
    let entries: Vec<_> = entries(publisher.published().load().current.as_ref().unwrap(), slot(Ca::Sign, 1, None));
    let listed: Vec<_> = entries.into_iter().map(DeltaEntry::from).collect();
    let other = signed_frame(signer, &head, &listed);
    signer.misbehave(Mischief::HandsBack(other));
    let error = assert_refused(&world, &publisher, "build", || signer.behave());
    // Esashi's comes first, and has no entries.
    assert_eq!(error.to_string(), "build: sign/1/01361: what was signed has another length than what is written");
}

#[test]
fn an_entry_that_the_ledger_forgot_is_missed() {
    let (world, publisher) = published();
    let forgotten = world.ledger.state().withdrawn[Ca::Sign.index()].remove(&serial(6)).unwrap();
    let error = assert_refused(&world, &publisher, "departures", || {
        world.ledger.state().withdrawn[Ca::Sign.index()].insert(serial(6), forgotten);
    });
    assert_eq!(
        error.to_string(),
        "check departures: serial 6 of sign/1 left before its leave-day and was not released from a hold"
    );
}

#[test]
fn a_revocation_is_never_released() {
    let (world, publisher) = published();
    let revoked = world.ledger.state().withdrawn[Ca::Sign.index()][&serial(6)];
    world.ledger.release(Ca::Sign, 6);
    assert_refused(&world, &publisher, "departures", || {
        world.ledger.state().withdrawn[Ca::Sign.index()].insert(serial(6), revoked);
    });
}

#[test]
fn a_list_that_breaks_off_is_not_taken_for_one_that_ends() {
    let (world, publisher) = published();
    world.ledger.state().breaks_after = Some(1);
    assert_refused(&world, &publisher, "plan", || world.ledger.state().breaks_after = None);
}

#[test]
fn a_municipality_without_a_crl_is_refused() {
    let (world, publisher) = published();
    world.ledger.revoke(Ca::Auth, 8, 47_201, LATER);
    let error = assert_refused(&world, &publisher, "plan", || {
        world.ledger.state().withdrawn[Ca::Auth.index()].clear();
    });
    assert_eq!(error.to_string(), "plan: serial 8 of auth belongs to municipality 47201, which has no CRL");
}

#[test]
fn an_entry_from_the_future_is_refused() {
    let (world, publisher) = published();
    world.clock.set(jst("2026-11-24", 0, 0, 0));
    world.ledger.hold(Ca::Auth, 8, KIYOSE, LATER);
    let error = assert_refused(&world, &publisher, "lint", || {
        world.ledger.state().withdrawn[Ca::Auth.index()].clear();
    });
    assert!(error.to_string().contains("crl-entry.date-past"), "{error}");
}

#[test]
fn a_number_given_twice_is_refused_and_touches_no_file_of_the_published_cut() {
    let (world, publisher) = published();
    world.ledger.state().last_number = 0;
    let error = world.publish(&publisher, jst("2026-11-23", 6, 55, 0)).unwrap_err();
    assert!(
        matches!(error, PublishError::Check(CheckFailure::NumberNotAboveLast { cut_number: 1, last: 1 })),
        "{error}"
    );
    assert_eq!(world.after_a_restart().unwrap().cut_number, 1);
}

#[test]
fn a_clock_that_went_back_is_refused_to_the_second() {
    let (world, publisher) = published();
    for (second, refused) in [(0, true), (1, false)] {
        let outcome = world.publish(&publisher, jst("2026-11-22", 6, 55, second));
        assert_eq!(outcome.is_err_and(|error| error.word() == "times"), refused, "{second}");
    }
}

#[test]
fn an_issuer_that_was_served_cannot_vanish() {
    let (mut world, _) = published();
    let retired = world.signers.pop().unwrap();
    let publisher = world.open();
    let error = world.publish(&publisher, jst("2026-11-23", 6, 55, 0)).unwrap_err();
    assert_eq!(error.to_string(), "check slots: issuer auth/2 is in the cut being served and not in this one");
    assert_eq!(publisher.served().unwrap().cut_number, 1);
    world.signers.push(retired);
    drop(publisher);
    world.publish(&world.open(), jst("2026-11-23", 6, 56, 0)).unwrap();
}

/// Damages the segment of cut 2 as soon as it is built, for as long as the switch is on.
fn damaging(world: &World, damage: fn(PathBuf)) -> (Publisher, Arc<AtomicBool>) {
    let (segment, on) = (world.folder.path().join("cuts/2").join(SEGMENT_FILE), Arc::new(AtomicBool::new(true)));
    let switch = Arc::clone(&on);
    let step = move |step| {
        if step == "publish.4-built" && switch.load(Ordering::Relaxed) {
            damage(segment.clone());
        }
    };
    (world.open_with(Arc::new(step)).unwrap(), on)
}

#[test]
fn a_torn_file_is_refused() {
    let (world, _) = published();
    let (publisher, on) = damaging(&world, |segment| {
        let file = OpenOptions::new().write(true).open(segment).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    });
    assert_refused(&world, &publisher, "files", || on.store(false, Ordering::Relaxed));
}

#[test]
fn a_file_with_a_flipped_bit_is_refused() {
    let (world, _) = published();
    let (publisher, on) = damaging(&world, |segment| {
        let file = OpenOptions::new().read(true).write(true).open(segment).unwrap();
        // The last octet is the last one of a signature.
        let last = file.metadata().unwrap().len() - 1;
        let mut octet = [0];
        file.read_exact_at(&mut octet, last).unwrap();
        file.write_all_at(&[octet[0] ^ 1], last).unwrap();
    });
    assert_refused(&world, &publisher, "signature", || on.store(false, Ordering::Relaxed));
}

/// Builds a cut with its own idea of what may leave, and judges it with a frame.
fn judge(world: &World, served: &Generation, planned: CutFrame, judged: CutFrame) -> Result<(), CheckFailure> {
    let frozen = world.ledger.freeze().unwrap();
    judge_plan(world, served, (planned, frozen.as_ref()), judged)
}

/// Builds a cut from its own idea of frame and ledger, and judges it with a frame and the ledger as it is.
fn judge_plan(
    world: &World,
    served: &Generation,
    told: (CutFrame, &dyn FrozenState),
    judged: CutFrame,
) -> Result<(), CheckFailure> {
    judge_forged(world, served, told, judged, |_| ())
}

/// The same, with something done to the CRLs before they are judged.
pub(super) fn judge_forged(
    world: &World,
    served: &Generation,
    (planned, told): (CutFrame, &dyn FrozenState),
    judged: CutFrame,
    forge: impl FnOnce(&mut Segment),
) -> Result<(), CheckFailure> {
    let folder = tempfile::tempdir().unwrap();
    let frozen = world.ledger.freeze().unwrap();
    let signers: Vec<_> = world.signers.iter().map(|signer| Arc::clone(signer) as Arc<dyn CrlSigner>).collect();
    let issuers: Vec<_> = signers.iter().map(|signer| signer.issuer()).collect();
    let read = |frame, frozen| PublishPlan::with_demanded(frame, frozen, &issuers, &world.layout, Some(served), 2);
    let ((plan, _), (_, demanded)) = (read(planned, told).unwrap(), read(judged, frozen.as_ref()).unwrap());
    let mut segment = build(folder.path(), &plan, &world.layout, &signers, 2).unwrap();
    forge(&mut segment);
    let demand = Demand {
        frame: &judged,
        reserved_at: judged.this_update,
        frozen: frozen.as_ref(),
        layout: &world.layout,
        issuers: &signers,
        manifest_key: world.manifest_signer.public_key(),
        last_published: Some(served.cut()),
        served: Some(served),
        worker_count: 2,
    };
    let hashes = check_crls(&segment, &demand, &demanded)?;
    write_manifest(folder.path(), &plan, &segment, &hashes, world.manifest_signer.as_ref()).unwrap();
    check_manifest(&Generation::open(folder.path()).unwrap(), &demand, &hashes)
}

/// What cut 2 must be, at the time that it is.
pub(super) fn second_frame(world: &World, served: &Generation) -> CutFrame {
    let frozen = world.ledger.freeze().unwrap();
    CutFrame {
        cut_number: 2,
        log_position: frozen.log_position(),
        tree_head: frozen.tree_head(),
        this_update: frozen.frozen_at(),
        next_update: frozen.frozen_at().plus_seconds(48 * 3_600),
        carried_at: Some(served.cut().this_update),
    }
}

/// Cut 2, planned from a ledger that tells serial 6, a revocation in Yokohama, in another way than the ledger has it.
fn told_otherwise(tell: impl FnOnce(&mut WithdrawnCertificate)) -> String {
    let (world, publisher) = published();
    let served = publisher.published().load().current.clone().unwrap();
    world.clock.set(jst("2026-11-23", 6, 55, 0));
    let right = second_frame(&world, &served);
    let mut state = world.ledger.state().clone();
    tell(state.withdrawn[Ca::Sign.index()].get_mut(&serial(6)).unwrap());
    let told = Frozen { state, at: right.this_update };
    judge_plan(&world, &served, (right, &told), right).unwrap_err().to_string()
}

#[test]
fn an_entry_missing_from_its_municipalitys_list_alone_is_refused() {
    let refused = told_otherwise(|certificate| certificate.municipality = None);
    assert_eq!(refused, "sign/1/14100: entries: 0 stand in it, 1 are demanded");
}

#[test]
fn an_entry_missing_from_the_full_list_alone_is_refused() {
    let (world, publisher) = published();
    let served = publisher.published().load().current.clone().unwrap();
    world.clock.set(jst("2026-11-23", 6, 55, 0));
    let right = second_frame(&world, &served);
    let frozen = world.ledger.freeze().unwrap();
    let place = slot(Ca::Sign, 1, None);
    let freshest_crl = world.layout.freshest_crl(place);
    let kind = CrlKind::Complete { freshest_crl: freshest_crl.as_deref() };
    let head = head(&world.signers[0], 2, right.this_update, &CrlScope::Full, kind);
    let five = entries(&served, place)[0];
    assert_eq!(five.serial, serial(5));
    let der = signed(&world.signers[0], &head, &[five.into()]);
    let forge = |segment: &mut Segment| put(segment, place, &der);
    let refused = judge_forged(&world, &served, (right, frozen.as_ref()), right, forge).unwrap_err().to_string();
    assert_eq!(refused, "sign/1/full: entries: 1 stand in it, 2 are demanded");
}

#[test]
fn an_entry_with_another_reason_or_date_than_the_ledgers_is_refused() {
    let changes: [fn(&mut Withdrawal); 2] = [
        |withdrawal| {
            *withdrawal = Withdrawal::Revoked { since: withdrawal.since(), reason: RevocationReason::Superseded };
        },
        |withdrawal| {
            let since = withdrawal.since().plus_seconds(-1);
            *withdrawal = Withdrawal::Revoked { since, reason: RevocationReason::AffiliationChanged };
        },
    ];
    for change in changes {
        let refused = told_otherwise(|certificate| change(&mut certificate.withdrawal));
        let counts = "sign/1/14100: entries: 1 stand in it, 1 are demanded";
        assert_eq!(refused, format!("{counts}; the counts agree, the entries do not"));
    }
}

#[test]
fn an_early_removal_is_refused_by_the_demand_and_again_by_the_departures() {
    let (world, publisher) = published();
    let served = publisher.published().load().current.clone().unwrap();
    world.clock.set(jst("2026-11-23", 6, 55, 0));
    let right = second_frame(&world, &served);
    judge(&world, &served, right, right).unwrap();
    // The accident of 2025: the lookback looks forward.
    let wrong = CutFrame { carried_at: Some(jst("2031-01-01", 6, 55, 0)), ..right };
    assert_eq!(judge(&world, &served, wrong, right).unwrap_err().word(), "entries");
    // The same slip in the demand as well, so that plan and demand agree.
    assert_eq!(judge(&world, &served, wrong, wrong).unwrap_err().word(), "departures");
}

/// A revoked CA certificate.
fn of_ca(number: u64) -> CrlEntry {
    let withdrawal = Withdrawal::Revoked { since: jst("2026-11-21", 12, 0, 0), reason: RevocationReason::CaCompromise };
    CrlEntry { serial: serial(number), withdrawal }
}

#[test]
fn revoked_ca_certificates_stand_in_a_crl_of_their_own_and_never_leave_it() {
    let (world, publisher) = published();
    let (first, second) = (slot(Ca::Auth, 1, None).issuer, slot(Ca::Auth, 2, None).issuer);
    world.ledger.state().of_cas.insert(first, vec![of_ca(2), of_ca(90)]);
    world.publish(&publisher, jst("2026-11-22", 7, 0, 0)).unwrap();
    let listed = |issuer| {
        let generation = publisher.published().load().current.clone().unwrap();
        serials(&generation, CrlSlot { shape: Shape::CaCertificates, issuer })
    };
    assert_eq!((listed(first), listed(second)), (vec![2, 90], vec![]));
    assert!(serials(publisher.published().load().current.as_ref().unwrap(), slot(Ca::Auth, 1, None)).is_empty());
    // A ledger that forgot one is not believed.
    world.ledger.state().of_cas.insert(first, vec![of_ca(90)]);
    let error = world.publish(&publisher, jst("2026-11-22", 8, 0, 0)).unwrap_err();
    let expected = "check departures: serial 2 of auth/1 left before its leave-day and was not released from a hold";
    assert_eq!(error.to_string(), expected);
    world.ledger.state().of_cas.insert(first, vec![of_ca(2), of_ca(90), of_ca(91)]);
    world.publish(&publisher, jst("2026-11-22", 9, 0, 0)).unwrap();
    assert_eq!(listed(first), [2, 90, 91]);
}

#[test]
fn a_crl_of_ca_certificates_that_is_not_the_ledgers_is_refused() {
    let (world, publisher) = published();
    let issuer = slot(Ca::Sign, 1, None).issuer;
    // Made when nothing was revoked, of the right number and time; then the ledger says that one is.
    world.clock.set(jst("2026-11-23", 6, 55, 0));
    let served = publisher.published().load().current.clone().unwrap();
    let right = second_frame(&world, &served);
    judge(&world, &served, right, right).unwrap();
    let kind = CrlKind::Complete { freshest_crl: None };
    let der =
        signed(&world.signers[0], &head(&world.signers[0], 2, right.this_update, &CrlScope::CaCertificates, kind), &[]);
    world.ledger.state().of_cas.insert(issuer, vec![of_ca(2)]);
    let frozen = world.ledger.freeze().unwrap();
    let forge = |segment: &mut Segment| put(segment, CrlSlot { shape: Shape::CaCertificates, issuer }, &der);
    let refused = judge_forged(&world, &served, (right, frozen.as_ref()), right, forge).unwrap_err().to_string();
    assert_eq!(refused, "sign/1/ca: entries: 0 stand in it, 1 are demanded");
}

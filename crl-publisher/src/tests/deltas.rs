//! Delta CRLs from cut to cut, and how a reader combines them (C10). Read by x509-cert, combined in the plainest way.
mod lives;
mod second_builder;

use std::collections::BTreeMap;

use der::Decode as _;
use der::oid::AssociatedOid as _;
use pki::crl::{CrlEntry, CrlKind, CrlScope, DeltaEntry};
use pki::identity::Ca;
use pki::revocation::{RevocationReason, Withdrawal};
use x509_cert::crl::CertificateList;
use x509_cert::ext::pkix::crl::BaseCrlNumber;
use x509_cert::ext::pkix::{CrlNumber, CrlReason};

use super::checks::{judge_forged, second_frame};
use super::fakes::*;
use crate::generation::Generation;
use crate::ledger::CutLedger as _;
use crate::publish::Publisher;
use crate::segment::Segment;
use crate::slot::CrlSlot;

const LATER: &str = "2030-03-31";
const REMOVE_FROM_CRL: u8 = 8;

/// Serial to revocationDate and CRLReason number.
type Entries = BTreeMap<u64, (u64, u8)>;

/// A CRL as x509-cert reads it.
#[derive(Clone, Debug, PartialEq)]
struct Read {
    number: u64,
    base: Option<u64>,
    entries: Entries,
}

fn number(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

fn read(generation: &Generation, slot: CrlSlot) -> Read {
    let der = generation.read(slot).unwrap().unwrap();
    let list: CertificateList = CertificateList::from_der(&der).unwrap();
    let extensions = list.tbs_cert_list.crl_extensions.unwrap();
    let value = |oid| extensions.iter().find(|found| found.extn_id == oid).map(|found| found.extn_value.as_bytes());
    let entries = list.tbs_cert_list.revoked_certificates.iter().flatten().map(|entry| {
        let reason = entry.crl_entry_extensions.as_ref().map(|extensions| extensions[0].extn_value.as_bytes());
        let code = reason.map_or(0, |reason| CrlReason::from_der(reason).unwrap() as u8);
        (number(entry.serial_number.as_bytes()), (entry.revocation_date.to_unix_duration().as_secs(), code))
    });
    Read {
        number: number(CrlNumber::from_der(value(CrlNumber::OID).unwrap()).unwrap().0.as_bytes()),
        base: value(BaseCrlNumber::OID).map(|base| number(BaseCrlNumber::from_der(base).unwrap().0.as_bytes())),
        entries: entries.collect(),
    }
}

/// RFC 5280 §5.2.4, to the letter: may these two be combined, and what comes out.
fn combined(complete: &Read, delta: &Read) -> Option<Entries> {
    if complete.number < delta.base.unwrap() || complete.number >= delta.number {
        return None;
    }
    let mut entries = complete.entries.clone();
    for (serial, (date, code)) in &delta.entries {
        if *code == REMOVE_FROM_CRL {
            entries.remove(serial)
        } else {
            entries.insert(*serial, (*date, *code))
        };
    }
    Some(entries)
}

fn of_current(publisher: &Publisher, slot: CrlSlot) -> Read {
    read(publisher.published().load().current.as_ref().unwrap(), slot)
}

fn seconds(date: &str, hour: i64) -> u64 {
    jst(date, hour, 0, 0).as_seconds().unsigned_abs()
}

#[test]
fn a_delta_tells_what_came_what_changed_and_what_left_since_the_cut_before() {
    let world = World::new();
    world.clock.set(jst("2026-11-21", 12, 0, 0));
    world.ledger.revoke(Ca::Auth, 5, KIYOSE, LATER);
    world.ledger.hold(Ca::Auth, 7, KIYOSE, LATER);
    world.ledger.hold(Ca::Auth, 8, YOKOHAMA, LATER);
    // Its end is past, and this cut is the one after it that carries it.
    world.ledger.revoke(Ca::Auth, 9, ESASHI, "2026-09-30");
    let publisher = world.open();
    world.publish(&publisher, jst("2026-11-22", 6, 55, 0)).unwrap();
    let before = of_current(&publisher, slot(Ca::Auth, 1, None));
    assert_eq!(before.entries.keys().copied().collect::<Vec<_>>(), [5, 7, 8, 9]);

    world.clock.set(jst("2026-11-22", 12, 0, 0));
    world.ledger.release(Ca::Auth, 7);
    let revoked = Withdrawal::Revoked { since: jst("2026-11-21", 12, 0, 0), reason: RevocationReason::KeyCompromise };
    world.ledger.withdraw(Ca::Auth, 8, Some(code(YOKOHAMA)), revoked, LATER);
    world.ledger.revoke(Ca::Auth, 6, KIYOSE, LATER);
    // Placed and lifted between two cuts: no CRL ever had it, so nobody must be told.
    world.ledger.hold(Ca::Auth, 4, KIYOSE, LATER);
    world.ledger.release(Ca::Auth, 4);
    world.publish(&publisher, jst("2026-11-23", 6, 55, 0)).unwrap();
    let noon = |date| seconds(date, 12);
    let expected: Entries = [
        (6, (noon("2026-11-22"), 3)),
        (7, (noon("2026-11-21"), REMOVE_FROM_CRL)),
        (8, (noon("2026-11-21"), 1)),
        (9, (noon("2026-11-21"), REMOVE_FROM_CRL)),
    ]
    .into();
    for key in [1, 2] {
        let delta = of_current(&publisher, delta_slot(Ca::Auth, key));
        assert_eq!(delta, Read { number: 2, base: Some(1), entries: expected.clone() });
        let full = of_current(&publisher, slot(Ca::Auth, key, None));
        assert_eq!((full.number, combined(&before, &delta)), (2, Some(full.entries)));
    }
    // Nothing changes: a delta of nothing, which says so.
    world.publish(&publisher, jst("2026-11-24", 6, 55, 0)).unwrap();
    let delta = of_current(&publisher, delta_slot(Ca::Auth, 1));
    assert_eq!(delta, Read { number: 3, base: Some(2), entries: Entries::new() });
    assert_eq!(combined(&before, &delta), None, "who missed a cut takes the full CRL");
}

#[test]
fn where_no_earlier_full_crl_can_be_read_a_delta_is_empty_and_begins_at_its_own_cut() {
    let mut world = World::new();
    let newest = world.signers.pop().unwrap();
    world.ledger.revoke(Ca::Auth, 5, KIYOSE, LATER);
    let own = |number| Read { number, base: Some(number), entries: Entries::new() };
    // The first cut.
    world.publish(&world.open(), jst("2026-11-22", 6, 55, 0)).unwrap();
    assert_eq!(of_current(&world.open(), delta_slot(Ca::Auth, 1)), own(1));
    // A key's first cut; the key before it goes on from where it was.
    world.signers.push(newest);
    world.publish(&world.open(), jst("2026-11-23", 6, 55, 0)).unwrap();
    assert_eq!(of_current(&world.open(), delta_slot(Ca::Auth, 2)), own(2));
    assert_eq!(of_current(&world.open(), delta_slot(Ca::Auth, 1)).base, Some(1));
    // The files of the cut that readers held are damaged.
    std::fs::write(world.folder.path().join("cuts/2/segment.crls"), "torn").unwrap();
    let publisher = world.open();
    world.publish(&publisher, jst("2026-11-24", 6, 55, 0)).unwrap();
    assert_eq!(of_current(&publisher, delta_slot(Ca::Auth, 1)), own(3));
    assert_eq!(of_current(&publisher, slot(Ca::Auth, 1, None)).entries.len(), 1);
}

#[test]
fn a_cut_that_failed_or_was_given_up_is_nobodys_base() {
    let world = World::new();
    let publisher = world.open();
    world.publish(&publisher, jst("2026-11-22", 6, 55, 0)).unwrap();
    world.ledger.revoke(Ca::Sign, 5, KIYOSE, LATER);
    world.signers[0].misbehave(Mischief::Fails(2));
    world.publish(&publisher, jst("2026-11-22", 7, 0, 0)).unwrap_err();
    world.clock.set(jst("2026-11-22", 8, 0, 0));
    let ready = publisher.prepare(&crate::ledger::CutCause::NothingServed).unwrap();
    publisher.discard(ready, "superseded").unwrap();
    world.publish(&publisher, jst("2026-11-22", 9, 0, 0)).unwrap();
    let delta = of_current(&publisher, delta_slot(Ca::Sign, 1));
    assert_eq!((delta.number, delta.base, delta.entries.len()), (4, Some(1), 1));
}

#[test]
fn in_a_layout_without_urls_full_crls_lead_to_no_delta_and_there_is_one_all_the_same() {
    let mut world = World::new();
    let partitions = [crate::slot::Partition {
        code: code(KIYOSE),
        prefecture_dn_text: "Tokyo-to".to_owned(),
        dn_text: "Kiyose-shi".to_owned(),
    }];
    world.layout = crate::slot::CrlLayout::new("JPKI-TEST".to_owned(), None, partitions);
    let publisher = world.open();
    world.publish(&publisher, jst("2026-11-22", 6, 55, 0)).unwrap();
    let generation = publisher.published().load().current.clone().unwrap();
    let der = generation.read(slot(Ca::Sign, 1, None)).unwrap().unwrap();
    assert_eq!(pki::crl::CrlReader::new(&der).unwrap().freshest_crl(), None);
    assert_eq!(read(&generation, delta_slot(Ca::Sign, 1)).base, Some(1));
}

/// Cut 1 lists 5, 6 and, held, 7; in cut 2 the hold of 7 is lifted and 8 is revoked. With these entries in the place of the
/// delta, or of the full CRL, signed by the sign key, the check says this.
fn refused(place: CrlSlot, kind: CrlKind<'_>, entries: &[DeltaEntry]) -> String {
    let world = World::new();
    world.ledger.revoke(Ca::Sign, 5, KIYOSE, LATER);
    world.ledger.revoke(Ca::Sign, 6, YOKOHAMA, LATER);
    world.ledger.hold(Ca::Sign, 7, KIYOSE, LATER);
    let publisher = world.open();
    world.publish(&publisher, jst("2026-11-22", 6, 55, 0)).unwrap();
    world.ledger.release(Ca::Sign, 7);
    world.ledger.revoke(Ca::Sign, 8, KIYOSE, LATER);
    world.clock.set(jst("2026-11-23", 6, 55, 0));
    let served = publisher.published().load().current.clone().unwrap();
    let right = second_frame(&world, &served);
    let frozen = world.ledger.freeze().unwrap();
    let judged = |forge: &dyn Fn(&mut Segment)| judge_forged(&world, &served, (right, frozen.as_ref()), right, forge);
    judged(&|_| ()).unwrap();
    let signer = &world.signers[0];
    let der = signed(signer, &head(signer, 2, right.this_update, &CrlScope::Full, kind), entries);
    let failure = judged(&|segment| put(segment, place, &der)).unwrap_err();
    format!("{} {failure}", failure.word())
}

const DELTA: CrlKind<'_> = CrlKind::Delta { base_crl_number: 1 };

fn listed(number: u64) -> DeltaEntry {
    let withdrawal =
        Withdrawal::Revoked { since: jst("2026-11-22", 6, 55, 0), reason: RevocationReason::AffiliationChanged };
    DeltaEntry::Listed(CrlEntry { serial: serial(number), withdrawal })
}

fn removed(number: u64) -> DeltaEntry {
    DeltaEntry::Removed { serial: serial(number), since: jst("2026-11-22", 6, 55, 0) }
}

#[test]
fn a_delta_that_does_not_lead_to_the_full_crl_is_refused() {
    let forged = |entries: &[DeltaEntry]| refused(delta_slot(Ca::Sign, 1), DELTA, entries);
    let place = "sign/1/delta:";
    assert_eq!(forged(&[removed(7)]), format!("entries {place} entries: 2 stand in it, 3 are demanded"));
    assert_eq!(forged(&[listed(8)]), format!("entries {place} entries: 4 stand in it, 3 are demanded"));
    // A wrong date, and the removal of what is still revoked.
    let DeltaEntry::Listed(mut later) = listed(8) else { unreachable!("it is listed") };
    later.withdrawal = Withdrawal::Held { since: later.withdrawal.since() };
    let counts =
        format!("entries {place} entries: 3 stand in it, 3 are demanded; the counts agree, the entries do not");
    assert_eq!(forged(&[removed(7), DeltaEntry::Listed(later)]), counts);
    let short = format!("entries {place} entries: 2 stand in it, 3 are demanded");
    assert_eq!(forged(&[removed(6), removed(7), listed(8)]), short);
    let idle = |number| format!("base {place} base: its entry for serial {number} changes nothing in the base");
    assert_eq!(forged(&[listed(5), removed(7), listed(8)]), idle(5));
    assert_eq!(forged(&[removed(4), removed(7), listed(8)]), idle(4));
    assert_eq!(forged(&[removed(7), listed(8), removed(9)]), idle(9));
}

#[test]
fn a_delta_of_another_base_than_the_full_crl_that_readers_hold_is_refused() {
    let of_two = CrlKind::Delta { base_crl_number: 2 };
    let refused = refused(delta_slot(Ca::Sign, 1), of_two, &[removed(7), listed(8)]);
    assert_eq!(refused, "base sign/1/delta: base: its base is not the full CRL of cut 1");
}

#[test]
fn complete_and_delta_are_not_taken_for_each_other() {
    let deltas = "http://127.0.0.1:8080/crl/sign/1/delta.crl";
    let kind = "kind: it is not complete or delta, with or without freshestCRL, as its place demands";
    let (full, delta) = (slot(Ca::Sign, 1, None), delta_slot(Ca::Sign, 1));
    let complete = |freshest_crl| CrlKind::Complete { freshest_crl };
    let all = [listed(5), listed(6), listed(8)];
    // What a complete one lists and the base has already changes nothing in it; that it is none is said first.
    for freshest_crl in [Some(deltas), None] {
        assert_eq!(refused(delta, complete(freshest_crl), &all), format!("kind sign/1/delta: {kind}"));
    }
    assert_eq!(refused(full, DELTA, &[listed(8)]), format!("kind sign/1/full: {kind}"));
    // The right entries, and no way or a wrong one to the deltas.
    for freshest_crl in [None, Some("http://127.0.0.1:8080/crl/sign/2/delta.crl")] {
        assert_eq!(refused(full, complete(freshest_crl), &all), format!("kind sign/1/full: {kind}"));
    }
}

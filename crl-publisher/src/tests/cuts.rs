//! What stands in cuts, from one to the next.
use std::process::{Command, Stdio};
use std::sync::Arc;

use pki::algorithm::Algorithm;
use pki::certificate::{Layout, Profile, ProfileSettings};
use pki::crl::{CrlReader, CrlScope};
use pki::identity::Ca;
use pki::municipality;
use pki::oid::Oid;
use pki::revocation::{RevocationReason, Withdrawal};

use super::fakes::*;
use crate::manifest::Manifest;
use crate::plan::{CutFrame, PublishPlan};
use crate::slot::{CrlLayout, CrlSlot};

const LATER: &str = "2030-03-31";
const NONE: [u64; 0] = [];

#[test]
fn every_issuer_has_a_full_crl_its_delta_one_of_cas_and_one_for_each_municipality_the_empty_ones_too() {
    let world = World::new();
    world.ledger.revoke(Ca::Auth, 30, KIYOSE, LATER);
    world.ledger.hold(Ca::Auth, 7, YOKOHAMA, LATER);
    world.ledger.withdraw(
        Ca::Auth,
        9,
        None,
        Withdrawal::Revoked { since: jst("2026-11-20", 0, 0, 0), reason: RevocationReason::Superseded },
        LATER,
    );
    let publisher = world.open();
    let cut = world.publish(&publisher, jst("2026-11-22", 6, 55, 1)).unwrap();
    let generations = publisher.published().load();
    let generation = generations.current.as_ref().unwrap();
    assert_eq!(generation.crls().len(), 3 * 6);
    // Both keys of a CA sign the same lists, with the cut's number.
    for key in [1, 2] {
        assert_eq!(serials(generation, slot(Ca::Auth, key, None)), [7, 9, 30]);
        assert_eq!(serials(generation, slot(Ca::Auth, key, Some(KIYOSE))), [30]);
        assert_eq!(serials(generation, slot(Ca::Auth, key, Some(YOKOHAMA))), [7]);
        assert_eq!(serials(generation, slot(Ca::Auth, key, Some(ESASHI))), NONE);
    }
    assert_eq!(serials(generation, slot(Ca::Sign, 1, None)), NONE);
    let der = generation.read(slot(Ca::Sign, 1, Some(ESASHI))).unwrap().unwrap();
    let crl = CrlReader::new(&der).unwrap();
    assert_eq!((crl.crl_number(), crl.this_update()), (cut.cut_number, jst("2026-11-22", 6, 55, 1)));
    assert_eq!(crl.next_update(), jst("2026-11-24", 6, 55, 1));
}

#[test]
fn the_manifest_verifies_with_either_kind_of_key_and_names_every_file() {
    for manifest_signer in [TestManifestSigner::ecdsa(), TestManifestSigner::rsa()] {
        let world = World { manifest_signer: Arc::new(manifest_signer), ..World::new() };
        let publisher = world.open();
        let cut = world.publish(&publisher, jst("2026-11-22", 6, 55, 1)).unwrap();
        let generations = publisher.published().load();
        let generation = generations.current.as_ref().unwrap();
        let key = crate::signing::ManifestSigner::public_key(world.manifest_signer.as_ref());
        let manifest = Manifest::verify(generation.manifest(), key).unwrap();
        assert_eq!((manifest.cut_number, manifest.this_update.as_str()), (cut.cut_number, "2026-11-22T06:55:01+09:00"));
        assert_eq!(manifest.files.len(), generation.crls().len());
        for file in &manifest.files {
            let der = generation.read(file.slot().unwrap()).unwrap().unwrap();
            assert_eq!(
                (file.size, file.sha256.as_str()),
                (der.len() as u64, crate::manifest::hex(&pki::algorithm::sha256(&der)).as_str())
            );
            assert_eq!(file.url, file.slot().unwrap().immutable_path(cut.cut_number));
        }
        // One character of the payload changed.
        let mut tampered = generation.manifest().to_vec();
        let place = tampered.windows(11).position(|part| part == b"\"payload\":\"").unwrap() + 20;
        tampered[place] = if tampered[place] == b'A' { b'B' } else { b'A' };
        assert!(Manifest::verify(&tampered, key).is_err());
        let other = TestManifestSigner::ecdsa();
        assert!(Manifest::verify(generation.manifest(), crate::signing::ManifestSigner::public_key(&other)).is_err());
    }
}

#[test]
fn an_entry_leaves_only_after_a_cut_past_its_leave_day_has_carried_it() {
    let world = World::new();
    world.ledger.revoke(Ca::Sign, 5, KIYOSE, "2026-12-31");
    let publisher = world.open();
    let carried = |publisher: &crate::publish::Publisher| {
        serials(publisher.published().load().current.as_ref().unwrap(), slot(Ca::Sign, 1, None))
    };
    // The last day itself, then the first cut after it: both still carry the entry.
    for date in ["2026-12-31", "2027-01-01"] {
        world.publish(&publisher, jst(date, 6, 55, 0)).unwrap();
        assert_eq!(carried(&publisher), [5], "{date}");
    }
    world.publish(&publisher, jst("2027-01-02", 6, 55, 0)).unwrap();
    assert_eq!(carried(&publisher), NONE);
}

#[test]
fn a_day_ends_at_midnight_in_japan_to_the_second() {
    let world = World::new();
    world.ledger.revoke(Ca::Sign, 5, KIYOSE, "2026-12-31");
    let frozen = crate::ledger::CutLedger::freeze(world.ledger.as_ref()).unwrap();
    let kept_when_carried_at = |carried_at| {
        let frame = CutFrame {
            cut_number: 1,
            log_position: frozen.log_position(),
            tree_head: frozen.tree_head(),
            this_update: carried_at,
            next_update: carried_at,
            carried_at: Some(carried_at),
        };
        PublishPlan::new(frame, frozen.as_ref(), &[slot(Ca::Sign, 1, None).issuer], &world.layout, None, 2)
            .unwrap()
            .count(slot(Ca::Sign, 1, None))
    };
    assert_eq!(kept_when_carried_at(jst("2026-12-31", 23, 59, 59)), 1);
    assert_eq!(kept_when_carried_at(jst("2027-01-01", 0, 0, 0)), 0);
}

#[test]
fn a_released_hold_leaves_with_the_next_cut() {
    let world = World::new();
    world.ledger.hold(Ca::Auth, 7, YOKOHAMA, LATER);
    let publisher = world.open();
    world.publish(&publisher, jst("2026-11-22", 6, 55, 0)).unwrap();
    world.ledger.release(Ca::Auth, 7);
    world.publish(&publisher, jst("2026-11-23", 6, 55, 0)).unwrap();
    assert_eq!(serials(publisher.published().load().current.as_ref().unwrap(), slot(Ca::Auth, 2, None)), NONE);
}

#[test]
fn a_shorter_validity_does_not_move_next_update_back() {
    let mut world = World::new();
    let first = world.publish(&world.open(), jst("2026-11-22", 6, 55, 0)).unwrap();
    world.validity_seconds = 12 * 3_600;
    let publisher = world.open();
    let second = world.publish(&publisher, jst("2026-11-22", 8, 0, 0)).unwrap();
    assert_eq!(second.next_update, first.next_update);
    let third = world.publish(&publisher, jst("2026-11-24", 6, 55, 0)).unwrap();
    assert_eq!(third.next_update, jst("2026-11-24", 18, 55, 0));
}

#[test]
fn a_plan_prints_as_sentences() {
    let world = World::new();
    world.clock.set(jst("2026-11-20", 12, 0, 0));
    world.ledger.revoke(Ca::Sign, 5, KIYOSE, LATER);
    world.ledger.revoke(Ca::Sign, 6, KIYOSE, LATER);
    let frozen = crate::ledger::CutLedger::freeze(world.ledger.as_ref()).unwrap();
    let this_update = jst("2026-11-22", 6, 55, 0);
    let frame = CutFrame {
        cut_number: 12,
        log_position: 345,
        tree_head: [0; 32],
        this_update,
        next_update: this_update.plus_seconds(48 * 3_600),
        carried_at: Some(jst("2026-11-21", 6, 55, 0)),
    };
    let issuers = [slot(Ca::Sign, 1, None).issuer];
    let plan = PublishPlan::new(frame, frozen.as_ref(), &issuers, &world.layout, None, 2).unwrap();
    let head = "Cut 12 shows log position 345; thisUpdate 2026-11-22T06:55:00+09:00, nextUpdate 2026-11-24T06:55:00+09:00.\n\
         Entries with a leave-day before 2026-11-21 leave it.\n\
         sign/1/13221: 2 entries.\nsign/1/full: 2 entries.\n";
    let lines =
        "sign/1/delta: none, for there is no earlier full CRL to begin from.\n6 CRLs in all, 4 of them empty.\n";
    assert_eq!(plan.to_string(), format!("{head}{lines}"));
    // With a cut that is served, in which serial 5 alone stands.
    world.ledger.state().withdrawn[Ca::Sign.index()].remove(&serial(6));
    let publisher = world.open();
    world.publish(&publisher, jst("2026-11-21", 6, 55, 0)).unwrap();
    let served = publisher.published().load().current.clone();
    let plan = PublishPlan::new(frame, frozen.as_ref(), &issuers, &world.layout, served.as_deref(), 2).unwrap();
    let lines = "sign/1/delta: 1 entry since cut 1.\n6 CRLs in all, 3 of them empty.\n";
    assert_eq!(plan.to_string(), format!("{head}{lines}"));
}

#[test]
fn the_national_layout_makes_a_cut_with_every_municipality() {
    let mut world = World { layout: CrlLayout::national("JPKI-TEST".to_owned(), None), ..World::new() };
    world.signers.truncate(1);
    world.ledger.revoke(Ca::Sign, 5, KIYOSE, LATER);
    let publisher = world.open();
    world.publish(&publisher, jst("2026-11-22", 6, 55, 0)).unwrap();
    let generations = publisher.published().load();
    let generation = generations.current.as_ref().unwrap();
    assert!(generation.crls().len() > 1_741, "the municipalities and the full CRL");
    assert_eq!(serials(generation, slot(Ca::Sign, 1, Some(KIYOSE))), [5]);
}

/// The publisher and the profile of certificates make these names in two places (C11, B07).
#[test]
fn every_municipalitys_crl_is_named_with_the_octets_that_its_certificates_have() {
    let base_url = "http://127.0.0.1:8080".to_owned();
    for (layout, crl_base_url) in [(Layout::Default, Some(base_url.clone())), (Layout::JpkiExact, None)] {
        let profile = Profile::new(ProfileSettings {
            layout,
            organization: "JPKI-TEST".to_owned(),
            cps_uri: "http://example.test/cps.html".to_owned(),
            sign_policy: Oid::from_dotted("1.2.3.20").unwrap(),
            auth_policy: Oid::from_dotted("1.2.3.30").unwrap(),
            phone_sign_policy: Oid::from_dotted("1.2.3.40").unwrap(),
            phone_auth_policy: Oid::from_dotted("1.2.3.50").unwrap(),
            public_base_url: base_url.clone(),
            algorithm: Algorithm::Rsa2048Sha256,
        });
        let (profile, crls) = (profile.unwrap(), CrlLayout::national("JPKI-TEST".to_owned(), crl_base_url));
        for (ca, municipality) in Ca::ALL.iter().flat_map(|ca| municipality::all().iter().map(move |row| (*ca, row))) {
            let slot = slot(ca, 2, Some(municipality.code.get()));
            let Some(CrlScope::Partition(of_crl)) = crls.scope(slot) else { panic!("{slot} is not in the layout") };
            assert_eq!(of_crl, profile.distribution_point(slot.issuer, municipality), "{slot}");
        }
    }
}

#[test]
fn openssl_reads_the_crls_as_they_were_meant() {
    let world = World::new();
    world.ledger.revoke(Ca::Sign, 5, KIYOSE, LATER);
    world.ledger.hold(Ca::Sign, 200, KIYOSE, LATER);
    let publisher = world.open();
    world.publish(&publisher, jst("2026-11-22", 6, 55, 0)).unwrap();
    world.ledger.release(Ca::Sign, 200);
    world.publish(&publisher, jst("2026-11-23", 6, 55, 0)).unwrap();
    let generations = publisher.published().load();
    let text = |cut, slot: CrlSlot| {
        let path = world.folder.path().join("judged.crl");
        std::fs::write(&path, generations.by_number[&cut].read(slot).unwrap().unwrap()).unwrap();
        let mut openssl = Command::new("openssl");
        let judged = openssl.args(["crl", "-inform", "DER", "-noout", "-text", "-in"]).arg(&path);
        let judged = judged.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(judged.stdout).unwrap();
        assert!(judged.status.success() && text.contains("X509v3 Issuing Distribution Point: critical"), "{text}");
        assert!(text.contains("Only User Certificates") && text.contains("X509v3 CRL Number"), "{text}");
        text
    };
    for municipality in [None, Some(KIYOSE), Some(ESASHI)] {
        let text = text(1, slot(Ca::Sign, 1, municipality));
        assert_eq!(text.contains("URI:http://127.0.0.1:8080/crl/sign/1/01361"), municipality == Some(ESASHI), "{text}");
        assert_eq!(text.contains("Certificate Hold"), municipality != Some(ESASHI), "{text}");
        assert_eq!(text.contains("No Revoked Certificates"), municipality == Some(ESASHI), "{text}");
        // C12: the full one alone leads to deltas.
        let leads =
            text.contains("X509v3 Freshest CRL: \n") && text.contains("URI:http://127.0.0.1:8080/crl/sign/1/delta.crl");
        assert_eq!(leads, municipality.is_none(), "{text}");
    }
    let text = text(2, delta_slot(Ca::Sign, 1));
    assert!(text.contains("X509v3 Delta CRL Indicator: critical\n                1\n"), "{text}");
    assert!(text.contains("Remove From CRL") && !text.contains("Freshest"), "{text}");
}

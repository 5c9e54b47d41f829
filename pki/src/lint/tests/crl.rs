//! CRLs: what the writer makes passes, and each lint finds its own bad example and no other lint does.
use std::collections::BTreeSet;

use super::bad_crls::BAD;
use super::parts::{element, extension, replace};
use crate::algorithm::PublicKey;
use crate::certificate::example::{TestKey, issuer, kiyose, profile, utc};
use crate::certificate::{Issuer, Layout};
use crate::crl::strategies::{any_delta_entries, any_entries};
use crate::crl::{CrlEntry, CrlHead, CrlKind, CrlReader, CrlScope, DeltaEntry};
use crate::der::{DerReader, DerWriter, Tag};
use crate::identity::{Ca, Serial};
use crate::lint::crl::entries_in;
use crate::lint::{CrlLinter, LintRefusal, LintedCrl, catalogue, crl};
use crate::message::{MessageDigest, MessageHasher};
use crate::oid::Oid;
use crate::revocation::{RevocationReason, Withdrawal};
use crate::time::UnixTime;
use proptest::prelude::*;

/// A CRL to be, taken apart, and the plan that it is judged by.
pub(super) struct CrlExample {
    /// version, signature, issuer, thisUpdate, nextUpdate
    pub(super) fields: Vec<Vec<u8>>,
    /// revokedCertificates is there, though it may have no entry.
    pub(super) listed: bool,
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) extensions: Vec<Vec<u8>>,
    pub(super) issuer: Issuer,
    pub(super) scope: CrlScope,
    pub(super) this_update: UnixTime,
    pub(super) next_update: UnixTime,
    pub(super) crl_number: u64,
    pub(super) kind: CrlKind<'static>,
}

/// A complete CRL without deltas, as those of municipalities are.
pub(super) const COMPLETE: CrlKind<'_> = CrlKind::Complete { freshest_crl: None };
/// One with deltas, as full ones are.
pub(super) const WITH_DELTAS: CrlKind<'_> =
    CrlKind::Complete { freshest_crl: Some("http://127.0.0.1:8080/crl/sign/1/delta.crl") };
pub(super) const DELTA: CrlKind<'_> = CrlKind::Delta { base_crl_number: 76 };

pub(super) fn entries() -> Vec<CrlEntry> {
    let since = utc("20261121215500Z");
    let withdrawals = [
        Withdrawal::Revoked { since, reason: RevocationReason::AffiliationChanged },
        Withdrawal::Held { since },
        Withdrawal::Revoked { since, reason: RevocationReason::Unspecified },
    ];
    let number = |at: u64| Serial::new(0x1e_e607 + at).unwrap();
    (0..).zip(withdrawals).map(|(at, withdrawal)| CrlEntry { serial: number(at), withdrawal }).collect()
}

pub(super) fn scope(layout: Layout) -> CrlScope {
    CrlScope::Partition(profile(layout).distribution_point(issuer(Ca::Sign).issuer, kiyose()))
}

impl CrlExample {
    /// A good one.
    pub(super) fn of(issuer: Issuer, scope: CrlScope) -> Self {
        let this_update = utc("20261121215500Z");
        let next_update = this_update.plus_seconds(48 * 3_600);
        let mut example = Self {
            fields: vec![],
            listed: true,
            entries: vec![],
            extensions: vec![],
            issuer,
            scope,
            this_update,
            next_update,
            crl_number: 77,
            kind: COMPLETE,
        };
        example.write();
        example
    }

    /// What the writer makes of the plan, taken apart.
    pub(super) fn write(&mut self) {
        let tbs_der = self.plan().tbs_der(entries()).unwrap();
        let mut fields = DerReader::new(&tbs_der).sequence().unwrap();
        self.fields = (0..5).map(|_| fields.element().unwrap().whole.to_vec()).collect();
        let parts = |mut list: DerReader<'_>| {
            let mut parts = Vec::new();
            while !list.is_empty() {
                parts.push(list.element().unwrap().whole.to_vec());
            }
            parts
        };
        self.entries = parts(fields.sequence().unwrap());
        self.extensions = parts(fields.element().unwrap().reader().sequence().unwrap());
    }

    pub(super) fn plan(&self) -> CrlHead<'_> {
        CrlHead {
            issuer: self.issuer.issuer,
            issuer_name: &self.issuer.name,
            public_key: &self.issuer.public_key,
            this_update: self.this_update,
            next_update: self.next_update,
            crl_number: self.crl_number,
            scope: &self.scope,
            kind: self.kind,
        }
    }

    /// The same as another kind.
    pub(super) fn turn(&mut self, kind: CrlKind<'static>) {
        self.kind = kind;
        self.write();
    }

    pub(super) fn tbs_der(&self) -> Vec<u8> {
        element(|w| {
            w.sequence(|w| {
                self.fields.iter().for_each(|field| w.raw(field));
                if self.listed {
                    w.sequence(|w| self.entries.iter().for_each(|entry| w.raw(entry)));
                }
                w.constructed(Tag::context_constructed(0), |w| {
                    w.sequence(|w| self.extensions.iter().for_each(|extension| w.raw(extension)));
                });
            });
        })
    }

    pub(super) fn set(&mut self, at: usize, oid: Oid, critical: bool, write: impl FnOnce(&mut DerWriter)) {
        self.extensions[at] = extension(oid, critical, write);
    }

    /// The last entry with these contents after its serial.
    pub(super) fn last_entry(&mut self, write: impl FnOnce(&mut DerWriter)) {
        *self.entries.last_mut().unwrap() = element(|w| {
            w.sequence(|w| {
                w.integer(0x1e_e609);
                write(w);
            });
        });
    }

    fn lint(&self) -> Vec<&'static str> {
        names(crl(&self.tbs_der(), &self.plan()))
    }
}

fn names(result: Result<LintedCrl, LintRefusal>) -> Vec<&'static str> {
    result.map_or_else(|refusal| refusal.findings().iter().map(|finding| finding.lint).collect(), |_| Vec::new())
}

fn digest(public_key: &PublicKey, tbs_der: &[u8]) -> MessageDigest {
    let mut hasher = MessageHasher::new(public_key.algorithm());
    hasher.update(tbs_der);
    hasher.finish()
}

#[test]
fn what_the_writer_makes_passes_every_lint() {
    for scope in [CrlScope::Full, CrlScope::CaCertificates, scope(Layout::Default), scope(Layout::JpkiExact)] {
        for public_key in [issuer(Ca::Sign).public_key, TestKey::ecdsa_p384().public_key()] {
            let mut example = CrlExample::of(Issuer { public_key, ..issuer(Ca::Sign) }, scope.clone());
            for kind in [COMPLETE, WITH_DELTAS, DELTA] {
                example.turn(kind);
                let tbs_der = example.tbs_der();
                let linted = crl(&tbs_der, &example.plan()).unwrap();
                assert_eq!(tbs_der, example.plan().tbs_der(entries()).unwrap());
                assert_eq!(*linted.digest(), digest(&example.issuer.public_key, &tbs_der));
                assert_eq!(linted.issuer(), example.issuer.issuer);
                assert_eq!(linted.algorithm(), example.issuer.public_key.algorithm());
                assert_eq!(format!("{linted:?}"), format!("LintedCrl(sign/1, {} octets)", tbs_der.len()));
                let empty = example.plan().tbs_der([] as [CrlEntry; 0]).unwrap();
                assert_eq!(names(crl(&empty, &example.plan())), Vec::<&str>::new());
            }
        }
    }
}

#[test]
fn a_delta_may_be_based_on_the_complete_crl_of_its_own_number_and_may_remove() {
    let mut example = CrlExample::of(issuer(Ca::Sign), CrlScope::Full);
    for (base_crl_number, expected) in
        [(1, None), (77, None), (78, Some("crl.base-number-range")), (0, Some("crl.base-number-range"))]
    {
        example.turn(CrlKind::Delta { base_crl_number });
        assert_eq!(example.lint().first().copied(), expected, "{base_crl_number}");
    }
    example.turn(DELTA);
    let entry = entries()[0];
    let removed = DeltaEntry::Removed { serial: entry.serial, since: entry.withdrawal.since() };
    example.entries = vec![removed.encode().as_slice().to_vec()];
    assert_eq!(example.lint(), Vec::<&str>::new());
}

#[test]
fn each_lint_of_crls_finds_its_bad_examples_alone() {
    let mut wrong = Vec::new();
    for (number, (name, change)) in BAD.iter().enumerate() {
        let mut example = CrlExample::of(issuer(Ca::Sign), scope(Layout::Default));
        change(&mut example);
        let found = example.lint();
        if found != [*name] {
            wrong.push(format!("example {number} for {name}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_lint_of_crls_has_a_bad_example() {
    // Those for every element are shown with certificates; here that they look at CRLs as well.
    let every =
        |name: &&str| name.starts_with("encoding.") || name.starts_with("name.") || name.starts_with("algorithm.");
    let shown: BTreeSet<_> = BAD.iter().map(|(name, _)| *name).collect();
    let all: BTreeSet<_> = catalogue::names(None).into_iter().collect();
    let own = all.iter().copied().filter(|name| !every(name)).collect();
    assert_eq!(shown.iter().copied().filter(|name| !every(name)).collect::<BTreeSet<_>>(), own);
    assert!(shown.is_subset(&all));
}

#[test]
fn a_crl_of_cas_is_not_taken_for_one_of_persons_nor_the_other_way_round() {
    let both = ["crl.point-user-certificates", "crl.point-ca-certificates"];
    for (meant, said) in [(CrlScope::CaCertificates, CrlScope::Full), (CrlScope::Full, CrlScope::CaCertificates)] {
        let mut example = CrlExample::of(issuer(Ca::Sign), said);
        example.scope = meant;
        assert_eq!(example.lint(), both);
    }
}

#[test]
fn times_are_judged_to_the_second_at_both_ends() {
    let mut example = CrlExample::of(issuer(Ca::Sign), CrlScope::Full);
    for (seconds, expected) in
        [(3_600, None), (3_599, Some("crl.validity-least")), (864_000, None), (864_001, Some("crl.validity-most"))]
    {
        example.next_update = example.this_update.plus_seconds(seconds);
        example.fields[4] = element(|w| example.next_update.write_der(w));
        assert_eq!(example.lint().first().copied(), expected, "{seconds} s");
    }
    let mut example = CrlExample::of(issuer(Ca::Sign), CrlScope::Full);
    replace(&mut example.entries[1], b"261121215500Z", b"261121215501Z");
    assert_eq!(example.lint(), ["crl-entry.date-past"]);
}

#[test]
fn entries_far_beyond_2049_pass() {
    let mut example = CrlExample::of(issuer(Ca::Sign), CrlScope::Full);
    (example.this_update, example.next_update) = (utc("20491231235959Z"), utc("20500101235959Z"));
    example.write();
    assert_eq!(example.lint(), Vec::<&str>::new());
    (example.this_update, example.next_update) = (utc("20500101000000Z"), utc("20500102000000Z"));
    example.write();
    example.last_entry(|w| w.primitive(Tag::GENERALIZED_TIME, b"20500101000000Z"));
    assert_eq!(example.lint(), Vec::<&str>::new());
}

#[test]
fn a_finding_says_what_was_broken_and_where_it_is_written() {
    let mut example = CrlExample::of(issuer(Ca::Sign), CrlScope::Full);
    example.fields[0] = vec![2, 1, 0];
    let refusal = crl(&example.tbs_der(), &example.plan()).unwrap_err();
    let expected =
        "it was not signed, because it breaks 1 rule(s); crl.version (RFC 5280 §5.1.2.1; C01): a version other than v2";
    assert_eq!(refusal.to_string(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_the_writer_takes_passes(
        complete in any_entries(), delta in any_delta_entries(), is_delta: bool, full: bool, seconds in 0_i64..400_000,
    ) {
        let mut example = CrlExample::of(issuer(Ca::Sign), if full { CrlScope::Full } else { scope(Layout::Default) });
        let entries = if is_delta { delta } else { complete.into_iter().map(DeltaEntry::from).collect() };
        example.kind = if is_delta { DELTA } else { WITH_DELTAS };
        let last = entries.iter().map(|entry| entry.since()).max().unwrap_or(example.this_update);
        if last.plus_seconds(seconds + 864_000) <= UnixTime::MAX {
            example.this_update = last.plus_seconds(seconds);
            example.next_update = example.this_update.plus_seconds(864_000);
            let tbs_der = example.plan().tbs_der(entries).unwrap();
            prop_assert_eq!(names(crl(&tbs_der, &example.plan())), Vec::<&str>::new());
        }
    }

    #[test]
    fn entries_in_pieces_are_judged_as_they_are_in_one(
        entries in any_entries(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4), missing in 0_usize..3,
    ) {
        let mut example = CrlExample::of(issuer(Ca::Sign), CrlScope::Full);
        example.this_update = UnixTime::MAX.plus_seconds(-864_000);
        example.next_update = UnixTime::MAX;
        let plan = example.plan();
        let whole = crl(&plan.tbs_der(entries.iter().copied()).unwrap(), &plan).unwrap();
        let mut pieces = BTreeSet::from([0, entries.len()]);
        pieces.extend(cuts.iter().map(|cut| cut.index(entries.len() + 1)));
        let pieces: Vec<_> = pieces.into_iter().collect();
        let size = entries.iter().map(|entry| DeltaEntry::from(*entry).size()).sum();
        let mut linter = CrlLinter::new(plan.frame(size).unwrap(), &plan).unwrap();
        for piece in pieces.windows(2) {
            let octets: Vec<_> = entries[piece[0]..piece[1]].iter().flat_map(|entry| entry.encode().as_slice().to_vec()).collect();
            linter.entries(&octets).unwrap();
        }
        prop_assert_eq!(&linter.finish().unwrap(), &whole);
        // One octet or more too few, or one entry too many.
        let mut linter = CrlLinter::new(plan.frame(size + missing).unwrap(), &plan).unwrap();
        let octets: Vec<_> = entries.iter().flat_map(|entry| entry.encode().as_slice().to_vec()).collect();
        linter.entries(&octets).unwrap();
        prop_assert_eq!(linter.finish().is_ok(), missing == 0);
        if let Some(last) = entries.last() {
            let mut linter = CrlLinter::new(plan.frame(size).unwrap(), &plan).unwrap();
            linter.entries(&octets).unwrap();
            prop_assert_eq!(names(linter.entries(last.encode().as_slice()).map(|()| whole)), ["crl.fields"]);
            // Out of order across the border of two pieces.
            let mut linter = CrlLinter::new(plan.frame(octets.len() * 2).unwrap(), &plan).unwrap();
            linter.entries(&octets).unwrap();
            linter.entries(&octets).unwrap();
            prop_assert_eq!(names(linter.finish()), ["crl-entry.ascending"]);
        }
    }

    /// The lints and the strict reader were written apart; neither takes what the other refuses.
    #[test]
    fn no_change_of_one_octet_passes_unless_the_reader_takes_it_too(
        at: prop::sample::Index, change in 1_u8.., kind in prop::sample::select(&[COMPLETE, WITH_DELTAS, DELTA][..]),
    ) {
        let mut example = CrlExample::of(issuer(Ca::Sign), scope(Layout::Default));
        example.turn(kind);
        let mut tbs_der = example.tbs_der();
        let at = at.index(tbs_der.len());
        tbs_der[at] ^= change;
        match crl(&tbs_der, &example.plan()) {
            Err(refusal) => prop_assert!(!refusal.findings().is_empty()),
            Ok(linted) => {
                let signed = linted.assemble(&[0]);
                let der = signed.whole(&tbs_der[entries_in(&tbs_der).unwrap()]);
                prop_assert_eq!(der.len(), signed.size());
                let read = CrlReader::new(&der).unwrap();
                let is_delta = read.base_crl_number().is_some();
                let sound = if is_delta {
                    read.delta_entries().all(|entry| entry.is_ok())
                } else {
                    read.entries().all(|entry| entry.is_ok())
                };
                prop_assert!(sound && is_delta == (kind == DELTA), "octet {} xor {:#04x}", at, change);
                prop_assert_eq!(read.issuing_distribution_point(), example.scope.to_issuing_distribution_point());
            }
        }
    }

    #[test]
    fn lints_of_crls_never_panic_whatever_comes(octets: Vec<u8>) {
        let example = CrlExample::of(issuer(Ca::Sign), CrlScope::Full);
        prop_assert!(crl(&octets, &example.plan()).is_err());
    }
}

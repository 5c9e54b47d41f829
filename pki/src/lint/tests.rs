//! A good example of each kind, and for every lint a bad one: a good certificate or CRL with one thing changed, which
//! that lint finds and no other.
mod bad_crls;
mod bad_examples;
mod crl;
mod parts;
mod second_opinion;

use std::collections::BTreeSet;

use super::*;
use crate::certificate::example::{
    CARD_KEY, TestKey, auth_tbs, issuer, link_tbs, newer_issuer, ocsp_tbs, person, profile, root_tbs, sign_tbs, utc,
};
use crate::certificate::{AuthLeaf, DeskId, Layout, OcspResponderLeaf, ProfileSettings, SignCommonName, SignLeaf};
use crate::certificate::{Issuer, Profile};
use crate::identity::{Ca, Serial};
use crate::municipality;
use crate::person::{Address, BirthDate, FourInfo, PersonName, Sex};
use crate::time::{CivilDate, UnixTime};
use crate::validity::{ValidityInputs, leaf_not_after};
use bad_examples::BAD;
use parts::{Example, Parts};
use proptest::prelude::*;

const KINDS: [CertificateKind; 7] = [
    CertificateKind::Root,
    CertificateKind::Link,
    CertificateKind::Leaf(Ca::Sign),
    CertificateKind::Leaf(Ca::Auth),
    CertificateKind::Leaf(Ca::PhoneSign),
    CertificateKind::Leaf(Ca::PhoneAuth),
    CertificateKind::OcspResponder,
];
const SIGN: CertificateKind = CertificateKind::Leaf(Ca::Sign);
const AUTH: CertificateKind = CertificateKind::Leaf(Ca::Auth);

fn issuer_of(kind: CertificateKind) -> Issuer {
    match kind {
        CertificateKind::Leaf(ca) => issuer(ca),
        CertificateKind::Root | CertificateKind::Link | CertificateKind::OcspResponder => issuer(Ca::Sign),
    }
}

/// Lints a certificate of any kind; a link is one to the second key of the same CA.
fn lint_any(
    kind: CertificateKind,
    tbs_der: Vec<u8>,
    issuer: &Issuer,
    profile: &Profile,
) -> Result<LintedCertificate, LintRefusal> {
    match kind {
        CertificateKind::Root => root(tbs_der, issuer, profile),
        CertificateKind::Link => link(tbs_der, issuer, &newer_issuer(issuer.issuer.ca), profile),
        CertificateKind::Leaf(ca) => leaf(ca, tbs_der, issuer, profile),
        CertificateKind::OcspResponder => ocsp_responder(tbs_der, issuer, profile),
    }
}

fn good(kind: CertificateKind, layout: Layout) -> Vec<u8> {
    let (issuer, profile) = (issuer_of(kind), profile(layout));
    match kind {
        CertificateKind::Root => root_tbs(&issuer, &profile),
        CertificateKind::Link => link_tbs(&issuer, &newer_issuer(Ca::Sign), &profile),
        CertificateKind::Leaf(Ca::Sign | Ca::PhoneSign) => sign_tbs(&issuer, &profile),
        CertificateKind::Leaf(Ca::Auth | Ca::PhoneAuth) => auth_tbs(&issuer, &profile),
        CertificateKind::OcspResponder => ocsp_tbs(&issuer),
    }
}

/// Names of the lints that found something.
fn names(result: Result<LintedCertificate, LintRefusal>) -> Vec<&'static str> {
    result.map_or_else(|refusal| refusal.findings().iter().map(|finding| finding.lint).collect(), |_| Vec::new())
}

#[test]
fn what_the_builders_make_passes_every_lint_in_both_layouts() {
    for layout in Layout::ALL {
        for kind in KINDS {
            let linted = lint_any(kind, good(kind, layout), &issuer_of(kind), &profile(layout)).unwrap();
            assert_eq!(linted.kind(), kind);
            assert_eq!(linted.is_root(), kind == CertificateKind::Root);
            assert_eq!(linted.issuer(), issuer_of(kind).issuer);
            assert_eq!(linted.tbs_der(), good(kind, layout));
            assert_eq!(
                format!("{linted:?}"),
                format!("LintedCertificate({kind:?} of {} serial {})", linted.issuer(), linted.serial())
            );
        }
    }
}

/// A good example with that change.
fn bad_example(kind: CertificateKind, change: fn(&mut Example)) -> Example {
    let parts = Parts::of(&good(kind, Layout::Default));
    let issuer = issuer_of(kind);
    let linked = if kind == CertificateKind::Link { newer_issuer(issuer.issuer.ca) } else { issuer.clone() };
    let mut example = Example { parts, issuer, linked, profile: profile(Layout::Default), also: &[] };
    change(&mut example);
    example
}

fn found_in(kind: CertificateKind, example: &Example) -> BTreeSet<&'static str> {
    let Example { parts, issuer, linked, profile, also: _ } = example;
    let result = super::certificate::certificate(kind, parts.tbs_der(), (issuer, linked), profile);
    names(result).into_iter().collect()
}

#[test]
fn each_lint_finds_its_bad_examples() {
    let mut wrong = Vec::new();
    for (number, (name, kind, change)) in BAD.iter().enumerate() {
        let example = bad_example(*kind, *change);
        let found = found_in(*kind, &example);
        let Example { also, .. } = example;
        let expected: BTreeSet<_> = also.iter().copied().chain([*name]).collect();
        if found != expected {
            wrong.push(format!("example {number} for {name}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn x509_cert_reads_each_bad_example_unless_a_lint_of_its_form_refuses_it() {
    let of_form = ["form.decodable", "form.defaults", "form.extension-values", "form.extension-defaults"];
    for (number, (name, kind, change)) in BAD.iter().enumerate() {
        let example = bad_example(*kind, *change);
        let found = found_in(*kind, &example);
        // What is no DER, or no name, is read by nobody.
        if !found.iter().any(|name| ["encoding.", "name.", "algorithm."].iter().any(|stage| name.starts_with(stage))) {
            let read = !found.iter().any(|name| of_form.contains(name));
            assert_eq!(
                second_opinion::agrees(&example.parts.tbs_der()),
                read,
                "example {number} for {name}: {found:?}"
            );
        }
    }
}

#[test]
fn each_lint_has_a_bad_example() {
    let shown: BTreeSet<_> = BAD.iter().map(|(name, ..)| *name).collect();
    let all: BTreeSet<_> = KINDS.into_iter().flat_map(|kind| catalogue::names(Some(kind))).collect();
    assert_eq!(all, shown);
}

#[test]
fn the_page_of_lints_shows_them_as_they_are() {
    let page = include_str!("../../../docs/lints.md");
    let shown = page.find("| lint |").map(|start| &page[start..]);
    let printed = table();
    assert!(shown == Some(&printed), "`cargo run -p pki --example lints` prints the table of docs/lints.md");
}

#[test]
fn a_link_is_between_two_keys_of_one_ca_and_ends_with_the_older() {
    let profile = profile(Layout::Default);
    let (old, new) = (issuer(Ca::Sign), newer_issuer(Ca::Sign));
    for (signer, linked) in [(&old, &new), (&new, &old)] {
        let linted = link(link_tbs(signer, linked, &profile), signer, linked, &profile).unwrap();
        assert_eq!((linted.issuer(), linted.kind()), (signer.issuer, CertificateKind::Link));
        assert_eq!(crate::certificate::link_validity(signer, linked), (linked.not_before, old.not_after));
        // What is made for one direction does not pass for the other.
        assert!(link(link_tbs(signer, linked, &profile), linked, signer, &profile).is_err());
    }
    let other = newer_issuer(Ca::Auth);
    assert!(names(link(link_tbs(&old, &other, &profile), &old, &other, &profile)).contains(&"link.one-ca"));
    assert!(names(link(link_tbs(&old, &old, &profile), &old, &old, &profile)).contains(&"link.two-keys"));
}

#[test]
fn a_certificate_of_the_other_hierarchy_or_layout_is_refused() {
    let profile_default = profile(Layout::Default);
    let crossed = auth_tbs(&issuer(Ca::Sign), &profile_default);
    assert!(names(leaf(Ca::Auth, crossed, &issuer(Ca::Sign), &profile_default)).contains(&"leaf.hierarchy"));
    for (kind, made, judged, expected) in [
        (SIGN, Layout::Default, Layout::JpkiExact, "layout.extensions-foreign"),
        (SIGN, Layout::JpkiExact, Layout::Default, "layout.extensions-present"),
        (AUTH, Layout::Default, Layout::JpkiExact, "leaf.distribution-point"),
        (AUTH, Layout::JpkiExact, Layout::Default, "leaf.distribution-point"),
    ] {
        let found = names(lint_any(kind, good(kind, made), &issuer_of(kind), &profile(judged)));
        assert!(found.contains(&expected), "{kind:?} {judged:?}: {found:?}");
    }
    for kind in KINDS {
        for judged in KINDS.into_iter().filter(|judged| *judged != kind) {
            assert!(lint_any(judged, good(kind, Layout::Default), &issuer_of(judged), &profile_default).is_err());
        }
    }
}

#[test]
fn a_certificate_of_another_key_generation_is_refused_though_the_names_are_equal() {
    let other = Issuer { public_key: TestKey::rsa_2048().public_key(), ..issuer(Ca::Auth) };
    let found = names(leaf(Ca::Auth, good(AUTH, Layout::Default), &other, &profile(Layout::Default)));
    assert_eq!(found, ["authority.key"]);
}

#[test]
fn other_settings_than_at_the_time_of_building_are_noticed() {
    let settings =
        ProfileSettings { organization: "JPKI".to_owned(), ..crate::certificate::example::settings(Layout::Default) };
    let other = Profile::new(settings).unwrap();
    assert!(
        names(root(good(CertificateKind::Root, Layout::Default), &issuer(Ca::Sign), &other))
            .contains(&"issuer.name-settled")
    );
}

#[test]
fn validity_is_judged_to_the_second_at_both_ends() {
    let (issuer, profile) = (issuer(Ca::Auth), profile(Layout::Default));
    let responder = |not_before: UnixTime, not_after: UnixTime| {
        let (serial, number) = (Serial::new(5).unwrap(), 1);
        let public_key = &CARD_KEY.public_key();
        let tbs = OcspResponderLeaf { serial, public_key, number, not_before, not_after }.tbs_der(&issuer);
        names(ocsp_responder(tbs, &issuer, &profile))
    };
    let (first, last) = (issuer.not_before, issuer.not_after);
    assert!(responder(first, first).is_empty());
    assert_eq!(responder(first.plus_seconds(-1), first), ["validity.inside-issuers"]);
    assert!(responder(last, last).is_empty());
    assert_eq!(responder(last, last.plus_seconds(1)), ["validity.inside-issuers"]);
    assert!(responder(first, first.plus_seconds(31 * 86_400)).is_empty());
    assert_eq!(responder(first, first.plus_seconds(31 * 86_400 + 1)), ["responder.days"]);
    // The sixth birthday, and the day after it where 28 February stands for the 29th.
    let mut longest = Parts::of(&good(AUTH, Layout::Default));
    longest.fields[parts::VALIDITY] = parts::validity(utc("20251027013542Z"), utc("20311028145959Z"));
    assert!(names(leaf(Ca::Auth, longest.tbs_der(), &issuer_of(AUTH), &profile)).is_empty());
}

#[test]
fn a_leaf_that_crosses_the_end_of_utc_time_passes() {
    let not_before = utc("20450601000000Z");
    let issuer = Issuer { not_before: utc("20440601000000Z"), not_after: utc("20540531145959Z"), ..issuer(Ca::Auth) };
    for not_after in ["20491231145959Z", "20500101145959Z"] {
        let tbs = AuthLeaf {
            serial: Serial::new(5).unwrap(),
            public_key: &CARD_KEY.public_key(),
            municipality: crate::certificate::example::kiyose(),
            common_name: crate::certificate::AuthCommonName::from_random([1; 16], crate::certificate::example::desk()),
            not_before,
            not_after: utc(not_after),
        }
        .tbs_der(&issuer, &profile(Layout::Default));
        assert!(names(leaf(Ca::Auth, tbs, &issuer, &profile(Layout::Default))).is_empty(), "{not_after}");
    }
}

#[test]
fn octets_that_are_no_certificate_are_one_finding() {
    let followed = [good(AUTH, Layout::Default), vec![0]].concat();
    for (tbs, finding) in [
        (vec![], "encoding.elements"),
        (vec![0x30, 0], "encoding.nothing-empty"),
        (followed, "encoding.elements"),
        (vec![5, 0], "form.decodable"),
    ] {
        assert_eq!(names(leaf(Ca::Auth, tbs, &issuer(Ca::Auth), &profile(Layout::Default))), [finding]);
    }
}

/// What of a text may appear in a message or `Debug`: nothing of the person.
fn tells_nothing(text: &str) {
    let FourInfo { name, address, .. } = person();
    for part in [name.text(), address.text(), "清瀬", "19800217", "2030-02-17", "300217"] {
        assert!(!text.contains(part), "{part} in {text}");
    }
}

proptest! {
    #[test]
    fn no_change_of_one_octet_panics_or_makes_a_message_tell_about_the_person(at: prop::sample::Index, change in 1_u8..) {
        let mut tbs = good(SIGN, Layout::Default);
        let at = at.index(tbs.len());
        tbs[at] ^= change;
        match leaf(Ca::Sign, tbs.clone(), &issuer(Ca::Sign), &profile(Layout::Default)) {
            Ok(linted) => {
                prop_assert_eq!(linted.tbs_der(), &tbs);
                prop_assert!(second_opinion::agrees(&tbs), "x509-cert reads it the same way");
                tells_nothing(&format!("{linted:?}"));
            }
            Err(refusal) => {
                prop_assert!(!refusal.findings().is_empty());
                tells_nothing(&refusal.to_string());
                tells_nothing(&format!("{refusal:?}"));
            }
        }
    }

    #[test]
    fn a_signature_certificate_of_anybody_anywhere_passes(
        at: prop::sample::Index,
        name in "[あ-ん]{1,9}(　[ア-ヶ]{1,9})?",
        address in "[あ-ん０-９]{1,200}",
        flags: [bool; 4],
        sex in prop::sample::select(&Sex::ALL[..]),
        age_days in 5_600_i64..40_000,
        number in 1_u64..1 << 62,
        layout in prop::sample::select(&Layout::ALL[..]),
    ) {
        let municipalities = municipality::all();
        let municipality = &municipalities[at.index(municipalities.len())];
        let (issuer, profile) = (issuer(Ca::Sign), profile(layout));
        let not_before = utc("20251027013557Z");
        let issued_on = not_before.jst_date();
        let birth_date = CivilDate::from_days(issued_on.days() - age_days);
        let substitutions: String = name.chars().zip(flags.iter().cycle()).map(|(_, flag)| if *flag { '1' } else { '0' }).collect();
        let person = FourInfo {
            name: PersonName::new(&name, Some(&substitutions)).unwrap(),
            sex,
            birth_date: BirthDate::of_day(birth_date).unwrap(),
            address: Address::new(&address, None).unwrap(),
        };
        let inputs = ValidityInputs {
            issued_on,
            birth_date,
            renewal: flags[0],
            card_expires_on: None,
            stay_ends_on: None,
            paired_user_certificate_not_after: None,
        };
        let leaf_tbs = SignLeaf {
            serial: Serial::new(number).unwrap(),
            public_key: &CARD_KEY.public_key(),
            person: &person,
            municipality,
            common_name: SignCommonName::new(not_before, number, DeskId::new(municipality.code, "Z00Z").unwrap()),
            not_before,
            not_after: leaf_not_after(&inputs).unwrap(),
        }
        .tbs_der(&issuer, &profile);
        prop_assert_eq!(names(leaf(Ca::Sign, leaf_tbs, &issuer, &profile)), Vec::<&str>::new());
    }

    #[test]
    fn lints_never_panic_whatever_comes(octets: Vec<u8>) {
        for kind in KINDS {
            prop_assert!(lint_any(kind, octets.clone(), &issuer_of(kind), &profile(Layout::Default)).is_err());
        }
    }
}

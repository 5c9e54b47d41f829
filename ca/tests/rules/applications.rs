//! Applications to consent and to withdraw: which are taken, and how often.
use ca::authority::{Asked, Authority, Caller, Ruling};
use pki::identity::Ca;
use registry::event::{Door, Event};
use serde_json::{Value, json};

use crate::support::{BANK, Card, Party, Reply, SHOP, World, application, base64, consent_to, jst, withdrawal_of};

const PERSON: &str = "12345678901";

fn name_to_bank(world: &World, number: &str) -> String {
    consent_to(BANK, &["氏名"], number, world.now())
}

/// Nothing but refusals was recorded since that position.
fn nothing_but_refusals(world: &World, position: u64) {
    let recorded = world.recorded_since(position);
    assert!(recorded.iter().all(|open| matches!(open.event, Event::Refused { .. })), "{recorded:?}");
}

#[test]
fn an_application_works_once_for_ever_whoever_sends_it_and_also_after_a_withdrawal() {
    let mut world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    let consent = card.signs(&name_to_bank(&world, "one"));
    let given = world.consent("key 1", &consent);
    assert_eq!(given.status, 201);
    assert_eq!(world.consent("key 1", &consent), given, "a retry has its answer");
    assert_eq!(world.consent("key 2", &consent).problem(), (409, "application-used"));
    let by_other = world.post(Party::OtherOperator, "/operators/v1/consents", "key 1", &consent);
    assert_eq!(by_other.problem(), (403, "not-your-service"));

    let withdrawal = card.signs(&withdrawal_of(BANK, "two", world.now()));
    assert_eq!(world.withdraw("key 3", &withdrawal).status, 200);
    assert_eq!(world.withdraw("key 4", &withdrawal).problem(), (409, "application-used"));
    world.restart();
    // THE attack: an old consent once more. With another signature over the same octets, too.
    let position = world.position();
    for (key, again) in [("key 5", consent), ("key 6", card.signs(&name_to_bank(&world, "one")))] {
        assert_eq!(world.consent(key, &again).problem(), (409, "application-used"), "{key}");
    }
    nothing_but_refusals(&world, position);
    world.clock.advance(301);
    assert_eq!(world.consent("key 7", &card.signs(&name_to_bank(&world, "three"))).status, 201);
}

#[test]
fn an_application_is_taken_for_24_hours_and_five_minutes_ahead_of_time() {
    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    let (now, stale) = (world.now(), (422, "application-stale"));
    let sent = |key: &str, seconds: i64| {
        let paper = consent_to(BANK, &["氏名"], key, now.plus_seconds(seconds));
        world.consent(key, &card.signs(&paper))
    };
    assert_eq!(sent("301 ahead", 301).problem(), stale);
    assert_eq!(sent("300 ahead", 300).status, 201);
    assert_eq!(sent("24 hours and one second", -86_401).problem(), stale);
    assert_eq!(sent("24 hours", -86_400).status, 201);
    let clock = world.clock.clone();
    world.steps.at("consent.1-judged", move || clock.advance(1));
    assert_eq!(sent("24 hours on arrival", -86_400).problem(), stale, "its age counts where it is recorded");
}

#[test]
fn the_signers_certificate_must_be_good_at_the_second_of_recording() {
    let not_good = (409, "certificate-not-good");
    let world = World::with_services();
    let codes = ["12345678901", "12345678902", "12345678903", "12345678904"];
    let [held, revoked, meanwhile, expiring] = codes.map(|code| Card::of(&world, code, code));
    world.hold("hold", codes[0]);
    world.revoke("revoke", (Ca::Sign, revoked.serial), "card_lost");
    for (key, card) in [("held", &held), ("revoked", &revoked)] {
        assert_eq!(world.consent(key, &card.signs(&name_to_bank(&world, key))).problem(), not_good, "{key}");
        let withdrawal = card.signs(&withdrawal_of(BANK, key, world.now()));
        assert_eq!(world.withdraw(&format!("w {key}"), &withdrawal).problem(), not_good, "{key}");
    }
    let doors = world.0.clone();
    world.steps.at("consent.1-judged", move || {
        let doors = crate::support::Doors::new(doors);
        doors.hold("hold in between", codes[2]);
    });
    let reply = world.consent("meanwhile", &meanwhile.signs(&name_to_bank(&world, "meanwhile")));
    assert_eq!(reply.problem(), not_good, "held between judging and recording");

    let (_, not_after) = world.look_up((Ca::Sign, expiring.serial)).validity();
    world.clock.set(not_after);
    assert_eq!(world.consent("last second", &expiring.signs(&name_to_bank(&world, "last second"))).status, 201);
    let clock = world.clock.clone();
    world.steps.at("consent.1-judged", move || clock.advance(1));
    let reply = world.consent("expires", &expiring.signs(&name_to_bank(&world, "expires")));
    assert_eq!(reply.problem(), not_good, "it expires between judging and recording");
    assert_eq!(world.consent("expired", &expiring.signs(&name_to_bank(&world, "expired"))).problem(), not_good);
}

#[test]
fn only_the_key_of_a_signature_certificate_that_we_issued_signs() {
    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    let other = Card::of(&world, "other", "12345678902");
    let user = Card::issued(&world, "user", application(Ca::Auth, PERSON));
    let position = world.position();
    let paper = name_to_bank(&world, "one");
    let with = |field: &str, value: &str| {
        let mut body = card.signs(&paper);
        body[field] = json!(value);
        body
    };
    let flipped = {
        let mut der = der::pem::decode_vec(card.pem.as_bytes()).unwrap().1;
        *der.last_mut().unwrap() ^= 1;
        pki::certificate::pem(&der)
    };
    let signature_of_other = other.signs(&paper)["signature"].as_str().unwrap().to_owned();
    let not_ours = (422, "not-a-signature-certificate");
    for (body, problem) in [
        (with("certificate", &other.pem), (422, "signature-invalid")),
        (with("signature", &signature_of_other), (422, "signature-invalid")),
        (with("signature_form", "cms"), (422, "signature-invalid")),
        (with("application", &base64(name_to_bank(&world, "two").as_bytes())), (422, "signature-invalid")),
        (user.signs(&paper), not_ours),
        (with("certificate", &flipped), not_ours),
        (with("certificate", &card.pem.replace("CERTIFICATE", "PUBLIC KEY")), not_ours),
        (with("certificate", "no PEM"), not_ours),
        (with("application", "no base64!"), (422, "not-in-form")),
        (with("signature", "no base64!"), (422, "not-in-form")),
        (with("signature_form", "pdf"), (400, "malformed-body")),
        (with("more", "than is taken"), (400, "malformed-body")),
    ] {
        assert_eq!(world.consent("key", &body).problem(), problem);
    }
    nothing_but_refusals(&world, position);
    assert_eq!(world.consent("key", &card.signs(&paper)).status, 201, "a refusal leaves key and application free");
}

#[test]
fn a_cms_signature_of_openssl_is_taken() {
    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    let folder = tempfile::tempdir().unwrap();
    let paper = name_to_bank(&world, "one");
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("paper", &paper);
    file("key", &card.key.serialize_pem());
    file("certificate", &card.pem);
    let line = "cms -sign -binary -outform DER -in paper -signer certificate -inkey key -out signature";
    let status = std::process::Command::new("openssl").args(line.split(' ')).current_dir(folder.path()).status();
    assert!(status.unwrap().success());
    let mut body = card.signs(&paper);
    body["signature"] = json!(base64(&std::fs::read(folder.path().join("signature")).unwrap()));
    body["signature_form"] = json!("cms");
    assert_eq!(world.consent("cms", &body).status, 201);
}

/// Signed by the person as it stands, and sent.
fn sent(world: &World, card: &Card, paper: &str) -> Reply {
    world.consent("key", &card.signs(paper))
}

#[test]
fn an_application_that_is_not_in_its_form_is_refused_with_the_element_and_without_its_text() {
    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    let paper = consent_to(BANK, &["氏名", "住所"], "planted", world.now());
    let root = "<利用者同意申請情報 xmlns=\"urn:akashi:consent:1\">";
    let item = "<提供項目>住所</提供項目>";
    let number = "<申請番号>aaaaaaaaaplanted</申請番号>";
    assert!([root, item, number].iter().all(|part| paper.contains(part)), "{paper}");
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    let bomb = "<!DOCTYPE b [<!ENTITY a \"planted\"><!ENTITY c \"&a;&a;&a;&a;\">]>";
    for (part, instead, names) in [
        (declaration, String::new(), "does not begin with"),
        (declaration, declaration.replace("UTF-8", "Shift_JIS"), "does not begin with"),
        (declaration, format!("\u{feff}{declaration}"), "does not begin with"),
        (declaration, format!("{declaration}{bomb}"), "DTD"),
        (declaration, format!("{declaration}<!DOCTYPE b>"), "DTD"),
        (item, format!("{item}<!-- planted -->"), "comment"),
        (item, format!("{item}<?planted?>"), "instruction"),
        (item, "<提供項目>&planted;</提供項目>".to_owned(), "not well-formed"),
        (item, item.repeat(70), "more elements"),
        (item, "<提供項目".to_owned(), "not well-formed"),
        (item, format!("{item}planted"), "text stands between"),
        (item, item.repeat(2), "提供項目 住所 is repeated"),
        (item, "<提供項目>planted</提供項目>".to_owned(), "提供項目 is one of"),
        (item, "<提供項目></提供項目>".to_owned(), "提供項目 is empty"),
        (item, "<提供項目><planted/></提供項目>".to_owned(), "提供項目 holds something"),
        (item, "<提供項目 planted=\"1\">住所</提供項目>".to_owned(), "attributes"),
        (item, "<planted>住所</planted>".to_owned(), "does not belong"),
        (item, "<提供項目 xmlns=\"planted\">住所</提供項目>".to_owned(), "does not belong"),
        (item, "<提供項目 xmlns:planted=\"planted\">住所</提供項目>".to_owned(), "does not belong"),
        (item, "<p:提供項目 xmlns:p=\"urn:akashi:consent:1\">住所</p:提供項目>".to_owned(), "does not belong"),
        (item, format!("{item}\u{3000}"), "text stands between"),
        (item, format!("{item}\u{a0}"), "text stands between"),
        (root, root.replace("xmlns", "xmlns:planted=\"planted\" xmlns"), "its root"),
        (root, root.replace('>', " xmlns:planted=\"a>b\">"), "its root"),
        (root, root.replace("consent:1", "planted"), "its root"),
        (root, root.replace("xmlns", "planted=\"1\" xmlns"), "its root"),
        (number, String::new(), "申請番号 is missing"),
        (number, number.repeat(2), "申請番号 is repeated"),
        (number, "<申請番号>planted</申請番号>".to_owned(), "申請番号 is not in its form"),
        (number, number.replace('p', "_"), "申請番号 is not in its form"),
        (number, format!("<申請番号>{}</申請番号>", "planted".repeat(10)), "申請番号 is not in its form"),
        ("<サービス番号>1<", "<サービス番号>01<".to_owned(), "サービス番号 is not in its form"),
        ("<サービス番号>1<", "<サービス番号>+1<".to_owned(), "サービス番号 is not in its form"),
        (BANK.1, "planted".to_owned(), "サービス名 is not the name"),
        (BANK.1, format!(" {}", BANK.1), "サービス名 is not the name"),
        ("+09:00<", "Z<".to_owned(), "申請日時 is not in its form"),
        ("</利用者同意申請情報>", format!("</利用者同意申請情報>{}", " ".repeat(8_192)), "octets"),
    ] {
        let altered = paper.replacen(part, &instead, 1);
        assert_ne!(altered, paper, "{part}");
        let refused = sent(&world, &card, &altered);
        assert_eq!(refused.problem(), (422, "application-malformed"), "{instead}");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(names) && !refused.body.to_string().contains("planted"), "{instead}: {detail}");
        // The count of refusals of a minute is not what this is about.
        world.clock.advance(60);
    }
    let withdrawal = card.signs(&withdrawal_of(BANK, "planted", world.now()));
    assert_eq!(world.consent("key", &withdrawal).problem(), (422, "application-malformed"));
    let consent = card.signs(&consent_to(BANK, &["氏名"], "planted", world.now()));
    assert_eq!(world.withdraw("key", &consent).problem(), (422, "application-malformed"));
    let none = consent_to(BANK, &[], "planted", world.now());
    assert_eq!(sent(&world, &card, &none).problem(), (422, "application-malformed"));
    let with_items =
        withdrawal_of(BANK, "planted", world.now()).replace("  <申請番号>", "  <提供項目>氏名</提供項目><申請番号>");
    assert_eq!(world.withdraw("key", &card.signs(&with_items)).problem(), (422, "application-malformed"));
    let mut not_utf_8 = card.signs(&paper);
    not_utf_8["application"] = json!(base64(&[paper.as_bytes(), &[0xff]].concat()));
    assert_eq!(world.consent("key", &not_utf_8).problem(), (422, "application-malformed"));
}

#[test]
fn the_largest_application_fits_a_body_with_the_largest_signature_and_certificate() {
    let world = World::with_services();
    let mut body = application(Ca::Sign, PERSON);
    body["person"]["name"] = json!("亜".repeat(100));
    body["person"]["address"] = json!("亜".repeat(200));
    let card = Card::issued(&world, "card", body);
    let mut paper = name_to_bank(&world, "one");
    paper.push_str(&" ".repeat(ca::signed::xml::APPLICATION_OCTETS_MAX - paper.len()));
    let mut sent: Value = card.signs(&paper);
    // A CMS brings the certificate once more, and keys and signatures of RSA-3072 take under a KiB.
    sent["certificate"] = json!(format!("{}\n{}", "\n".repeat(card.pem.len() + 3_000), card.pem));
    assert!(sent.to_string().len() < ca::doors::BODY_OCTETS_MAX, "{}", sent.to_string().len());
    assert_eq!(world.consent("key", &sent).status, 201);
}

#[test]
fn an_operator_sees_and_uses_its_own_services_alone() {
    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    let (bank, shop) = (name_to_bank(&world, "one"), consent_to(SHOP, &["氏名"], "two", world.now()));
    assert_eq!(world.consent("bank", &card.signs(&bank)).status, 201);
    assert_eq!(sent(&world, &card, &shop).problem(), (403, "not-your-service"));
    let nobodys = consent_to((99, "planted"), &["氏名"], "three", world.now());
    let refused = sent(&world, &card, &nobodys);
    assert_eq!(
        (refused.problem(), &refused.body["detail"]),
        ((403, "not-your-service"), &sent(&world, &card, &shop).body["detail"])
    );
    for path in ["/operators/v1/consents/1", "/operators/v1/consents/2", "/operators/v1/consents/x"] {
        assert_eq!(world.get(Party::OtherOperator, path).problem(), (404, "unknown-consent"), "{path}");
    }
    assert_eq!(world.get(Party::Operator, "/operators/v1/consents/1").status, 200);
    let withdrawal = card.signs(&withdrawal_of(BANK, "four", world.now()));
    let by_other = world.post(Party::OtherOperator, "/operators/v1/consent-withdrawals", "k", &withdrawal);
    assert_eq!(by_other.problem(), (403, "not-your-service"));
    let body = json!({ "service": BANK.0, "ca": "sign", "serial": card.serial.to_string() });
    world.clock.set(jst("2026-11-22", 0, 0, 0));
    for (service, party) in [(BANK.0, Party::OtherOperator), (SHOP.0, Party::Operator), (99, Party::Operator)] {
        let mut body = body.clone();
        body["service"] = json!(service);
        let reply = world.post(party, "/operators/v1/latest-info", "k", &body);
        assert_eq!(reply.problem(), (403, "not-your-service"), "{service}");
    }
    for party in [Party::Kiyose, Party::Hotline, Party::Register, Party::Admin] {
        assert_eq!(
            world.post(party, "/operators/v1/latest-info", "k", &body).problem(),
            (403, "wrong-role"),
            "{party:?}"
        );
    }
}

#[test]
fn a_process_that_stops_in_a_consent_or_a_withdrawal_leaves_nothing_or_the_answer() {
    type Rule = fn(&Authority, &Caller, &Asked<'_>) -> Ruling;
    let rules: [(&str, Rule); 2] = [
        ("/operators/v1/consents", Authority::give_consent),
        ("/operators/v1/consent-withdrawals", Authority::withdraw_consent),
    ];
    for (path, rule) in rules {
        for (step, events) in [("consent.1-judged", 0), ("consent.2-recorded", 2)] {
            let mut world = World::with_services();
            let card = Card::of(&world, "card", PERSON);
            let now = world.now();
            let paper =
                if path.ends_with("consents") { name_to_bank(&world, "one") } else { withdrawal_of(BANK, "one", now) };
            let body = card.signs(&paper);
            let (position, octets) = (world.position(), body.to_string());
            let asked = Asked { path, idempotency_key: "key", body: octets.as_bytes() };
            let caller = world.caller(Party::Operator, Door::Operators);
            world.stopped_at(step, || rule(&world.0, &caller, &asked));
            world.restart();
            assert_eq!(world.position(), position + events, "{step} of {path}");
            world.clock.advance(1);
            let answer = world.post(Party::Operator, path, "key", &body);
            assert!(answer.status < 300, "{:?}", answer.body);
            if let Some(withdrawn_at) = answer.body.get("withdrawn_at") {
                let recorded = if events == 0 { world.now() } else { now };
                assert_eq!(withdrawn_at, &json!(recorded.to_string()), "the answer of the first attempt");
            }
            assert_eq!(world.post(Party::Operator, path, "key", &body), answer);
            assert_eq!(world.position(), position + 2, "the event and its answer, once, after {step} of {path}");
            world.verify_log();
        }
    }
}

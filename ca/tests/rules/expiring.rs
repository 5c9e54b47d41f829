//! The list from which a municipality sends its notices.
use pki::identity::Ca;
use serde_json::{Value, json};

use crate::support::{Party, Reply, World, application, jst};

fn listed(world: &World, query: &str) -> Reply {
    let reply = world.get(Party::Kiyose, &format!("/desk/v1/expiring{query}"));
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    reply
}

fn serials(reply: &Reply) -> Vec<&str> {
    reply.body["certificates"].as_array().unwrap().iter().map(|one| one["serial"].as_str().unwrap()).collect()
}

/// A user certificate of somebody born on that day, and so, if issued in 2026, until that day in 2031.
fn issue_until(world: &World, resident_code: u32, month_and_day: &str) -> String {
    let mut body = application(Ca::Auth, &format!("{resident_code:0>11}"));
    body["person"]["birth_date"] = json!(format!("1980-{month_and_day}"));
    world.issued(&format!("issue {resident_code}"), &body).to_string()
}

fn notify(world: &World, key: &str, serials: &[&str]) -> Reply {
    let certificates: Vec<_> = serials.iter().map(|serial| json!({ "ca": "auth", "serial": serial })).collect();
    world.post(Party::Kiyose, "/desk/v1/expiring/notified", key, &json!({ "certificates": certificates }))
}

#[test]
fn the_list_has_what_ends_within_three_months_its_first_and_last_day_included() {
    let world = World::new();
    for (resident, day) in [(1, "02-16"), (2, "02-17"), (3, "05-17"), (4, "05-18"), (5, "07-01")] {
        issue_until(&world, resident, day);
    }
    world.clock.set(jst("2031-02-16", 23, 59, 59));
    assert_eq!(serials(&listed(&world, "")), ["2", "3"], "three months before 17 May is 17 February");
    world.clock.advance(1);
    assert_eq!(serials(&listed(&world, "")), ["3", "4"]);
    assert_eq!(serials(&listed(&world, "?months=1")), ["3"]);
    assert_eq!(serials(&listed(&world, "?months=6")), ["3", "4", "5", "6"]);
}

#[test]
fn the_list_has_good_and_held_certificates_of_the_desks_municipality_and_nothing_that_was_renewed() {
    let world = World::new();
    let [good, held, renewed, revoked] = [1, 2, 3, 4].map(|resident| issue_until(&world, resident, "02-17"));
    let mut elsewhere = application(Ca::Auth, "00000000005");
    elsewhere["municipality"] = json!("14100");
    elsewhere["person"]["address"] = json!("神奈川県横浜市中区本町６丁目５０番地の１０");
    assert_eq!(world.post(Party::Yokohama, "/desk/v1/certificates", "elsewhere", &elsewhere).status, 201);
    world.clock.set(jst("2031-01-10", 12, 0, 0));
    world.hold("lost", "00000000002");
    world.revoke("given up", (Ca::Auth, revoked.parse().unwrap()), "no_longer_needed");
    assert_eq!(serials(&listed(&world, "")), [&good, &held, &renewed]);
    world.issued("renewal", &application(Ca::Auth, "00000000003"));
    let list = listed(&world, "");
    assert_eq!(serials(&list), [&good, &held]);
    assert_eq!(list.body["certificates"][1]["status"], json!("held"));
    let theirs = world.get(Party::Yokohama, "/desk/v1/expiring");
    assert_eq!(theirs.body["certificates"][0]["name"], json!("黒桐　幹也"));
    assert_eq!(world.get(Party::Hotline, "/desk/v1/expiring").problem(), (403, "wrong-role"));
}

#[test]
fn pages_follow_each_other_and_each_costs_what_its_limit_says() {
    let world = World::new();
    // Three of these lie in the quarter and not in the window: they cost, and are not shown.
    for (resident, day) in [(1, "01-05"), (2, "02-17"), (3, "01-06"), (4, "03-01"), (5, "01-07"), (6, "02-18")] {
        issue_until(&world, resident, day);
    }
    world.clock.set(jst("2031-02-01", 12, 0, 0));
    let mut seen = vec![];
    let mut pages = 0;
    let mut after = String::new();
    loop {
        let page = listed(&world, &format!("?limit=2{after}"));
        seen.extend(serials(&page).iter().map(|serial| (*serial).to_owned()));
        pages += 1;
        let Some(next) = page.body["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!((pages, seen), (3, vec!["3".to_owned(), "5".to_owned(), "7".to_owned()]));
    assert_eq!(serials(&listed(&world, "?limit=6")), ["3", "5", "7"]);
    assert_eq!(listed(&world, "?limit=6").body["next"], Value::Null);
    for query in ["limit=0", "limit=501", "months=0", "months=7", "after=x", "after=2031-03-31.auth.0", "month=3"] {
        let refused = world.get(Party::Kiyose, &format!("/desk/v1/expiring?{query}"));
        assert_eq!(refused.problem(), (422, "not-in-form"), "{query}");
    }
}

#[test]
fn who_was_sent_a_notice_is_marked_once_and_listed_apart() {
    let world = World::new();
    let [one, two] = [1, 2].map(|resident| issue_until(&world, resident, "02-17"));
    world.clock.set(jst("2031-01-10", 12, 0, 0));
    let marked = notify(&world, "notices", &[&one]);
    assert_eq!((marked.status, &marked.body["notified"]), (200, &json!(1)));
    let again = world.get(Party::Kiyose, "/desk/v1/requests/notices");
    assert_eq!((again.status, &again.body), (200, &marked.body), "a lost answer is given again");
    let position = world.position();
    world.clock.advance(60);
    assert_eq!(notify(&world, "notices", &[&one]), marked, "the same key, the same answer");
    assert_eq!(world.position(), position);
    assert_eq!(serials(&listed(&world, "?notified=false")), [&two]);
    let notified = listed(&world, "?notified=true");
    assert_eq!(serials(&notified), [&one]);
    assert_eq!(notified.body["certificates"][0]["notified_at"], json!("2031-01-10T12:00:00+09:00"));
    world.verify_log();
}

#[test]
fn nothing_is_marked_if_one_of_them_cannot_be() {
    let world = World::new();
    let one = issue_until(&world, 1, "02-17");
    assert_eq!(notify(&world, "a", &[&one, "99"]).problem(), (404, "unknown-certificate"));
    assert_eq!(notify(&world, "b", &[]).problem(), (422, "not-in-form"));
    assert_eq!(notify(&world, "c", &vec![&*one; 501]).problem(), (422, "not-in-form"));
    let body = json!({ "certificates": [{ "ca": "auth", "serial": one }] });
    let elsewhere = world.post(Party::Yokohama, "/desk/v1/expiring/notified", "d", &body);
    assert_eq!(elsewhere.problem(), (403, "not-your-municipality"));
    let position = world.position();
    let tried = world.post(Party::Kiyose, "/desk/v1/expiring/notified?dry_run=true", "e", &body);
    assert_eq!((tried.status, &tried.body), (200, &json!({ "dry_run": true, "notified": 1 })));
    assert_eq!(world.position(), position);
    assert_eq!(world.record(Ca::Auth, one.parse().unwrap()).notified_at, None);
    assert_eq!(notify(&world, "f", &vec![&*one; 500]).status, 200);
}

#[test]
fn a_notice_says_when_the_register_has_reported_a_change_since() {
    let world = World::new();
    issue_until(&world, 1, "02-17");
    issue_until(&world, 2, "02-17");
    world.report("moved", "00000000001", "moved");
    world.clock.set(jst("2031-01-10", 12, 0, 0));
    let list = listed(&world, "");
    let changed: Vec<_> =
        list.body["certificates"].as_array().unwrap().iter().map(|one| &one["changed_since"]).collect();
    assert_eq!(changed, [&json!(true), &json!(false)]);
}

#[test]
fn the_list_is_csv_for_who_asks_for_csv() {
    let world = World::new();
    issue_until(&world, 1, "02-17");
    issue_until(&world, 2, "02-17");
    world.clock.set(jst("2031-01-10", 12, 0, 0));
    let (headers, text) = world.get_as(Party::Kiyose, "/desk/v1/expiring?limit=1&months=3", "text/csv");
    assert_eq!(headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(headers["cache-control"], "no-store");
    let next = "</desk/v1/expiring?limit=1&months=3&after=2031-03-31.auth.2>; rel=\"next\"";
    assert_eq!(headers["link"], next);
    let expected = "\"ca\",\"serial\",\"status\",\"name\",\"address\",\"last_day\",\"changed_since\",\"notified_at\",\"not_after\"\r\n\
                    \"auth\",\"2\",\"good\",\"黒桐　幹也\",\"東京都清瀬市中里五丁目８４２番地\",\"2031-02-17\",\"false\",\"\",\"2031-02-17T23:59:59+09:00\"\r\n";
    assert_eq!(text, expected);
    let (headers, text) =
        world.get_as(Party::Kiyose, "/desk/v1/expiring?limit=1&months=3&after=2031-03-31.auth.2", "text/csv");
    assert!(!headers.contains_key("link") && text.lines().count() == 2, "{text}");
    let (headers, _) = world.get_as(Party::Hotline, "/desk/v1/expiring", "text/csv");
    assert_eq!(headers["content-type"], "application/problem+json");
}

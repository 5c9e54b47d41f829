//! Callers who may not: strangers, the unregistered, the suspended, those at another's door or for another's people.
use serde_json::json;

use super::scene::{Expected, Scene, fresh_key};
use super::support::{Akashi, CardKey, Party, Resident, eventually, openssl, openssl_with};

#[test]
fn a_desk_acts_for_its_own_municipality_only() {
    let scene = Scene::new();
    let serial = scene.serial_of(&Resident::HANAKO.application("auth", &CardKey::generate()));
    let application = Resident::MIKIYA.application("auth", &CardKey::generate());
    let osaka = scene.akashi.desk("27100", "0001");
    let not_yours = |field| (403, "not-your-municipality", field);
    scene.refuses(not_yours(Some("municipality")), || osaka.request_certificate(&fresh_key(), &application));
    let path = format!("/desk/v1/certificates/auth/{serial}");
    scene.refuses(not_yours(None), || osaka.get(&path));
    let cause = json!({ "cause": "person_request" });
    scene.refuses(not_yours(None), || osaka.post(&format!("{path}/revocation"), &fresh_key(), &cause));
    assert_eq!(scene.akashi.ocsp("auth", &serial.to_string()).status, "good");
    scene.goes_on_after(serial, &application);
}

#[test]
fn a_party_without_registration_the_right_role_or_good_standing_gets_nowhere() {
    let mut first = Akashi::init();
    // The same CA a second time registers a desk of which the first knows nothing.
    let mut twin = first.copy();
    twin.start();
    twin.desk("13221", "0009");
    for suffix in ["crt", "key"] {
        let name = format!("desk-13221-0009.{suffix}");
        std::fs::copy(twin.path(&name), first.path(&name)).unwrap();
    }
    first.start();
    let unregistered = first.party(0, "desk-13221-0009.crt", "desk-13221-0009.key");
    let desk = first.desk("13221", "003A");
    let scene = Scene { akashi: first, desk };
    scene.akashi.settle();
    let serial = scene.serial_of(&Resident::HANAKO.application("auth", &CardKey::generate()));
    let application = Resident::MIKIYA.application("auth", &CardKey::generate());
    let path = format!("/desk/v1/certificates/auth/{serial}");

    let unknown: Expected = (403, "party-unregistered", None);
    scene.refuses(unknown, || unregistered.request_certificate(&fresh_key(), &application));
    scene.refuses(unknown, || unregistered.get(&path));

    let (admin, hotline, auditor) =
        (scene.akashi.admin(), scene.akashi.register("hotline"), scene.akashi.register("auditor"));
    for caller in [&hotline, &auditor, &admin] {
        scene.refuses((403, "wrong-role", None), || caller.request_certificate(&fresh_key(), &application));
        scene.refuses((403, "wrong-role", None), || caller.get(&path));
    }
    for path in ["/hotline/v1/holds", "/residents/v1/changes", "/admin/v1/parties", "/admin/v1/cuts"] {
        scene.refuses((403, "wrong-role", None), || scene.desk.post(path, &fresh_key(), &json!({})));
    }

    let set = |what: &str| {
        let path = format!("/admin/v1/parties/{}/{what}", scene.desk.number);
        admin.post(&path, &fresh_key(), &json!({ "because": "a test" })).expect(200)
    };
    assert_eq!(set("suspension")["state"], "suspended");
    let suspended: Expected = (403, "party-suspended", None);
    scene.refuses(suspended, || scene.desk.request_certificate(&fresh_key(), &application));
    scene.refuses(suspended, || scene.desk.get(&path));
    assert_eq!(set("reinstatement")["state"], "active");
    scene.goes_on_after(serial, &application);
}

#[test]
fn a_client_without_a_certificate_of_the_party_ca_or_with_old_tls_is_turned_away_in_the_handshake() {
    let akashi = Akashi::started();
    akashi.settle();
    let look_alike = foreign(&akashi, "look-alike", "/O=Akashi/CN=Akashi party CA");
    let other = foreign(&akashi, "other", "/CN=another CA");
    let position = akashi.log_position();
    let failures = || akashi.metric("akashi_tls_handshake_failures_total");
    let address = akashi.api_url().replace("https://", "");
    let shake_hands = |arguments: &[&str], alert: &str| {
        let before = failures();
        // It waits for what the server says, so the alert is read whatever the timing.
        let fixed = ["s_client", "-connect", &address, "-ign_eof"];
        let output = openssl_with(&[&fixed[..], arguments].concat(), b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(alert), "{arguments:?}: {said}");
        eventually("the failed handshake is counted", || failures() == before + 1);
    };
    shake_hands(&[], "alert certificate required");
    for (name, alert) in [("look-alike", "alert decrypt error"), ("other", "alert unknown ca")] {
        let [certificate, key] = ["crt", "key"].map(|suffix| akashi.path_text(&format!("{name}.{suffix}")));
        shake_hands(&["-cert", &certificate, "-key", &key], alert);
    }
    shake_hands(&["-tls1_2"], "alert protocol version");
    for client in [akashi.stranger(), look_alike, other] {
        client.try_call("GET", "/admin/v1/parties", &[], None).expect_err("no answer");
    }
    assert_eq!(akashi.log_position(), position);
    assert_eq!(akashi.admin().get("/admin/v1/parties").status, 200);
}

/// A client with a certificate of a CA that is not ours, under that name.
fn foreign(akashi: &Akashi, name: &str, ca_name: &str) -> Party {
    let path = |suffix: &str| akashi.path_text(&format!("{name}.{suffix}"));
    let (ca_key, ca) = (path("ca.key"), path("ca.crt"));
    let (key, request, certificate) = (path("key"), path("csr"), path("crt"));
    let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    openssl(&[&["req", "-x509", "-subj", ca_name, "-keyout", &ca_key, "-out", &ca][..], &new_key].concat());
    let subject = ["-subj", "/O=Akashi/CN=desk 13221003A", "-addext", "extendedKeyUsage=clientAuth"];
    openssl(&[&["req", "-new", "-keyout", &key, "-out", &request][..], &subject, &new_key].concat());
    let signed_by = ["-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-copy_extensions", "copyall"];
    openssl(&[&["x509", "-req", "-in", &request, "-out", &certificate][..], &signed_by].concat());
    akashi.party(0, &format!("{name}.crt"), &format!("{name}.key"))
}

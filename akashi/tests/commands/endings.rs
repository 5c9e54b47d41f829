//! The exit codes and what is said with them.
use crate::scene::{Scene, akashi};
use crate::support::CardKey;

#[test]
fn a_refusal_ends_with_3_and_says_field_reason_and_remedy_but_never_the_data() {
    let scene = Scene::new();
    let example = akashi(&["desk", "request", "--example"], "").ends_with(0).out;
    let impossible = scene.file("request.json", &example.replace("1980-02-17", "1980-02-31"));
    let card = scene.card("card.csr");
    let request = ["desk", "request", "--request", &impossible, "--csr", &card];

    let told = scene.run(&request).ends_with(3);
    assert_eq!(told.out, "", "a problem is no output");
    for part in ["422 impossible-date", "field: person.birth_date", "what to do: "] {
        assert!(told.err.contains(part), "{part}: {}", told.err);
    }
    assert!(!told.err.contains("1980") && !told.err.contains("幹也"), "{}", told.err);

    let misspelt = scene.file("misspelt.json", &example.replace("黒桐", "黒𣘺").replace("コクトウ", "こ"));
    let told = scene.run(&["desk", "request", "--request", &misspelt, "--csr", &card]).ends_with(3).err;
    for line in ["\n  person.name, character 2, U+2363A: 橋\n", "\n  person.kana, character 1, U+3053: コ\n"] {
        assert!(told.contains(line), "{line}: {told}");
    }

    let problem = scene.run(&[&request[..], &["--json"]].concat()).ends_with(3).json();
    assert_eq!(problem["type"], "urn:akashi:problem:impossible-date");
    let other_door = scene.path("hotline");
    let (cert, key) = (format!("{other_door}.crt"), format!("{other_door}.key"));
    let wrong = scene.run(&["desk", "certificate", "auth", "1", "--cert", &cert, "--key", &key]).ends_with(3);
    assert!(wrong.err.contains("403 wrong-role"), "--cert takes the place of the sandbox's: {}", wrong.err);
}

#[test]
fn what_cannot_be_asked_ends_with_1_and_names_the_file_but_not_its_content() {
    let scene = Scene::new();
    let parties = ["admin", "parties"];
    let with = |more: &[&str]| scene.run(&[&parties[..], more].concat()).ends_with(1);

    let junk = scene.file("junk.pem", "-----BEGIN SECRET OF MINE\nhunter2");
    let admin_certificate = scene.path("data/admin/admin.crt");
    for (more, says) in [
        (&["--cert", &admin_certificate, "--key", &junk][..], "the client's private key"),
        (&["--cert", &junk, "--key", &junk], "the client certificate"),
        (&["--ca-bundle", &junk], "the CA bundle"),
        (&["--cert", &admin_certificate, "--key", &scene.path("desk.key")], "cannot be used for TLS"),
        (&["--ca-bundle", &scene.path("nowhere.pem")], "nowhere.pem"),
        (&["--api", "http://127.0.0.1:1"], "https://HOST:PORT"),
        (&["--ca-bundle", &scene.path("data/ca/sign-1.pem")], "the server's certificate is not trusted"),
    ] {
        let told = with(more);
        assert!(told.err.contains(says), "{says}: {}", told.err);
        assert!(!told.err.contains("hunter2") && !told.err.contains("SECRET"), "{}", told.err);
        assert_eq!(told.out, "");
    }

    let broken = scene.file("request.json", "{\"resident_code\": 12345678901,,");
    let told = scene.run(&["desk", "request", "--request", &broken]).ends_with(1);
    assert!(told.err.contains("it is not JSON at line 1") && !told.err.contains("12345678901"), "{}", told.err);
    let sandbox = std::fs::read_to_string(scene.path("sandbox.json")).expect("it is there");
    scene.file("sandbox.json", &sandbox.replace("\"operator\"", "\"someone\""));
    let no_operator = scene.run(&["operator", "consent-status", "1"]).ends_with(1);
    assert!(no_operator.err.contains("has no client for the operator door"), "{}", no_operator.err);
}

#[test]
fn a_client_certificate_of_another_ca_is_refused_by_the_server() {
    let scene = Scene::new();
    let (key, cert) = (scene.path("stranger.key"), scene.path("stranger.crt"));
    let subject = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-batch", "-subj", "/CN=stranger"];
    crate::support::openssl(&[&subject[..], &["-keyout", &key, "-out", &cert]].concat());
    let told = scene.run(&["admin", "parties", "--cert", &cert, "--key", &key]).ends_with(1);
    assert!(told.err.contains("client certificate"), "{}", told.err);
}

#[test]
fn an_answer_that_is_lost_leaves_the_idempotency_key_to_ask_again() {
    let mut scene = Scene::new();
    let card = scene.file("card.csr", &CardKey::generate().csr);
    let request = scene.file("request.json", &akashi(&["desk", "request", "--example"], "").ends_with(0).out);
    let asked = ["desk", "request", "--request", &request, "--csr", &card];
    scene.server.stop();
    let lost = scene.run(&asked).ends_with(1);
    assert!(lost.err.contains("akashi serve"), "it says what to look at: {}", lost.err);
    let key = lost.fresh_key();
    assert!(lost.err.contains(&format!("to ask again: --idempotency-key '{key}'")), "{}", lost.err);
    scene.server.start();
    scene.run(&[&asked[..], &["--idempotency-key", &key]].concat()).ends_with(0);
}

#[test]
fn wrong_usage_ends_with_2_before_anybody_is_asked() {
    for arguments in [
        &["desk"][..],
        &["desk", "request"],
        &["desk", "certificate", "auth", "zero"],
        &["desk", "certificate", "card", "3"],
        &["desk", "revoke", "auth", "3", "--cause", "boredom"],
        &["desk", "lookup-request", "two words"],
        &["hotline", "hold"],
        &["hotline", "hold", "--certificate", "sign", "3", "--resident-code-file", "-"],
        &["admin", "parties"],
        &["admin", "parties", "--api", "https://127.0.0.1:1"],
        &["admin", "parties", "--api", "https://127.0.0.1:1", "--ca-bundle", "x", "--cert", "x"],
        &["admin", "parties", "--idempotency-key", "k"],
        &["operator", "latest-info", "--service", "one", "--serial", "3"],
    ] {
        let told = akashi(arguments, "").ends_with(2);
        assert!(told.out.is_empty() && !told.err.is_empty(), "{arguments:?}: {}{}", told.out, told.err);
    }
    let scene = Scene::new();
    let twice = scene.run(&["desk", "request", "--request", "-", "--csr", "-"]).ends_with(2);
    assert!(twice.err.contains("standard input"), "{}", twice.err);
    scene.run(&["hotline", "hold", "--certificate", "card", "3"]).ends_with(2);
}

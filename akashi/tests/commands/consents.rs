//! A person's consent by commands, from the provider's registration to the withdrawal.
use std::process::Command;

use serde_json::json;

use crate::scene::{Scene, akashi};
use crate::support::openssl;

/// An application of this second, signed with the card's key: `--application`, `--signature` and their files.
fn signed(scene: &Scene, root: &str, items: &str) -> [String; 4] {
    let now = Command::new("date").args(["+%Y-%m-%dT%H:%M:%S+09:00"]).env("TZ", "Asia/Tokyo").output();
    let now = String::from_utf8(now.expect("date runs").stdout).expect("text");
    let application = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"urn:akashi:consent:1\">\n  \
         <サービス番号>1</サービス番号>\n  <サービス名>Hinode Bank accounts</サービス名>\n  {items}\
         <申請番号>0123456789abcdef-{}</申請番号>\n  <申請日時>{}</申請日時>\n</{root}>\n",
        if items.is_empty() { "w" } else { "c" },
        now.trim()
    );
    let file = scene.file(&format!("{root}.xml"), &application);
    let signature = scene.path(&format!("{root}.sig"));
    openssl(&["dgst", "-sha256", "-sign", &scene.path("card.key"), "-out", &signature, &file]);
    ["--application".to_owned(), file, "--signature".to_owned(), signature]
}

#[test]
fn an_operator_hands_in_a_consent_looks_it_up_and_withdraws_it_and_is_told_nothing_before_it_is_in_force() {
    let scene = Scene::new();
    let operator = scene.operator();
    let provider = ["admin", "register-provider", "--operator", &operator, "--name", "Hinode Bank"];
    assert!(scene.run(&provider).ends_with(0).out.contains("provider: 1\n"));
    let service = ["admin", "register-service", "--provider", "1", "--name", "Hinode Bank accounts"];
    assert!(scene.run(&service).ends_with(0).out.contains("service: 1\n"));
    for list in ["providers", "services"] {
        assert!(scene.run(&["admin", list]).ends_with(0).out.contains("\tHinode Bank"), "{list}");
    }

    let (key, csr, certificate) = (scene.path("card.key"), scene.path("card.csr"), scene.path("sign.pem"));
    openssl(&["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=card", "-keyout", &key, "-out", &csr]);
    let request = scene.file("request.json", &akashi(&["desk", "request", "--example"], "").ends_with(0).out);
    let asked = ["desk", "request", "--request", &request, "--ca", "sign", "--csr", &csr, "--out", &certificate];
    let issued = scene.run(&[&asked[..], &["--json"]].concat()).ends_with(0).json();
    let serial = issued["serial"].as_str().expect("a serial");

    let by = |command, files: &[String; 4]| {
        let fixed = ["operator", command, "--form", "raw", "--certificate", &certificate, "--json"];
        scene.run(&fixed.into_iter().chain(files.iter().map(String::as_str)).collect::<Vec<_>>())
    };
    let items = "<提供項目>氏名</提供項目>\n  <提供項目>住所</提供項目>\n  ";
    let consent = by("consent", &signed(&scene, "利用者同意申請情報", items)).ends_with(0).json();
    assert_eq!((&consent["consent"], &consent["items"]), (&json!(1), &json!(["name", "address"])));
    let told = scene.run(&["operator", "consent-status", "1"]).ends_with(0).out;
    assert!(told.contains("items: name,address\nstate: not_yet_in_force\n"), "{told}");

    let too_early = ["operator", "latest-info", "--service", "1", "--serial", serial];
    let refused = scene.run(&too_early).ends_with(3);
    assert!(!refused.err.contains("幹也") && refused.out.is_empty(), "{}{}", refused.out, refused.err);

    let withdrawn = by("withdraw-consent", &signed(&scene, "利用者同意取消申請情報", "")).ends_with(0).json();
    assert_eq!(withdrawn["withdrawn"], json!([1]));
    assert!(scene.run(&["operator", "consent-status", "1"]).ends_with(0).out.contains("state: withdrawn\n"));
}

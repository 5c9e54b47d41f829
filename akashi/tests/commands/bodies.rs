//! What the commands of operators, providers and services send.
use akashi::cli::Cli;
use akashi::client::call::{Ask, Deed};
use clap::Parser;
use serde_json::{Value, json};

/// Path and body of the POST that a command makes.
#[track_caller]
fn sent(arguments: &[&str]) -> (String, Value) {
    let cli = Cli::try_parse_from([&["akashi"], arguments].concat()).expect("it parses");
    let Some(Deed::Call(call)) = cli.command.deed() else { panic!("{arguments:?} calls nobody") };
    let Ask::Change { body, .. } = call.ask else { panic!("{arguments:?} changes nothing") };
    (call.path, body().expect("its files are there"))
}

#[test]
fn an_application_and_its_signature_are_sent_octet_for_octet() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, octets: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, octets).expect("written");
        path.to_str().expect("temporary folders have plain names").to_owned()
    };
    let application = file("application.xml", b"<a>\r\n</a>\n\n");
    let (signature, certificate) = (file("signature", &[0xff, 0x00, 0x0a]), file("sign.pem", b"PEM\n"));
    for (command, path) in
        [("consent", "/operators/v1/consents"), ("withdraw-consent", "/operators/v1/consent-withdrawals")]
    {
        for form in ["raw", "cms"] {
            let files = ["--application", &application, "--signature", &signature, "--certificate", &certificate];
            let body = json!({ "application": "PGE+DQo8L2E+Cgo=", "signature": "/wAK", "signature_form": form,
                "certificate": "PEM\n" });
            let asked = sent(&[&["operator", command, "--form", form], &files[..]].concat());
            assert_eq!(asked, (path.to_owned(), body));
        }
    }
}

#[test]
fn latest_info_is_asked_of_a_signature_certificate_unless_another_is_named() {
    let asked = ["operator", "latest-info", "--service", "1", "--serial", "3"];
    let path = "/operators/v1/latest-info".to_owned();
    assert_eq!(sent(&asked), (path.clone(), json!({ "service": 1, "ca": "sign", "serial": "3" })));
    let of_auth = sent(&[&asked[..], &["--ca", "auth"]].concat());
    assert_eq!(of_auth, (path, json!({ "service": 1, "ca": "auth", "serial": "3" })));
}

#[test]
fn a_compromise_names_the_key_twice() {
    let asked = ["admin", "compromise", "phone-sign/2", "--confirm", "phone-sign/2", "--because", "a leak"];
    let body = json!({ "because": "a leak", "confirm": "phone-sign/2" });
    assert_eq!(sent(&asked), ("/admin/v1/ca-keys/phone-sign/2/compromise".to_owned(), body));
}

#[test]
fn providers_and_services_are_registered_by_number_and_name() {
    let provider = sent(&["admin", "register-provider", "--operator", "7", "--name", "Hinode Bank"]);
    assert_eq!(provider, ("/admin/v1/providers".to_owned(), json!({ "operator": 7, "name": "Hinode Bank" })));
    let service = sent(&["admin", "register-service", "--provider", "1", "--name", "Hinode Bank accounts"]);
    assert_eq!(service, ("/admin/v1/services".to_owned(), json!({ "provider": 1, "name": "Hinode Bank accounts" })));
}

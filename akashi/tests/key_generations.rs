//! Two key generations of one CA: the ceremony, what outside clients make of it that hold only one of the roots, and what a
//! crash on the way leaves.
mod support;

use std::process::{Command, Output};

use support::{Akashi, BINARY, CardKey, Resident, openssl, openssl_with};

fn ceremony(akashi: &Akashi, ca: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["ca-key", "new", ca, "--config"]).arg(akashi.config()).envs(environment.iter().copied());
    command.output().expect("the binary runs")
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// A user certificate of a new person, in a file; its serial.
fn issued(akashi: &Akashi, code: &'static str, file: &str) -> String {
    let desk = akashi.desk("13221", &code[..4]);
    let application = Resident::MIKIYA.with_code(code).application("auth", &CardKey::generate());
    let answer = desk.request_certificate(code, &application).expect(201);
    std::fs::write(akashi.path(file), answer["certificate"].as_str().expect("PEM")).expect("written");
    answer["serial"].as_str().expect("a serial").to_owned()
}

/// `openssl verify` of someone who trusts that root alone.
fn verifies(akashi: &Akashi, root: &str, more: &[&str], certificate: &str) -> bool {
    let (root, certificate) = (akashi.path_text(root), akashi.path_text(certificate));
    let fixed = ["verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile", &root];
    openssl_with(&[&fixed, more, &[&certificate]].concat(), b"").status.success()
}

/// `openssl ocsp` of someone who trusts that root alone and has been handed other certificates.
fn ocsp(akashi: &Akashi, (root, handed): (&str, Option<&str>), key: u16, serial: &str) -> Option<String> {
    let url = format!("{}/ocsp/auth", akashi.public_url());
    let (issuer, root) = (akashi.path_text(&format!("data/ca/auth-{key}.pem")), akashi.path_text(root));
    let handed = handed.map(|name| akashi.path_text(name));
    let mut arguments = vec!["ocsp", "-issuer", &issuer, "-serial", serial, "-url", &url, "-CAfile", &root];
    if let Some(handed) = &handed {
        arguments.extend(["-verify_other", handed]);
    }
    let output = openssl_with(&arguments, b"");
    if !String::from_utf8_lossy(&output.stderr).contains("Response verify OK") {
        return None;
    }
    let text = String::from_utf8(output.stdout).expect("text");
    let status = text.lines().find_map(|line| line.strip_prefix(&format!("{serial}: "))).expect("a status");
    Some(status.to_owned())
}

#[test]
fn after_the_ceremony_old_and_new_certificates_verify_under_either_root_through_the_links() {
    let mut akashi = Akashi::started();
    let old = issued(&akashi, "10000000001", "old.pem");
    let refused = ceremony(&akashi, "auth", &[]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("stop the process that has it open"), "{told}");
    akashi.stop();
    let told = done(&ceremony(&akashi, "auth", &[]));
    assert!(told.starts_with("auth/2 is made") && told.contains("akashi serve"), "{told}");
    let again = done(&ceremony(&akashi, "auth", &[]));
    assert!(again.starts_with("auth/2 is there, and nothing is issued under it yet"), "{again}");
    akashi.start();
    let new = issued(&akashi, "20000000002", "new.pem");

    let (root_1, root_2) = ("data/ca/auth-1.pem", "data/ca/auth-2.pem");
    for (name, file) in [("1-with-2", "data/ca/auth-1-with-2"), ("2-with-1", "data/ca/auth-2-with-1")] {
        let served = akashi.get(&format!("/certs/auth/{name}.cer"));
        assert_eq!((served.status, served.header("content-type")), (200, Some("application/pkix-cert")));
        assert_eq!(served.body, std::fs::read(akashi.path(&format!("{file}.cer"))).unwrap());
    }
    assert_eq!(akashi.get("/certs/auth/2.cer").status, 200);
    assert_eq!(akashi.get("/certs/auth/3.cer").status, 404);
    assert_eq!(akashi.get("/certs/sign/1-with-2.cer").status, 404);
    let link = |name: &str| akashi.path_text(&format!("data/ca/auth-{name}.pem"));
    let (old_with_new, new_with_old) = (link("1-with-2"), link("2-with-1"));
    assert!(verifies(&akashi, root_1, &[], "old.pem") && verifies(&akashi, root_2, &[], "new.pem"));
    assert!(!verifies(&akashi, root_1, &[], "new.pem") && !verifies(&akashi, root_2, &[], "old.pem"));
    assert!(verifies(&akashi, root_1, &["-untrusted", &new_with_old], "new.pem"));
    assert!(verifies(&akashi, root_2, &["-untrusted", &old_with_new], "old.pem"));
    assert!(
        !verifies(&akashi, root_1, &["-untrusted", &old_with_new], "new.pem"),
        "the link is of the other direction"
    );

    // Each generation has its delegate; who has one root believes the other's through the link.
    let good = |trusts, key, serial: &str| ocsp(&akashi, trusts, key, serial);
    assert_eq!(good((root_1, None), 1, &old).as_deref(), Some("good"));
    assert_eq!(good((root_2, None), 2, &new).as_deref(), Some("good"));
    assert_eq!(good((root_1, None), 2, &new), None);
    assert_eq!(good((root_1, Some("data/ca/auth-2-with-1.pem")), 2, &new).as_deref(), Some("good"));
    assert_eq!(good((root_2, Some("data/ca/auth-1-with-2.pem")), 1, &old).as_deref(), Some("good"));
    // A serial asked about under the other key was not issued under it: no answer that could be verified.
    assert_eq!(good((root_1, None), 1, &new), None);

    let hotline = akashi.register("hotline");
    for code in ["10000000001", "20000000002"] {
        hotline.post("/hotline/v1/holds", code, &serde_json::json!({ "resident_code": code })).expect(200);
    }
    let cut = akashi.cut("after-the-holds")["cut_number"].as_u64().unwrap();
    for key in ["1", "2"] {
        let crl = akashi.path_text(&format!("{key}.crl"));
        std::fs::write(&crl, akashi.get(&format!("/crl/auth/{key}/13221.crl")).body).unwrap();
        let root = akashi.path_text(&format!("data/ca/auth-{key}.pem"));
        let arguments = ["crl", "-inform", "DER", "-in", &crl, "-noout", "-text", "-CAfile", &root];
        let output = openssl_with(&arguments, b"");
        let [told, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success() && errors.contains("verify OK"), "{errors}");
        let number = format!("X509v3 CRL Number: \n                {cut}\n");
        assert!(told.contains(&number), "{told}");
        for serial in [&old, &new] {
            let number: u64 = serial.parse().unwrap();
            assert!(told.contains(&format!("Serial Number: {number:02X}\n")), "{serial} under {key}: {told}");
        }
    }
    akashi.stop();
    akashi.audit();
}

#[test]
fn a_ceremony_that_was_killed_is_finished_by_the_next_one_and_makes_one_key() {
    for step in ["ca-key.1-made", "ca-key.2-reserved", "ca-key.3-activated"] {
        let mut akashi = Akashi::init();
        let killed = ceremony(&akashi, "phone-sign", &[("AKASHI_KILL_AFTER", step)]);
        assert_eq!(killed.status.code(), None, "{step}: {}", String::from_utf8_lossy(&killed.stderr));
        assert!(!akashi.path("data/ca/phone-sign-2.cer").exists());
        let told = done(&ceremony(&akashi, "phone-sign", &[]));
        assert!(told.starts_with("phone-sign/2 is"), "{step}: {told}");
        for name in ["2", "1-with-2", "2-with-1"] {
            for ending in ["cer", "pem"] {
                assert!(akashi.path(&format!("data/ca/phone-sign-{name}.{ending}")).exists(), "{step} {name}");
            }
        }
        akashi.start();
        assert_eq!(akashi.get("/certs/phone-sign/2.cer").status, 200);
        assert_eq!(akashi.get("/certs/phone-sign/3.cer").status, 404);
        akashi.stop();
        akashi.audit();
    }
}

#[test]
fn the_links_are_ca_certificates_of_one_name_with_serials_of_their_own() {
    let akashi = Akashi::init();
    done(&ceremony(&akashi, "sign", &[]));
    let field = |name: &str, field: &str| {
        openssl(&["x509", "-in", &akashi.path_text(&format!("data/ca/sign-{name}.pem")), "-noout", field])
    };
    let names = ["1", "2", "1-with-2", "2-with-1"];
    let serials: std::collections::BTreeSet<_> = names.iter().map(|name| field(name, "-serial")).collect();
    assert_eq!(serials.len(), 4);
    for name in names {
        assert_eq!(field(name, "-subject"), field("1", "-subject"));
        assert_eq!(field(name, "-issuer").replace("issuer", "subject"), field("1", "-subject"));
    }
    assert_eq!(field("1-with-2", "-pubkey"), field("1", "-pubkey"));
    assert_eq!(field("2-with-1", "-pubkey"), field("2", "-pubkey"));
    for link in ["1-with-2", "2-with-1"] {
        assert_eq!(field(link, "-enddate"), field("1", "-enddate"), "both end with the old key");
    }
    assert_eq!(field("2-with-1", "-startdate"), field("2", "-startdate"));
    assert_eq!(field("1-with-2", "-startdate"), field("1", "-startdate"));
}

//! A phone's certificates against a running server: OCSP and CRLs follow what happens to it.
mod support;

use serde_json::{Value, json};
use support::{Akashi, BOTH, Resident, SigningCard, always_open, openssl, openssl_with};

/// What openssl reads in the newest CRL of all of that CA.
fn crl(akashi: &Akashi, ca: &str) -> String {
    let file = pull(akashi, &format!("/crl/{ca}/1/full.crl"));
    openssl(&["crl", "-in", &file, "-noout", "-text"])
}

/// The CRL at that path, in a file, as PEM.
fn pull(akashi: &Akashi, path: &str) -> String {
    let (der, pem) = (akashi.path_text("pulled.crl"), akashi.path_text(&format!("pulled{}", path.replace('/', "-"))));
    std::fs::write(&der, akashi.get(path).body).expect("written");
    openssl(&["crl", "-inform", "DER", "-in", &der, "-out", &pem]);
    pem
}

/// `openssl verify -crl_check -use_deltas` of a phone's certificate with these CRLs: is it revoked? Without `-extended_crl` it
/// takes a delta for a complete CRL.
fn is_revoked(akashi: &Akashi, certificate: &Value, crls: &[&str]) -> bool {
    let file = akashi.path_text("judged.pem");
    std::fs::write(&file, certificate["certificate"].as_str().expect("PEM")).expect("written");
    let issuer = akashi.path_text(&format!("data/ca/{}-1.pem", certificate["ca"].as_str().expect("a CA")));
    let mut arguments =
        vec!["verify", "-x509_strict", "-crl_check", "-use_deltas", "-extended_crl", "-CAfile", &issuer];
    arguments.extend(crls.iter().flat_map(|crl| ["-CRLfile", crl]));
    arguments.push(&file);
    let output = openssl_with(&arguments, b"");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || said.contains("certificate revoked"), "{said}");
    !output.status.success()
}

fn serial(answer: &Value, at: usize) -> &str {
    answer["certificates"][at]["serial"].as_str().expect("a serial")
}

#[test]
fn a_phone_is_lost_and_found_and_ocsp_and_crls_follow() {
    let akashi = always_open();
    akashi.settle();
    let (desk, portal, hotline) = (akashi.desk("13221", "003A"), akashi.register("portal"), akashi.register("hotline"));
    let card = SigningCard::issued(&akashi, &desk);
    let issued = portal.post("/phone/v1/applications", "apply", &card.applies(&akashi, "one", &BOTH)).expect(201);
    let (auth, sign) = (serial(&issued, 0), serial(&issued, 1));
    assert_eq!([akashi.ocsp("phone-auth", auth).status, akashi.ocsp("phone-sign", sign).status], ["good", "good"]);

    let lost = json!({ "resident_code": Resident::MIKIYA.resident_code, "device": "phone" });
    hotline.post("/hotline/v1/holds", "lost", &lost).expect(200);
    assert_eq!(akashi.ocsp("phone-auth", auth).reason.as_deref(), Some("certificateHold"));
    akashi.wait_for_next_second();
    let cut = akashi.cut("held")["cut_number"].clone();
    assert!(
        crl(&akashi, "phone-auth").contains("Certificate Hold")
            && crl(&akashi, "phone-sign").contains("Certificate Hold")
    );
    assert!(crl(&akashi, "auth").contains("No Revoked Certificates"), "the card is in its holder's hand");
    // What a relying party holds that pulls full CRLs now and then, and deltas in between.
    let held = ["phone-auth", "phone-sign"].map(|ca| pull(&akashi, &format!("/crl/cuts/{cut}/{ca}/1/full.crl")));

    let found = card.signs(&akashi, "移動端末設備発見届", "");
    let told = portal.post("/phone/v1/finds", "found", &found).expect(200);
    assert_eq!(told["visible"], true);
    assert_eq!(akashi.ocsp("phone-auth", auth).status, "good");
    assert_eq!(akashi.ocsp("phone-sign", sign).reason.as_deref(), Some("superseded"));
    akashi.wait_for_next_second();
    akashi.cut("found");
    assert!(
        crl(&akashi, "phone-auth").contains("No Revoked Certificates"),
        "the entry left, and the cut's own check took it"
    );
    assert!(crl(&akashi, "phone-sign").contains("Superseded"));
    for (at, (ca, in_delta, revoked)) in
        [("phone-auth", "Remove From CRL", false), ("phone-sign", "Superseded", true)].into_iter().enumerate()
    {
        let delta = pull(&akashi, &format!("/crl/{ca}/1/delta.crl"));
        assert!(openssl(&["crl", "-in", &delta, "-noout", "-text"]).contains(in_delta), "{ca}");
        let certificate = &issued["certificates"][at];
        assert!(is_revoked(&akashi, certificate, &[&held[at]]), "{ca}: it was held");
        assert_eq!(is_revoked(&akashi, certificate, &[&held[at], &delta]), revoked, "{ca}");
        // The new full CRL says the same.
        let full = pull(&akashi, &format!("/crl/{ca}/1/full.crl"));
        assert_eq!(is_revoked(&akashi, certificate, &[&full]), revoked, "{ca}");
    }
    // Nothing is new in the next delta, and who holds the full CRL before it still knows what is revoked.
    let found = pull(&akashi, "/crl/phone-sign/1/full.crl");
    akashi.wait_for_next_second();
    akashi.cut("nothing-new");
    let delta = pull(&akashi, "/crl/phone-sign/1/delta.crl");
    assert!(openssl(&["crl", "-in", &delta, "-noout", "-text"]).contains("No Revoked Certificates"));
    assert!(is_revoked(&akashi, &issued["certificates"][1], &[&found, &delta]));
    let anew = portal.post("/phone/v1/applications", "anew", &card.applies(&akashi, "one", &BOTH[1..])).expect(201);
    assert_eq!(akashi.ocsp("phone-sign", serial(&anew, 0)).status, "good");
    akashi.audit();
}

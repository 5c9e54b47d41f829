//! A phone's certificates against a running server: OCSP and CRLs follow what happens to it.
mod support;

use serde_json::{Value, json};
use support::{Akashi, BOTH, Resident, SigningCard, always_open, openssl};

/// What openssl reads in the newest CRL of all of that CA.
fn crl(akashi: &Akashi, ca: &str) -> String {
    let answer = akashi.get(&format!("/crl/{ca}/1/full.crl"));
    let file = akashi.path_text(&format!("{ca}.crl"));
    std::fs::write(&file, &answer.body).expect("written");
    openssl(&["crl", "-inform", "DER", "-in", &file, "-noout", "-text"])
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
    akashi.cut("held");
    assert!(
        crl(&akashi, "phone-auth").contains("Certificate Hold")
            && crl(&akashi, "phone-sign").contains("Certificate Hold")
    );
    assert!(crl(&akashi, "auth").contains("No Revoked Certificates"), "the card is in its holder's hand");

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
    let anew = portal.post("/phone/v1/applications", "anew", &card.applies(&akashi, "one", &BOTH[1..])).expect(201);
    assert_eq!(akashi.ocsp("phone-sign", serial(&anew, 0)).status, "good");
    akashi.audit();
}

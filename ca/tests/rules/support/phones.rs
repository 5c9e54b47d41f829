//! Phones: what their holders sign, and the portal that sends it.
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use pki::identity::Ca;
use pki::time::UnixTime;

use super::{Card, Doors, Party, Reply, World, application, certification_request};

/// What is asked for in a phone.
pub(crate) const BOTH: [&str; 2] = ["利用者証明用証明書署名要求", "署名用証明書署名要求"];

/// An application with these elements besides 申請番号 and 申請日時.
pub(crate) fn paper(root: &str, elements: &[(&str, &str)], number: &str, at: UnixTime) -> String {
    let number = format!("{number:a>16}").replace(' ', "-");
    let elements =
        elements.iter().map(|(name, text)| ["<", name, ">", text, "</", name, ">"].concat()).collect::<String>();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"urn:akashi:phone-application:1\">{elements}\
         <申請番号>{number}</申請番号><申請日時>{at}</申請日時></{root}>"
    )
}

/// An application for new keys in that phone.
pub(crate) fn phone_application(phone: &str, asked: &[&str], number: &str, at: UnixTime) -> String {
    let request = certification_request;
    let requests: Vec<_> = asked.iter().map(|element| (*element, request())).collect();
    let phone = format!("{phone:0>16}");
    let mut elements = vec![("端末識別子", phone.as_str())];
    elements.extend(requests.iter().map(|(element, pem)| (*element, pem.as_str())));
    paper("移動端末設備用電子証明書発行申請情報", &elements, number, at)
}

pub(crate) fn phone_found(number: &str, at: UnixTime) -> String {
    paper("移動端末設備発見届", &[], number, at)
}

pub(crate) fn phone_retired(number: &str, at: UnixTime) -> String {
    paper("移動端末設備用電子証明書失効申請情報", &[], number, at)
}

impl World {
    /// A CA with a portal.
    pub(crate) fn with_portal() -> Self {
        let world = Self::with_services();
        let party = Party::Portal;
        let reply = world.post(Party::Admin, "/admin/v1/parties", party.common_name(), &party.registration());
        assert_eq!(reply.status, 201, "{:?}", reply.body);
        world
    }

    /// The portal sends an application for new keys in that phone, signed by that card now.
    pub(crate) fn apply(&self, card: &Card, phone: &str, asked: &[&str], key: &str) -> Reply {
        self.send_application(key, &card.signs(&phone_application(phone, asked, key, self.now())))
    }
}

impl Card {
    /// A person's card with both certificates; the key is the signature certificate's.
    pub(crate) fn whole(doors: &Doors, resident_code: &str) -> Self {
        let name = |kind: &str| format!("{kind} of {resident_code}");
        Self::issued(doors, &name("auth"), application(Ca::Auth, resident_code));
        Self::of(doors, &name("sign"), resident_code)
    }

    /// The signature certificate of a phone with that key, as something that signs.
    pub(crate) fn in_phone(key: KeyPair, certificate: &Value) -> Self {
        let text = |field: &str| certificate[field].as_str().unwrap().to_owned();
        Self { key, serial: text("serial").parse().unwrap(), pem: text("certificate") }
    }
}

/// A key and its certification request.
pub(crate) fn phone_key() -> (KeyPair, String) {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    (key, request)
}

impl Doors {
    pub(crate) fn send_application(&self, key: &str, body: &Value) -> Reply {
        self.post(Party::Portal, "/phone/v1/applications", key, body)
    }

    pub(crate) fn application(&self, number: u64) -> Reply {
        self.get(Party::Portal, &format!("/phone/v1/applications/{number}"))
    }

    pub(crate) fn send_found(&self, key: &str, body: &Value) -> Reply {
        self.post(Party::Portal, "/phone/v1/finds", key, body)
    }

    pub(crate) fn send_retired(&self, key: &str, body: &Value) -> Reply {
        self.post(Party::Portal, "/phone/v1/retirements", key, body)
    }

    /// The loss line holds what is in a resident's phone.
    pub(crate) fn hold_phone(&self, key: &str, resident_code: &str) -> Reply {
        let body = json!({ "resident_code": resident_code, "device": "phone" });
        self.post(Party::Hotline, "/hotline/v1/holds", key, &body)
    }
}

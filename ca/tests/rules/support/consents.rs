//! Consents: cards that sign, applications, and the two platform operators with a service each.
use pki::identity::{Ca, Serial};
use pki::time::UnixTime;
use rcgen::{CertificateParams, KeyPair, SigningKey};
use serde_json::{Value, json};

use super::{Doors, Party, Reply, World, application};

/// The service of [`Party::Operator`], and its name.
pub(crate) const BANK: (u32, &str) = (1, "Hinode Bank accounts");
/// The service of [`Party::OtherOperator`], and its name.
pub(crate) const SHOP: (u32, &str) = (2, "Tsukimi Shop points");

/// A person's card with the key of a signature certificate.
pub(crate) struct Card {
    pub(crate) key: KeyPair,
    pub(crate) serial: Serial,
    pub(crate) pem: String,
}

impl Card {
    /// Kiyose's desk issues a certificate of that kind for a new key, from this request, whose `csr` is replaced.
    pub(crate) fn issued(doors: &Doors, name: &str, mut body: Value) -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        body["csr"] = json!(CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap());
        let reply = doors.issue(name, &body);
        assert_eq!(reply.status, 201, "{:?}", reply.body);
        Self { key, serial: reply.serial(), pem: reply.body["certificate"].as_str().unwrap().to_owned() }
    }

    /// A signature certificate for an invented person.
    pub(crate) fn of(doors: &Doors, name: &str, resident_code: &str) -> Self {
        Self::issued(doors, name, application(Ca::Sign, resident_code))
    }

    /// What is sent for an application that this card signs.
    pub(crate) fn signs(&self, application: &str) -> Value {
        json!({
            "application": base64(application.as_bytes()),
            "signature": base64(&self.key.sign(application.as_bytes()).unwrap()),
            "signature_form": "raw",
            "certificate": self.pem,
        })
    }
}

pub(crate) fn base64(octets: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(octets)
}

/// An application to consent to these items.
pub(crate) fn consent_to((service, name): (u32, &str), items: &[&str], number: &str, at: UnixTime) -> String {
    let items = items.iter().map(|item| ["  <提供項目>", item, "</提供項目>\n"].concat()).collect::<String>();
    paper("利用者同意申請情報", (service, name), &items, number, at)
}

/// An application to withdraw.
pub(crate) fn withdrawal_of((service, name): (u32, &str), number: &str, at: UnixTime) -> String {
    paper("利用者同意取消申請情報", (service, name), "", number, at)
}

fn paper(root: &str, (service, name): (u32, &str), items: &str, number: &str, at: UnixTime) -> String {
    let number = format!("{number:a>16}").replace(' ', "-");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"urn:akashi:consent:1\">\n  \
         <サービス番号>{service}</サービス番号>\n  <サービス名>{name}</サービス名>\n{items}  \
         <申請番号>{number}</申請番号>\n  <申請日時>{at}</申請日時>\n</{root}>\n"
    )
}

impl World {
    /// A CA with two operators, a provider of each, and a service of each.
    pub(crate) fn with_services() -> Self {
        let world = Self::new();
        for (party, (service, name)) in [(Party::Operator, BANK), (Party::OtherOperator, SHOP)] {
            let registered = world.post(Party::Admin, "/admin/v1/parties", party.common_name(), &party.registration());
            assert_eq!(registered.status, 201, "{:?}", registered.body);
            let provider = json!({ "operator": registered.body["party"], "name": format!("{name}, Ltd.") });
            let provider = world.post(Party::Admin, "/admin/v1/providers", &format!("provider of {name}"), &provider);
            let body = json!({ "provider": provider.body["provider"], "name": name });
            let reply = world.post(Party::Admin, "/admin/v1/services", &format!("service {name}"), &body);
            assert_eq!((reply.status, &reply.body["service"]), (201, &json!(service)), "{:?}", reply.body);
        }
        world
    }
}

impl Doors {
    /// The bank's operator sends an application to consent.
    pub(crate) fn consent(&self, key: &str, body: &Value) -> Reply {
        self.post(Party::Operator, "/operators/v1/consents", key, body)
    }

    /// The bank's operator sends an application to withdraw.
    pub(crate) fn withdraw(&self, key: &str, body: &Value) -> Reply {
        self.post(Party::Operator, "/operators/v1/consent-withdrawals", key, body)
    }

    /// The bank's operator asks for the latest 4 info of the holder of that certificate.
    pub(crate) fn latest(&self, key: &str, serial: Serial) -> Reply {
        let body = json!({ "service": BANK.0, "ca": "sign", "serial": serial.to_string() });
        self.post(Party::Operator, "/operators/v1/latest-info", key, &body)
    }
}

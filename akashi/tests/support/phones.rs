//! A card that can sign, and what the portal sends of its holder's phone.
use pki::time::UnixTime;
use registry::Clock;
use serde_json::{Value, json};

use super::calls::{Party, openssl};
use super::people::{CardKey, Resident};
use super::server::Akashi;

/// A server whose hours for phones are the whole day.
pub fn always_open() -> Akashi {
    let mut akashi = Akashi::init_with(|config| {
        config.replace("opens_at = \"08:30\"", "opens_at = \"00:00\"").replace("\"19:30\"", "\"24:00\"")
    });
    akashi.start();
    akashi
}

/// Mikiya's card, whose signature key can sign.
pub struct SigningCard {
    key: String,
    certificate: String,
}

impl SigningCard {
    /// The desk issues both certificates.
    pub fn issued(akashi: &Akashi, desk: &Party) -> Self {
        desk.request_certificate("auth", &Resident::MIKIYA.application("auth", &CardKey::generate())).expect(201);
        let key = akashi.path_text("card.key");
        let made = ["req", "-new", "-batch", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=card", "-keyout", &key];
        let card_key = CardKey { csr: openssl(&made) };
        let issued = desk.request_certificate("sign", &Resident::MIKIYA.application("sign", &card_key)).expect(201);
        Self { key, certificate: issued["certificate"].as_str().expect("a certificate").to_owned() }
    }

    /// What the portal sends for new keys in that phone, for these purposes.
    pub fn applies(&self, akashi: &Akashi, phone: &str, asked: &[&str]) -> Value {
        let csr = |element: &&str| ["<", element, ">", &CardKey::generate().csr, "</", element, ">"].concat();
        let requests = asked.iter().map(csr).collect::<String>();
        let elements = format!("<端末識別子>{phone:0>16}</端末識別子>{requests}");
        self.signs(akashi, "移動端末設備用電子証明書発行申請情報", &elements)
    }

    /// What the portal sends when this card signs now what has that root and these elements.
    pub fn signs(&self, akashi: &Akashi, root: &str, elements: &str) -> Value {
        let now: UnixTime = akashi::clock::SystemClock::REAL.now();
        let number = openssl(&["rand", "-hex", "16"]);
        let paper = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"urn:akashi:phone-application:1\">{elements}\
             <申請番号>{}</申請番号><申請日時>{now}</申請日時></{root}>",
            number.trim()
        );
        let [file, signature] = ["application.xml", "application.sig"].map(|name| akashi.path_text(name));
        std::fs::write(&file, &paper).expect("written");
        openssl(&["dgst", "-sha256", "-sign", &self.key, "-out", &signature, &file]);
        let base64 = |file: &str| openssl(&["base64", "-A", "-in", file]);
        json!({ "application": base64(&file), "signature": base64(&signature), "signature_form": "raw",
            "certificate": self.certificate })
    }
}

/// The elements that ask for both certificates.
pub const BOTH: [&str; 2] = ["利用者証明用証明書署名要求", "署名用証明書署名要求"];

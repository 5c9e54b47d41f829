//! Who appears in the stories, and what they send and get.
use pki::identity::Ca;
use pki::time::UnixTime;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

/// A party of the CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    Admin,
    Kiyose,
    Yokohama,
    Hotline,
    Register,
    /// The platform operator of the bank; registered where a story has services.
    Operator,
    /// The platform operator of the shop; registered where a story has services.
    OtherOperator,
    /// Registered where a story has phones.
    Portal,
    /// Has a certificate of the party CA and is not registered.
    Stranger,
}

impl Party {
    pub(super) const REGISTERED: [Self; 4] = [Self::Kiyose, Self::Yokohama, Self::Hotline, Self::Register];

    pub(super) const fn common_name(self) -> &'static str {
        match self {
            Self::Admin => "first administrator",
            Self::Kiyose => "desk 13221003A",
            Self::Yokohama => "desk 141000001",
            Self::Hotline => "hotline",
            Self::Register => "residents",
            Self::Operator => "operator",
            Self::OtherOperator => "other operator",
            Self::Portal => "portal",
            Self::Stranger => "stranger",
        }
    }

    pub(crate) fn certificate(self) -> Vec<u8> {
        self.common_name().as_bytes().to_vec()
    }

    pub(super) fn registration(self) -> Value {
        let desk = |name: &str, municipality: &str, sign: &str| json!({ "role": "desk", "name": name, "municipality": municipality, "desk": sign, "csr": "" });
        match self {
            Self::Kiyose => desk("Kiyose city hall", "13221", "003A"),
            Self::Yokohama => desk("Yokohama city hall", "14100", "0001"),
            Self::OtherOperator => json!({ "role": "operator", "name": "Tsukimi PF", "csr": self.common_name() }),
            Self::Hotline | Self::Register | Self::Admin | Self::Operator | Self::Portal | Self::Stranger => {
                json!({ "role": self.common_name(), "name": self.common_name(), "csr": "" })
            }
        }
    }
}

/// That time of day in Japan.
pub(crate) fn jst(date: &str, hour: i64, minute: i64, second: i64) -> UnixTime {
    let date: pki::time::CivilDate = date.parse().unwrap();
    date.jst_start().plus_seconds(hour * 3_600 + minute * 60 + second)
}

/// A certification request for a new P-256 key.
pub(crate) fn certification_request() -> String {
    request_for(&KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap())
}

/// A certification request for a new RSA-2048 key.
pub(crate) fn rsa_certification_request() -> String {
    request_for(&KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap())
}

fn request_for(key: &KeyPair) -> String {
    CertificateParams::default().serialize_request(key).unwrap().pem().unwrap()
}

/// What Kiyose's desk sends for an invented person with a new key.
pub(crate) fn application(ca: Ca, resident_code: &str) -> Value {
    json!({
        "ca": ca.word(),
        "municipality": "13221",
        "resident_code": resident_code,
        "person": {
            "name": "黒桐　幹也",
            "sex": "male",
            "birth_date": "1980-02-17",
            "address": "東京都清瀬市中里五丁目８４２番地",
        },
        "csr": certification_request(),
    })
}

/// What Kiyose's desk sends for both certificates of an invented person's new card.
pub(crate) fn application_for_both(resident_code: &str) -> Value {
    let mut body = application(Ca::Auth, resident_code);
    let fields = body.as_object_mut().unwrap();
    fields.remove("ca");
    let auth = fields.remove("csr").unwrap();
    body["csrs"] = json!({ "auth": auth, "sign": certification_request() });
    body
}

/// What the register sends.
pub(crate) fn change(resident_code: &str, change: &str) -> Value {
    json!({ "resident_code": resident_code, "change": change, "effective_on": "2026-11-21" })
}

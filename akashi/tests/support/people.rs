//! Invented people at real municipalities, and the keys of their cards.
use serde_json::{Value, json};

use super::calls::openssl;

/// A key pair as a card makes one, and the request for it. The private key is thrown away: no test needs it.
#[derive(Clone, Debug)]
pub struct CardKey {
    /// PKCS #10, PEM.
    pub csr: String,
}

impl CardKey {
    /// RSA of 2,048 bits, as the default profile wants.
    pub fn generate() -> Self {
        Self::with(&["-newkey", "rsa:2048"])
    }

    /// A key as `openssl req` makes it with these further arguments.
    pub fn with(arguments: &[&str]) -> Self {
        let fixed = ["req", "-new", "-batch", "-nodes", "-subj", "/CN=card", "-keyout", "/dev/null"];
        Self { csr: openssl(&[&fixed[..], arguments].concat()) }
    }
}

/// An invented person.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "a resident code is called that")]
pub struct Resident {
    /// 住民票コード; eleven digits, invented.
    pub resident_code: &'static str,
    /// Full-width.
    pub name: &'static str,
    /// `male`, `female` or `unknown`.
    pub sex: &'static str,
    /// YYYY-MM-DD.
    pub birth_date: &'static str,
    /// Full-width.
    pub address: &'static str,
    /// Code of five digits.
    pub municipality: &'static str,
}

impl Resident {
    /// Lives in Kiyose, Tokyo.
    pub const MIKIYA: Self = Self {
        resident_code: "12345678901",
        name: "黒桐　幹也",
        sex: "male",
        birth_date: "1980-02-17",
        address: "東京都清瀬市松山９－８－７",
        municipality: "13221",
    };

    /// Lives in Kiyose, too.
    pub const HANAKO: Self = Self {
        resident_code: "23456789012",
        name: "山本　花子",
        sex: "female",
        birth_date: "1975-11-30",
        address: "東京都清瀬市元町９－９９－９",
        municipality: "13221",
    };

    /// Born in 2023: no signature certificate before 2038.
    pub const CHILD: Self = Self {
        resident_code: "34567890123",
        name: "山本　一葉",
        sex: "female",
        birth_date: "2023-04-05",
        address: "東京都清瀬市元町９－９９－９",
        municipality: "13221",
    };

    /// The same person after moving.
    pub const fn moved_to(self, municipality: &'static str, address: &'static str) -> Self {
        Self { address, municipality, ..self }
    }

    /// The same person with another resident code: a person of whom only the code matters.
    pub const fn with_code(self, resident_code: &'static str) -> Self {
        Self { resident_code, ..self }
    }

    /// The body of `POST /desk/v1/certificates` for this person.
    pub fn application(&self, ca: &str, key: &CardKey) -> Value {
        json!({
            "ca": ca,
            "municipality": self.municipality,
            "resident_code": self.resident_code,
            "person": {
                "name": self.name,
                "sex": self.sex,
                "birth_date": self.birth_date,
                "address": self.address,
            },
            "card_expires_on": "2035-02-17",
            "csr": key.csr,
        })
    }
}

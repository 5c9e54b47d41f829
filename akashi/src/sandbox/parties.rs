//! The parties of a sandbox: a desk in every town, and one of each other role; their certificates and clients.
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use super::calls::{Call, number, text};
use super::people::TOWNS;
use super::place::Place;
use crate::client::http::{Client, ClientFiles};
use crate::failure::Failure;

/// The four characters of every desk here; with the municipality they are its sign (facts 1.3).
const DESK_SIGN: &str = "001A";
/// Who is registered besides the desks: role and name.
const OTHERS: [(&str, &str); 4] = [
    ("hotline", "The loss line"),
    ("residents", "The resident register"),
    ("operator", "Hinode Platform"),
    ("portal", "The portal that phones talk to"),
];

/// A party with its client certificate.
pub struct Party {
    /// Its number.
    pub number: u64,
    /// Its role's word.
    pub role: String,
    /// What `sandbox.json` says of it.
    pub described: Value,
    client: Client,
}

/// All of them, the desks first and in the order of [`TOWNS`].
pub struct Parties(Vec<Party>);

/// Where a party's certificate and key lie in the sandbox.
fn files(label: &str) -> [String; 2] {
    [format!("clients/{label}.crt"), format!("clients/{label}.key")]
}

const ADMIN_FILES: [&str; 2] = ["data/admin/admin.crt", "data/admin/admin.key"];
/// What clients of the doors verify them with.
pub const CA_BUNDLE: &str = "data/tls/party-ca.pem";

/// The first administrator, made by `akashi init`.
pub fn administrator(place: &Place, api_url: &str) -> Result<Client, Failure> {
    client(place, api_url, ADMIN_FILES)
}

fn client(place: &Place, api_url: &str, [certificate, key]: [&str; 2]) -> Result<Client, Failure> {
    let [ca_bundle, certificate, key] = [place.read(CA_BUNDLE)?, place.read(certificate)?, place.read(key)?];
    let files = ClientFiles { api_url, ca_bundle_pem: &ca_bundle, certificate_pem: &certificate, key_pem: &key };
    Client::new(&files).map_err(|error| Failure::Sandbox(error.to_string()))
}

impl Parties {
    /// Registers them all at the administrators' door.
    pub async fn register(place: &Place, api_url: &str) -> Result<Self, Failure> {
        let mut admin = administrator(place, api_url)?;
        let desk = |town: &super::people::Town| {
            let body = json!({ "role": "desk", "name": town.desk_name, "municipality": town.code, "desk": DESK_SIGN });
            (format!("desk-{}", town.code), body)
        };
        let other = |(role, name): &(&str, &str)| ((*role).to_owned(), json!({ "role": role, "name": name }));
        let mut parties = Vec::new();
        for (label, mut body) in TOWNS.iter().map(desk).chain(OTHERS.iter().map(other)) {
            let [certificate, key] = files(&label);
            let pair = KeyPair::generate()?;
            body["csr"] = json!(CertificateParams::default().serialize_request(&pair)?.pem()?);
            let mut registered =
                Call::post("/admin/v1/parties", format!("register-{label}"), body).make(&mut admin).await?;
            place.write(&certificate, text(&registered, "certificate")?.as_bytes())?;
            place.write(&key, pair.serialize_pem().as_bytes())?;
            let client = client(place, api_url, [&certificate, &key])?;
            let number = number(&registered, "party")?;
            let role = text(&registered, "role")?.to_owned();
            if let Value::Object(fields) = &mut registered {
                fields.remove("certificate");
                fields.extend([("cert".to_owned(), json!(certificate)), ("key".to_owned(), json!(key))]);
            }
            parties.push(Party { number, role, described: registered, client });
        }
        Ok(Self(parties))
    }

    /// The desk of that town, and what tells its calls from others'.
    pub fn desk(&self, town: usize) -> (Client, usize) {
        (self.0[town].client.clone(), town)
    }

    /// The party of a role that one party has.
    pub fn only(&self, role: &str) -> (Client, usize) {
        let at = self.0.iter().position(|party| party.role == role).expect("each of these roles is registered");
        (self.0[at].client.clone(), at)
    }

    /// Its number.
    pub fn number_of(&self, role: &str) -> u64 {
        self.0.iter().find(|party| party.role == role).expect("each of these roles is registered").number
    }

    /// As `sandbox.json` lists them.
    pub fn described(&self) -> Vec<&Value> {
        self.0.iter().map(|party| &party.described).collect()
    }

    /// One client for each role, as `sandbox.json` names them.
    pub fn clients(&self) -> Value {
        let files = |party: &Party| json!({ "cert": party.described["cert"], "key": party.described["key"] });
        let mut clients =
            json!({ "admin": { "cert": ADMIN_FILES[0], "key": ADMIN_FILES[1] }, "desk": files(&self.0[0]) });
        for party in &self.0[TOWNS.len()..] {
            clients[&party.role] = files(party);
        }
        clients
    }
}

//! What people sign with the keys on their cards, and whoever hands it in sends with the signature.
use aws_lc_rs::signature::{self, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pki::identity::Ca;
use serde_json::{Value, json};

use super::cards::Held;
use crate::clock::randomness;
use crate::failure::Failure;

/// A person's newest certificate of that CA.
pub fn latest(held: &[Held], person: usize, ca: Ca) -> &Held {
    let mut of_person = held.iter().rev().filter(|held| held.person == person && held.ca == ca);
    of_person.next().expect("who signs has a certificate for it")
}

/// The body of a call: an application in the form of docs/api.md with the signature over its octets.
pub fn signed(application: &str, by: &Held) -> Result<Value, Failure> {
    let failed = || Failure::Sandbox("a card's key does not sign".to_owned());
    let pair = RsaKeyPair::from_pkcs8(&by.key).map_err(|_| failed())?;
    let mut octets = vec![0; pair.public_modulus_len()];
    let signing = pair.sign(&signature::RSA_PKCS1_SHA256, &*randomness(), application.as_bytes(), &mut octets);
    signing.map_err(|_| failed())?;
    Ok(json!({
        "application": BASE64.encode(application),
        "signature": BASE64.encode(octets),
        "signature_form": "raw",
        "certificate": by.certificate,
    }))
}

//! A certificate that came with a signature, and a public key: a key is read only if it is one of the closed set.
use pki::algorithm::PublicKey;
use pki::certificate::tbs_of;
use pki::signature::SignerCertificate;

use crate::Outcome;
use crate::scene::{DELEGATE, public_key};

pub(crate) fn run(octets: &[u8]) -> Outcome {
    let signer = SignerCertificate::from_der(octets);
    if let Some(signer) = &signer {
        assert!(tbs_of(octets).is_some());
        let key = signer.public_key();
        assert_eq!(PublicKey::from_spki(key.spki_der()).as_ref(), Ok(key));
    }
    let key = PublicKey::from_spki(octets);
    if let Ok(key) = &key {
        assert_eq!(key.spki_der(), octets);
    }
    if signer.is_some() || key.is_ok() { Outcome::Taken } else { Outcome::Refused }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let request: &[u8] = include_bytes!("../../data/request-rsa.der");
    // Where a request has its key (RFC 2986 §4.1): after the name of twelve octets.
    let rsa = request.windows(4).position(|octets| octets == [0x30, 0x82, 1, 0x22]).expect("RSA-2048");
    vec![DELEGATE.to_vec(), public_key(1).spki_der().to_vec(), request[rsa..rsa + 294].to_vec()]
}

//! PKCS #10 in PEM or DER: a key whose holder proves that it is theirs, or a refusal.
use pki::algorithm::PublicKey;
use pki::csr::CertificationRequest;

use crate::Outcome;

pub(crate) fn run(octets: &[u8]) -> Outcome {
    let read = CertificationRequest::from_pem_or_der(octets);
    if let Ok(request) = &read {
        let key = request.public_key();
        assert_eq!(PublicKey::from_spki(key.spki_der()).as_ref(), Ok(key));
    }
    Outcome::of(&read)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let made_by_openssl: [&[u8]; 3] = [
        include_bytes!("../../data/request-p256.der"),
        include_bytes!("../../data/request-rsa.der"),
        include_bytes!("../../data/request-rsa.pem"),
    ];
    made_by_openssl.map(<[u8]>::to_vec).to_vec()
}

//! A detached CMS signature: whatever the octets, they sign at most one content.
use std::sync::LazyLock;

use pki::signature::{SignatureForm, SignerCertificate, verify_detached};

use crate::Outcome;
use crate::scene::DELEGATE;

static SIGNER: LazyLock<SignerCertificate> =
    LazyLock::new(|| SignerCertificate::from_der(DELEGATE).expect("made by OpenSSL"));

pub(crate) fn run(octets: &[u8]) -> Outcome {
    let verify = |content: &[u8]| verify_detached(SignatureForm::Cms, octets, content, &SIGNER);
    assert!(verify(b"what was not").is_err());
    assert!(verify_detached(SignatureForm::Raw, octets, b"what was not", &SIGNER).is_err());
    Outcome::of(&verify(b"what was signed"))
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let made_by_openssl: [&[u8]; 2] =
        [include_bytes!("../../data/signature.der"), include_bytes!("../../data/signature-by-key-identifier.der")];
    made_by_openssl.map(<[u8]>::to_vec).to_vec()
}

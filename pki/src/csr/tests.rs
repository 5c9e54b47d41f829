use super::*;
use crate::algorithm::Algorithm;
use crate::certificate::example::{TestKey, openssl};
use crate::der::DerWriter;
use proptest::prelude::*;
use std::sync::LazyLock;

static KEY: LazyLock<TestKey> = LazyLock::new(TestKey::ecdsa_p384);

/// A request for an empty subject without attributes, and what can be wrong with it.
struct Draft {
    version: u64,
    spki: Vec<u8>,
    attributes: &'static [u8],
    signature_identifier: Vec<u8>,
}

impl Draft {
    fn new(key: &TestKey) -> Self {
        let public_key = key.public_key();
        Self {
            version: 0,
            spki: public_key.spki_der().to_vec(),
            attributes: &[0xa0, 0],
            signature_identifier: public_key.algorithm().signature_identifier(),
        }
    }

    fn signed_by(&self, key: &TestKey) -> Vec<u8> {
        let mut info = DerWriter::new();
        info.sequence(|w| {
            w.integer(self.version);
            w.sequence(|_| {});
            w.raw(&self.spki);
            w.raw(self.attributes);
        });
        let signature = key.sign(info.as_slice());
        let mut request = DerWriter::new();
        request.sequence(|w| {
            w.raw(info.as_slice());
            w.raw(&self.signature_identifier);
            w.bit_string(&signature);
        });
        request.finish()
    }
}

/// A request in PEM that `openssl req` makes with those arguments.
fn by_openssl(arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let fixed = ["req", "-new", "-nodes", "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/C=JP/CN=whatever"];
    let (success, text) = openssl(folder.path(), &[&fixed, arguments].concat());
    assert!(success, "{text}");
    std::fs::read(folder.path().join("csr.pem")).unwrap()
}

#[test]
fn requests_by_openssl_are_taken_in_pem_with_text_before_it_and_in_der() {
    let kinds: [(&[&str], Algorithm); 4] = [
        (&["-newkey", "rsa:2048"], Algorithm::Rsa2048Sha256),
        (&["-newkey", "rsa:3072", "-text"], Algorithm::Rsa3072Sha256),
        (&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-sha256"], Algorithm::EcdsaP256Sha256),
        (&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-sha384", "-newhdr"], Algorithm::EcdsaP384Sha384),
    ];
    for (arguments, algorithm) in kinds {
        let pem = by_openssl(arguments);
        let request = CertificationRequest::from_pem_or_der(&pem).unwrap();
        assert_eq!(request.public_key().algorithm(), algorithm, "{arguments:?}");
        let (_, request_der) = der::pem::decode_vec(&pem).unwrap();
        assert_eq!(CertificationRequest::from_pem_or_der(&request_der), Ok(request));
        let with_blank_lines = [&pem[..], b"\r\n \n"].concat();
        assert!(CertificationRequest::from_pem(&with_blank_lines).is_ok());
    }
}

#[test]
fn weak_or_strange_keys_are_refused_by_their_fault() {
    let faults: [(&[&str], PublicKeyError); 4] = [
        (&["-newkey", "rsa:1024"], PublicKeyError::ModulusTooShort { bits: 1_024 }),
        (&["-newkey", "rsa:2048", "-pkeyopt", "rsa_keygen_pubexp:3"], PublicKeyError::BadExponent),
        (&["-newkey", "rsa:2560"], PublicKeyError::UnknownAlgorithm),
        (&["-newkey", "ed25519"], PublicKeyError::UnknownAlgorithm),
    ];
    for (arguments, error) in faults {
        assert_eq!(
            CertificationRequest::from_pem(&by_openssl(arguments)),
            Err(CsrError::PublicKey(error)),
            "{arguments:?}"
        );
    }
}

#[test]
fn another_signature_algorithm_than_the_keys_is_refused() {
    for arguments in [
        &["-newkey", "rsa:2048", "-sha512"][..],
        &["-newkey", "rsa:2048", "-sigopt", "rsa_padding_mode:pss"],
        &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-sha256"],
    ] {
        let error = CertificationRequest::from_pem(&by_openssl(arguments)).unwrap_err();
        assert!(matches!(error, CsrError::SignatureAlgorithm { .. }), "{arguments:?}: {error}");
    }
    let renamed = Draft { signature_identifier: Algorithm::EcdsaP256Sha256.signature_identifier(), ..Draft::new(&KEY) };
    let expected = Algorithm::EcdsaP384Sha384.word();
    assert_eq!(
        CertificationRequest::from_der(&renamed.signed_by(&KEY)),
        Err(CsrError::SignatureAlgorithm { expected })
    );
}

#[test]
fn a_signature_by_another_key_is_no_proof_of_possession() {
    let request = Draft::new(&KEY).signed_by(&TestKey::ecdsa_p384());
    assert_eq!(CertificationRequest::from_der(&request), Err(CsrError::BadSignature));
    assert!(CertificationRequest::from_der(&Draft::new(&KEY).signed_by(&KEY)).is_ok());
}

#[test]
fn what_is_not_a_request_in_der_is_refused() {
    let good = Draft::new(&KEY).signed_by(&KEY);
    let wrong_version = Draft { version: 1, ..Draft::new(&KEY) }.signed_by(&KEY);
    assert_eq!(CertificationRequest::from_der(&wrong_version), Err(CsrError::Malformed(DerError::BadValue)));
    let no_attributes = Draft { attributes: &[], ..Draft::new(&KEY) }.signed_by(&KEY);
    assert_eq!(CertificationRequest::from_der(&no_attributes), Err(CsrError::Malformed(DerError::Truncated)));
    let bad_attributes = Draft { attributes: &[0xa0, 2, 5, 0], ..Draft::new(&KEY) }.signed_by(&KEY);
    assert_eq!(CertificationRequest::from_der(&bad_attributes), Err(CsrError::MalformedContents));
    let trailing = [&good[..], &[0]].concat();
    assert_eq!(CertificationRequest::from_der(&trailing), Err(CsrError::Malformed(DerError::TrailingOctets)));
    assert_eq!(CertificationRequest::from_der(&[]), Err(CsrError::Malformed(DerError::Truncated)));
    assert_eq!(CertificationRequest::from_pem_or_der(b"hello"), Err(CsrError::NotPem));
    let certificate = crate::certificate::pem(&good);
    assert_eq!(CertificationRequest::from_pem_or_der(certificate.as_bytes()), Err(CsrError::NotPem));
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let octets = REQUEST_OCTETS_MAX + 1;
    let error = CsrError::TooLarge { octets, octets_max: REQUEST_OCTETS_MAX };
    assert_eq!(CertificationRequest::from_pem_or_der(&vec![0x30; octets]), Err(error));
    let error = CertificationRequest::from_pem_or_der(&vec![b'-'; PEM_OCTETS_MAX + 1]).unwrap_err();
    assert!(matches!(error, CsrError::TooLarge { octets_max: PEM_OCTETS_MAX, .. }));
    assert_ne!(CertificationRequest::from_der(&vec![0x30; octets - 1]), Err(error));
}

proptest! {
    #[test]
    fn reading_never_panics_whatever_comes(octets: Vec<u8>) {
        prop_assert!(CertificationRequest::from_pem_or_der(&octets).is_err());
    }

    #[test]
    fn a_request_with_any_octet_changed_is_refused(at: prop::sample::Index, change in 1_u8..) {
        let mut request = Draft::new(&KEY).signed_by(&KEY);
        let at = at.index(request.len());
        request[at] ^= change;
        prop_assert!(CertificationRequest::from_der(&request).is_err());
    }
}

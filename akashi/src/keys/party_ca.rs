//! The party CA: TLS certificates for parties and for our own doors, with rcgen over a token key.
use std::sync::Arc;

use ca::seam::{PartyCa, PartyCaError, TokenFailure};
use pki::algorithm::{Algorithm, PublicKey};
use pki::csr::CertificationRequest;
use pki::time::UnixTime;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey,
};
use registry::Clock;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Labels, SharedToken};
use crate::clock::randomness;

const DAY_SECONDS: i64 = 86_400;
/// Parties renew once a year; a month more for the late.
const PARTY_VALIDITY_SECONDS: i64 = 396 * DAY_SECONDS;
/// The doors' own certificate, made anew at each start and long before this has passed.
const SERVER_VALIDITY_SECONDS: i64 = 90 * DAY_SECONDS;
/// The party CA itself.
const CA_VALIDITY_SECONDS: i64 = 3_653 * DAY_SECONDS;
/// Clocks of parties differ; a certificate is valid a little before it is made.
const BACKDATE_SECONDS: i64 = 300;
/// RFC 5280 §4.1.2.2 allows 20.
const SERIAL_OCTETS: usize = 16;

/// A token key as rcgen wants one.
struct TokenKey {
    token: SharedToken,
    public_key: PublicKey,
}

/// A public key as rcgen wants one.
struct Subject<'a>(&'a PublicKey);

const fn rcgen_algorithm(algorithm: Algorithm) -> &'static SignatureAlgorithm {
    match algorithm {
        Algorithm::Rsa2048Sha256 | Algorithm::Rsa3072Sha256 => &rcgen::PKCS_RSA_SHA256,
        Algorithm::EcdsaP256Sha256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        Algorithm::EcdsaP384Sha384 => &rcgen::PKCS_ECDSA_P384_SHA384,
    }
}

impl PublicKeyData for TokenKey {
    fn der_bytes(&self) -> &[u8] {
        self.public_key.key_octets()
    }
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        rcgen_algorithm(self.public_key.algorithm())
    }
}

impl SigningKey for TokenKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.token.sign(&Labels::party_ca_key(), message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

impl PublicKeyData for Subject<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.key_octets()
    }
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        rcgen_algorithm(self.0.algorithm())
    }
}

/// The party CA.
pub struct PartyAuthority {
    issuer: Issuer<'static, TokenKey>,
    clock: Arc<dyn Clock>,
    randomness: hsm_mock::Randomness,
}

/// What the doors prove themselves with. The key lives in memory only; each start makes a new one.
pub struct ServerIdentity {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

fn validity(params: &mut CertificateParams, now: UnixTime, seconds: i64) {
    let time = |at: UnixTime| {
        time::OffsetDateTime::from_unix_timestamp(at.as_seconds()).expect("four-digit years are in its range")
    };
    params.not_before = time(now.plus_seconds(-BACKDATE_SECONDS));
    params.not_after = time(now.plus_seconds(seconds));
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Akashi");
    name.push(DnType::CommonName, "Akashi party CA");
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf_params(common_name: &str, purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Akashi");
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    params
}

impl PartyAuthority {
    /// Over the token's party CA key.
    pub fn new(token: SharedToken, clock: Arc<dyn Clock>) -> Result<Self, hsm_mock::TokenError> {
        let public_key = token.public_key(&Labels::party_ca_key())?;
        Ok(Self { issuer: Issuer::new(ca_params(), TokenKey { token, public_key }), clock, randomness: randomness() })
    }

    /// A serial at random: one derived from the key, as is the default, would come again with each renewal of a
    /// certificate, and serials of one issuer are unique (RFC 5280 §4.1.2.2).
    fn serial_number(&self) -> Result<SerialNumber, rcgen::Error> {
        let mut octets = [0; SERIAL_OCTETS];
        self.randomness.fill(&mut octets).map_err(|_| rcgen::Error::RingUnspecified)?;
        // Positive, and always of the same length.
        octets[0] = octets[0] & 0x7f | 0x40;
        Ok(SerialNumber::from_slice(&octets))
    }

    /// The party CA's own certificate, self-signed; made once, by `akashi init`.
    pub fn own_certificate(&self) -> Result<CertificateDer<'static>, rcgen::Error> {
        let mut params = ca_params();
        validity(&mut params, self.clock.now(), CA_VALIDITY_SECONDS);
        params.serial_number = Some(self.serial_number()?);
        params.self_signed(self.issuer.key()).map(Into::into)
    }

    /// A certificate for the doors, under those host names.
    pub fn server_identity(&self, hostnames: &[String]) -> Result<ServerIdentity, rcgen::Error> {
        let mut params = leaf_params(&hostnames[0], ExtendedKeyUsagePurpose::ServerAuth);
        params.subject_alt_names = CertificateParams::new(hostnames.to_vec())?.subject_alt_names;
        validity(&mut params, self.clock.now(), SERVER_VALIDITY_SECONDS);
        params.serial_number = Some(self.serial_number()?);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.into();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(ServerIdentity { certificate, key })
    }

    /// The first administrator: certificate (DER) and private key (PEM).
    pub fn first_administrator(&self) -> Result<(Vec<u8>, zeroize::Zeroizing<String>), rcgen::Error> {
        let mut params = leaf_params("first administrator", ExtendedKeyUsagePurpose::ClientAuth);
        validity(&mut params, self.clock.now(), PARTY_VALIDITY_SECONDS);
        params.serial_number = Some(self.serial_number()?);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate.der().to_vec(), zeroize::Zeroizing::new(key.serialize_pem())))
    }
}

impl PartyCa for PartyAuthority {
    fn issue(&self, csr_pem: &str, common_name: &str) -> Result<Vec<u8>, PartyCaError> {
        let request = CertificationRequest::from_pem(csr_pem.as_bytes())?;
        let mut params = leaf_params(common_name, ExtendedKeyUsagePurpose::ClientAuth);
        validity(&mut params, self.clock.now(), PARTY_VALIDITY_SECONDS);
        let issued = self.serial_number().and_then(|serial_number| {
            params.serial_number = Some(serial_number);
            params.signed_by(&Subject(request.public_key()), &self.issuer)
        });
        issued
            .map(|certificate| certificate.der().to_vec())
            .map_err(|error| PartyCaError::Token(TokenFailure(error.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use hsm_mock::{Pin, PinCost, SoftToken};
    use x509_cert::der::Decode;

    use super::*;
    use crate::clock::SystemClock;

    fn authority(folder: &std::path::Path) -> PartyAuthority {
        let pin = Pin::new(b"a PIN of some length").unwrap();
        let token: SharedToken =
            Arc::new(SoftToken::create(&folder.join("token"), &pin, PinCost::WEAK_FOR_TESTS, randomness()).unwrap());
        token.generate_signing_key(&Labels::party_ca_key(), Algorithm::EcdsaP256Sha256).unwrap();
        PartyAuthority::new(token, Arc::new(SystemClock::REAL)).unwrap()
    }

    fn serial(der: &[u8]) -> Vec<u8> {
        let certificate = x509_cert::Certificate::from_der(der).unwrap();
        certificate.tbs_certificate().serial_number().as_bytes().to_vec()
    }

    #[test]
    fn every_certificate_has_a_serial_of_its_own_also_for_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(folder.path());
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
        let mut serials: Vec<_> = (0..3).map(|_| serial(&authority.issue(&csr, "a desk").unwrap())).collect();
        let hostnames = ["localhost".to_owned()];
        serials.extend((0..2).map(|_| serial(&authority.server_identity(&hostnames).unwrap().certificate)));
        serials.extend((0..2).map(|_| serial(&authority.own_certificate().unwrap())));
        serials.push(serial(&authority.first_administrator().unwrap().0));
        assert!(serials.iter().all(|serial| serial.len() == SERIAL_OCTETS && serial[0] < 0x80), "{serials:?}");
        let unique: std::collections::BTreeSet<_> = serials.iter().collect();
        assert_eq!(unique.len(), serials.len(), "{serials:?}");
    }
}

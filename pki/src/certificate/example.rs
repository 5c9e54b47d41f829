//! An invented person, the CAs and their keys, for tests.
use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};

use super::{
    AuthCommonName, AuthLeaf, DeskId, Issuer, Layout, Link, OcspResponderLeaf, Profile, ProfileSettings,
    SignCommonName, SignLeaf, root,
};
use crate::algorithm::{Algorithm, PublicKey};
use crate::der::Tag;
use crate::identity::{Ca, IssuerKey, KeyNumber, Serial};
use crate::municipality::Municipality;
use crate::oid::Oid;
use crate::person::{Address, FourInfo, PersonName, Sex};
use crate::time::UnixTime;
use crate::validity::ca_not_after;

/// A private key of a test.
pub(crate) enum TestKey {
    Rsa(RsaKeyPair),
    EcdsaP384(EcdsaKeyPair),
}

impl TestKey {
    pub(crate) fn rsa_2048() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn ecdsa_p384() -> Self {
        Self::EcdsaP384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap())
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        let spki = match self {
            Self::Rsa(key) => key.public_key().as_der().unwrap(),
            Self::EcdsaP384(key) => key.public_key().as_der().unwrap(),
        };
        PublicKey::from_spki(spki.as_ref()).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "a test signs with the randomness of the system")]
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Self::EcdsaP384(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }
}

/// The keys of the CAs and of one card, made once for all tests.
pub(crate) static SIGN_CA_KEY: LazyLock<TestKey> = LazyLock::new(TestKey::rsa_2048);
pub(crate) static AUTH_CA_KEY: LazyLock<TestKey> = LazyLock::new(TestKey::rsa_2048);
pub(crate) static PHONE_SIGN_CA_KEY: LazyLock<TestKey> = LazyLock::new(TestKey::rsa_2048);
pub(crate) static PHONE_AUTH_CA_KEY: LazyLock<TestKey> = LazyLock::new(TestKey::rsa_2048);
/// The second key of every CA.
pub(crate) static NEWER_CA_KEY: LazyLock<TestKey> = LazyLock::new(TestKey::rsa_2048);
pub(crate) static CARD_KEY: LazyLock<TestKey> = LazyLock::new(TestKey::rsa_2048);

pub(crate) fn ca_key(ca: Ca) -> &'static TestKey {
    match ca {
        Ca::Sign => &SIGN_CA_KEY,
        Ca::Auth => &AUTH_CA_KEY,
        Ca::PhoneSign => &PHONE_SIGN_CA_KEY,
        Ca::PhoneAuth => &PHONE_AUTH_CA_KEY,
    }
}

pub(crate) fn utc(text: &str) -> UnixTime {
    UnixTime::from_der(Tag::GENERALIZED_TIME, text.as_bytes()).unwrap()
}

pub(crate) fn settings(layout: Layout) -> ProfileSettings {
    ProfileSettings {
        layout,
        organization: "JPKI-TEST".to_owned(),
        cps_uri: "http://www.jpki.go.jp/cps.html".to_owned(),
        sign_policy: Oid::from_dotted("1.2.392.200149.8.5.1.0.20").unwrap(),
        auth_policy: Oid::from_dotted("1.2.392.200149.8.5.1.0.30").unwrap(),
        phone_sign_policy: Oid::from_dotted("1.2.392.200149.8.5.1.0.40").unwrap(),
        phone_auth_policy: Oid::from_dotted("1.2.392.200149.8.5.1.0.50").unwrap(),
        public_base_url: "http://127.0.0.1:8080".to_owned(),
        algorithm: Algorithm::Rsa2048Sha256,
    }
}

/// The test card's profile (facts 1.1, 1.6).
pub(crate) fn profile(layout: Layout) -> Profile {
    Profile::new(settings(layout)).unwrap()
}

/// The first key of that CA, with a certificate from 2023-07-16 on, as the third generation of facts 1.1.
pub(crate) fn issuer(ca: Ca) -> Issuer {
    issuer_with_key(ca, ca_key(ca).public_key())
}

pub(crate) fn issuer_with_key(ca: Ca, public_key: PublicKey) -> Issuer {
    let not_before = utc("20230716005027Z");
    Issuer {
        issuer: IssuerKey { ca, key: KeyNumber::FIRST },
        ca_serial: Serial::new(0x067c_6a21).unwrap(),
        public_key,
        name: profile(Layout::Default).ca_name(ca).clone(),
        not_before,
        not_after: ca_not_after(not_before),
    }
}

/// The second key of that CA, from 2025-07-16 on.
pub(crate) fn newer_issuer(ca: Ca) -> Issuer {
    let not_before = utc("20250716005027Z");
    Issuer {
        issuer: IssuerKey { ca, key: KeyNumber::new(2).unwrap() },
        ca_serial: Serial::new(0x06d1_8006).unwrap(),
        public_key: NEWER_CA_KEY.public_key(),
        not_before,
        not_after: ca_not_after(not_before),
        ..issuer(ca)
    }
}

pub(crate) fn desk() -> DeskId {
    "13221003A".parse().unwrap()
}

pub(crate) fn kiyose() -> &'static Municipality {
    crate::municipality::find("13221".parse().unwrap()).unwrap()
}

pub(crate) fn person() -> FourInfo {
    FourInfo {
        name: PersonName::new("清瀬　花子", Some("10000")).unwrap(),
        sex: Sex::Female,
        birth_date: "1980-02-17".parse().unwrap(),
        address: Address::new("東京都清瀬市中里５－８４２", None).unwrap(),
    }
}

pub(crate) fn serial() -> Serial {
    Serial::new(0x07d1_e607).unwrap()
}

pub(crate) fn sign_common_name() -> SignCommonName {
    SignCommonName::new(utc("20251016013557Z"), 123, desk())
}

/// A signature certificate with the validity of the test card (facts 1.3).
pub(crate) fn sign_tbs(issuer: &Issuer, profile: &Profile) -> Vec<u8> {
    let (public_key, person) = (CARD_KEY.public_key(), person());
    SignLeaf {
        serial: serial(),
        public_key: &public_key,
        person: &person,
        municipality: kiyose(),
        common_name: sign_common_name(),
        not_before: utc("20251027013557Z"),
        not_after: utc("20300217145959Z"),
    }
    .tbs_der(issuer, profile)
}

/// A user certificate from 15 seconds earlier to the same second (facts 1.4).
pub(crate) fn auth_tbs(issuer: &Issuer, profile: &Profile) -> Vec<u8> {
    AuthLeaf {
        serial: serial(),
        public_key: &CARD_KEY.public_key(),
        municipality: kiyose(),
        common_name: AuthCommonName::from_random(*b"sixteen octets..", desk()),
        not_before: utc("20251027013542Z"),
        not_after: utc("20300217145959Z"),
    }
    .tbs_der(issuer, profile)
}

/// A delegated OCSP certificate of a week.
pub(crate) fn ocsp_tbs(issuer: &Issuer) -> Vec<u8> {
    let not_before = utc("20251027013542Z");
    OcspResponderLeaf {
        serial: serial(),
        public_key: &CARD_KEY.public_key(),
        number: 7,
        not_before,
        not_after: not_before.plus_seconds(7 * 86_400),
    }
    .tbs_der(issuer)
}

/// One key of a CA certified by another: new with old, or old with new.
pub(crate) fn link_tbs(signer: &Issuer, linked: &Issuer, profile: &Profile) -> Vec<u8> {
    Link { serial: serial(), linked }.tbs_der(signer, profile)
}

/// The certificate of that CA's first key.
pub(crate) fn root_tbs(issuer: &Issuer, profile: &Profile) -> Vec<u8> {
    root::tbs_der(issuer, profile)
}

/// Runs `openssl` with these arguments in that folder; gives its exit status and what it wrote to both outputs.
pub(crate) fn openssl(folder: &std::path::Path, arguments: &[&str]) -> (bool, String) {
    let output = std::process::Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("openssl is installed wherever the tests run");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

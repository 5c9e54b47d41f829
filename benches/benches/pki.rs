//! What `pki` does for one certificate besides the cryptography, part by part: the request read, the octets built, linted, and
//! written as PEM. A small CRL beside them.
use std::hint::black_box;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use benches::NOW;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use pki::algorithm::{Algorithm, PublicKey};
use pki::certificate::{
    AuthCommonName, AuthLeaf, DeskId, Issuer, Layout, Profile, ProfileSettings, SignCommonName, SignLeaf, pem,
};
use pki::crl::{CrlEntry, CrlHead, CrlKind, CrlScope};
use pki::csr::CertificationRequest;
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::lint;
use pki::municipality::{self, Municipality};
use pki::oid::Oid;
use pki::person::{Address, FourInfo, PersonName, Sex};
use pki::revocation::{RevocationReason, Withdrawal};
use pki::validity::ca_not_after;
use rustls_pki_types::PrivatePkcs8KeyDer;

const SERIAL: u64 = 30_000_001;
const CRL_ENTRIES: u64 = 100;

fn rsa_key() -> rcgen::KeyPair {
    let key = KeyPair::generate(KeySize::Rsa2048).expect("RSA keys can be made");
    let pkcs8 = key.as_der().expect("PKCS #8");
    rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8.as_ref()), &rcgen::PKCS_RSA_SHA256)
        .expect("the key was made just now")
}

fn public_key(key: &rcgen::KeyPair) -> PublicKey {
    PublicKey::from_spki(&rcgen::PublicKeyData::subject_public_key_info(key)).expect("RSA-2048")
}

fn profile() -> Profile {
    let policy = |last: u32| Oid::from_arcs(&[1, 2, 392, 200_149, 8, 5, 1, 0, last]);
    Profile::new(ProfileSettings {
        layout: Layout::Default,
        organization: "JPKI-TEST".to_owned(),
        cps_uri: "http://www.jpki.go.jp/cps.html".to_owned(),
        sign_policy: policy(20),
        auth_policy: policy(30),
        phone_sign_policy: policy(40),
        phone_auth_policy: policy(50),
        public_base_url: "http://127.0.0.1:8080".to_owned(),
        algorithm: Algorithm::Rsa2048Sha256,
    })
    .expect("as `akashi config` prints it")
}

fn issuer(ca: Ca, profile: &Profile) -> Issuer {
    let not_before = NOW.plus_seconds(-86_400);
    Issuer {
        issuer: IssuerKey { ca, key: KeyNumber::FIRST },
        ca_serial: Serial::new(1).expect("not zero"),
        public_key: public_key(&rsa_key()),
        name: profile.ca_name(ca).clone(),
        not_before,
        not_after: ca_not_after(not_before),
    }
}

fn kiyose() -> &'static Municipality {
    municipality::find("13221".parse().expect("a code")).expect("Kiyose is in the table")
}

fn desk() -> DeskId {
    DeskId::new(kiyose().code, "003A").expect("a desk")
}

fn person() -> FourInfo {
    FourInfo {
        name: PersonName::new("清瀬　花子", None).expect("a name"),
        sex: Sex::Female,
        birth_date: "1980-02-17".parse().expect("a date"),
        address: Address::new("東京都清瀬市中里５－８４２", None).expect("an address"),
    }
}

fn sign_tbs(card: &PublicKey, person: &FourInfo, issuer: &Issuer, profile: &Profile) -> Vec<u8> {
    SignLeaf {
        serial: Serial::new(SERIAL).expect("not zero"),
        public_key: card,
        person,
        municipality: kiyose(),
        common_name: SignCommonName::new(NOW, SERIAL, desk()),
        not_before: NOW,
        not_after: NOW.plus_seconds(86_400 * 1_500).jst_date().jst_end(),
    }
    .tbs_der(issuer, profile)
}

fn auth_tbs(card: &PublicKey, issuer: &Issuer, profile: &Profile) -> Vec<u8> {
    AuthLeaf {
        serial: Serial::new(SERIAL).expect("not zero"),
        public_key: card,
        municipality: kiyose(),
        common_name: AuthCommonName::from_random(*b"sixteen octets..", desk()),
        not_before: NOW,
        not_after: NOW.plus_seconds(86_400 * 1_500).jst_date().jst_end(),
    }
    .tbs_der(issuer, profile)
}

/// The request with its signature broken takes as long to read, and the verification alone can be taken off.
fn request(criterion: &mut Criterion) {
    let key = rsa_key();
    let request = rcgen::CertificateParams::default().serialize_request(&key).expect("a request");
    let (request_der, request_pem) = (request.der().to_vec(), request.pem().expect("PEM"));
    let mut group = criterion.benchmark_group("a request (PKCS #10) with an RSA-2048 key");
    group.bench_function("PEM, with its verification", |bencher| {
        bencher.iter(|| CertificationRequest::from_pem(black_box(request_pem.as_bytes())).expect("good"));
    });
    group.bench_function("DER, with its verification", |bencher| {
        bencher.iter(|| CertificationRequest::from_der(black_box(&request_der)).expect("good"));
    });
    let public_key = public_key(&key);
    group.bench_function("the verification alone", |bencher| {
        bencher.iter(|| public_key.verify(black_box(&request_der), &[7; 256]).expect_err("another signature"));
    });
    group.finish();
}

fn leaf(criterion: &mut Criterion) {
    let (profile, card, person) = (profile(), public_key(&rsa_key()), person());
    let [sign, auth] = Ca::CARD.map(|ca| issuer(ca, &profile));
    let mut group = criterion.benchmark_group("a certificate of a person");
    group.bench_function("build sign", |bencher| {
        bencher.iter(|| sign_tbs(&card, black_box(&person), &sign, &profile));
    });
    group.bench_function("build auth", |bencher| bencher.iter(|| auth_tbs(black_box(&card), &auth, &profile)));
    for (what, issuer, tbs_der) in [
        ("lint sign", &sign, sign_tbs(&card, &person, &sign, &profile)),
        ("lint auth", &auth, auth_tbs(&card, &auth, &profile)),
    ] {
        group.bench_function(what, |bencher| {
            let lint = |tbs_der| lint::leaf(issuer.issuer.ca, tbs_der, issuer, &profile).expect("no finding");
            bencher.iter_batched(|| tbs_der.clone(), lint, BatchSize::SmallInput);
        });
    }
    let tbs_der = sign_tbs(&card, &person, &sign, &profile);
    group.bench_function("PEM", |bencher| bencher.iter(|| pem(black_box(&tbs_der))));
    group.bench_function("check the 4 info", |bencher| bencher.iter(self::person));
    group.finish();
}

fn crl(criterion: &mut Criterion) {
    let profile = profile();
    let issuer = issuer(Ca::Sign, &profile);
    let scope = CrlScope::Partition(profile.distribution_point(issuer.issuer, kiyose()));
    let plan = CrlHead {
        issuer: issuer.issuer,
        issuer_name: &issuer.name,
        public_key: &issuer.public_key,
        this_update: NOW,
        next_update: NOW.plus_seconds(172_800),
        crl_number: 77,
        scope: &scope,
        kind: CrlKind::Complete { freshest_crl: None },
    };
    let withdrawal = Withdrawal::Revoked { since: NOW, reason: RevocationReason::Superseded };
    let entries = (2..CRL_ENTRIES + 2).map(|number| CrlEntry { serial: benches::serial(number), withdrawal });
    let tbs_der = plan.tbs_der(entries).expect("in order");
    criterion.bench_function("lint a CRL of 100 entries", |bencher| {
        bencher.iter(|| lint::crl(black_box(&tbs_der), &plan).expect("no finding"));
    });
}

criterion_group!(pki_benches, request, leaf, crl);
criterion_main!(pki_benches);

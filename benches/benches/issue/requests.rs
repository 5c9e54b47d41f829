//! Requests for certificates, made before anything is measured: a person asks for both kinds, the user certificate first,
//! as at a counter.
use std::ops::Range;
use std::sync::Mutex;

use akashi::clock::SystemClock;
use akashi::sandbox::keys::Primes;
use akashi::sandbox::people::{Person, TOWNS};
use pki::algorithm::Algorithm;
use pki::identity::Ca;
use pki::time::CivilDate;
use rcgen::{CertificateParams, KeyPair};
use registry::Clock;
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::json;

/// The certificates that a person asks for, in this order.
const KINDS: [Ca; 2] = [Ca::Auth, Ca::Sign];

/// A desk's request.
pub(crate) struct Application {
    /// The desk: the place in [`TOWNS`].
    pub(crate) desk: usize,
    /// The idempotency key.
    pub(crate) idempotency_key: String,
    /// The body.
    pub(crate) body: String,
}

/// Makes requests, each once.
pub(crate) struct Maker {
    keys: Keys,
    today: CivilDate,
    next: usize,
}

/// Where the people's keys come from.
enum Keys {
    /// Pairs of a few primes: thousands of keys in seconds, and every operation is that of a real key.
    Rsa(Primes),
    P384,
}

impl Keys {
    fn key(&self, number: usize) -> KeyPair {
        match self {
            Self::Rsa(primes) => {
                let key = primes.key(number);
                KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(&key[..]), &rcgen::PKCS_RSA_SHA256)
            }
            Self::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        }
        .expect("a key")
    }
}

impl Maker {
    /// For so many requests in all.
    pub(crate) fn new(algorithm: Algorithm, requests: usize) -> Self {
        let keys = match algorithm {
            Algorithm::Rsa2048Sha256 => Keys::Rsa(Primes::for_keys(requests).expect("primes")),
            Algorithm::EcdsaP384Sha384 => Keys::P384,
            Algorithm::Rsa3072Sha256 | Algorithm::EcdsaP256Sha256 => panic!("no bench issues for {}", algorithm.word()),
        };
        Self { keys, today: SystemClock::REAL.now().jst_date(), next: 0 }
    }

    /// The requests of so many people.
    pub(crate) fn next(&mut self, people: usize) -> Vec<Vec<Application>> {
        let numbers: Range<usize> = self.next..self.next + people;
        self.next = numbers.end;
        let made = numbers.clone().map(|_| Mutex::new(Vec::new())).collect::<Vec<_>>();
        let left = Mutex::new(numbers.clone());
        let take = || left.lock().expect("nobody panics while holding it").next();
        let work = || {
            while let Some(number) = take() {
                *made[number - numbers.start].lock().expect("one writer each") = self.applications(number);
            }
        };
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
        made.into_iter().map(|one| one.into_inner().expect("nobody panicked")).collect()
    }

    fn applications(&self, number: usize) -> Vec<Application> {
        let person = Person::invent(number + 1, false, self.today);
        let of = |(at, ca): (usize, &Ca)| {
            let key = self.keys.key(number * KINDS.len() + at);
            let csr = CertificateParams::default().serialize_request(&key).and_then(|csr| csr.pem());
            let body = json!({
                "ca": ca.to_string(),
                "municipality": TOWNS[person.town].code,
                "resident_code": person.resident_code,
                "person": {
                    "name": person.name,
                    "sex": person.sex,
                    "birth_date": person.birth_date.to_string(),
                    "address": person.address,
                },
                "card_expires_on": person.birthday_in(10, self.today).to_string(),
                "csr": csr.expect("a request"),
            });
            Application { desk: person.town, idempotency_key: format!("{ca}-{number}"), body: body.to_string() }
        };
        KINDS.iter().enumerate().map(of).collect()
    }
}

//! Throw-away key pairs of cards and phones with their requests, and the certificates that desks issue for cards.
use std::collections::VecDeque;
use std::sync::Mutex;

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};

use super::calls::{Call, Chain, text};
use super::keys::Primes;
use super::parties::Parties;
use super::people::{Person, TOWNS};
use super::place::Place;
use crate::failure::Failure;
use crate::progress::Phase;
use pki::identity::Ca;
use pki::time::CivilDate;

/// A key pair on a card, or in a phone.
pub struct Card {
    /// PKCS #8, DER.
    pub key: Vec<u8>,
    key_pem: String,
    /// PKCS #10, PEM.
    pub csr: String,
}

impl Card {
    fn make(primes: &Primes, number: usize) -> Result<Self, Failure> {
        let key = primes.key(number);
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(&key[..]), &rcgen::PKCS_RSA_SHA256)?;
        let csr = CertificateParams::default().serialize_request(&pair)?.pem()?;
        Ok(Self { key_pem: pair.serialize_pem(), csr, key })
    }
}

/// As many new cards, made on all cores.
pub fn make_cards(count: usize) -> Result<VecDeque<Card>, Failure> {
    let phase = Phase::begin("sandbox: keys for cards and phones", count);
    let primes = Primes::for_keys(count)?;
    let (left, made) = (Mutex::new(0..count), Mutex::new(VecDeque::with_capacity(count)));
    let work = || {
        while let Some(number) = left.lock().expect("no one panics while holding it").next() {
            let card = Card::make(&primes, number)?;
            made.lock().expect("no one panics while holding it").push_back(card);
            phase.step();
        }
        Ok::<_, Failure>(())
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("making keys does not panic"))
    })?;
    Ok(made.into_inner().expect("no one panicked"))
}

/// Someone who gets a certificate.
pub struct Applicant {
    /// Who, living where they do now.
    pub person: Person,
    /// Which certificate.
    pub ca: Ca,
    /// The last day of the card.
    pub card_expires_on: CivilDate,
    /// Its key.
    pub card: Card,
}

/// A certificate of a sandbox, with its key.
pub struct Held {
    /// Whose.
    pub person: usize,
    /// Of which municipality: the place in [`TOWNS`].
    pub town: usize,
    /// Which CA.
    pub ca: Ca,
    /// Of its CA.
    pub serial: String,
    /// PEM.
    pub certificate: String,
    /// PKCS #8, DER.
    pub key: Vec<u8>,
    /// The certificate's file; the key's beside it.
    pub path: String,
    /// The key's file.
    pub key_path: String,
    /// As the door answered.
    pub answered: Value,
}

/// Has all these issued at the desks of their towns, and writes certificates and keys. One person's come in their order.
pub async fn issue(
    name: &'static str,
    place: &Place,
    parties: &Parties,
    applicants: Vec<Vec<Applicant>>,
) -> Result<Vec<Held>, Failure> {
    let chain = |one: &Vec<Applicant>| {
        let (client, party) = parties.desk(one[0].person.town);
        Chain { client, party, calls: one.iter().map(|applicant| application(name, applicant)).collect() }
    };
    let answers = super::calls::make_all(name, applicants.iter().map(chain).collect()).await?;
    let mut held = Vec::new();
    for (applicant, answer) in applicants.into_iter().flatten().zip(answers.into_iter().flatten()) {
        let Applicant { person, ca, card, .. } = applicant;
        held.push(keep(place, &person, ca, card, answer)?);
    }
    Ok(held)
}

fn application(name: &str, Applicant { person, ca, card_expires_on, card }: &Applicant) -> Call {
    let body = json!({
        "ca": ca.to_string(),
        "municipality": TOWNS[person.town].code,
        "resident_code": person.resident_code,
        "person": {
            "name": person.name,
            "kana": person.kana,
            "former_name": person.former_name.map(|(name, _)| name),
            "former_name_kana": person.former_name.map(|(_, kana)| kana),
            "sex": person.sex,
            "birth_date": person.birth_date.to_string(),
            "address": person.address,
        },
        "card_expires_on": card_expires_on.to_string(),
        "csr": card.csr,
    });
    let key = format!("{}-{}-{ca}", name.replace(' ', "-"), person.number);
    Call::post("/desk/v1/certificates", key, body)
}

/// Writes a certificate that a door answered with, and its key.
pub fn keep(place: &Place, person: &Person, ca: Ca, card: Card, mut answered: Value) -> Result<Held, Failure> {
    let (serial, certificate) = (text(&answered, "serial")?.to_owned(), text(&answered, "certificate")?.to_owned());
    let path = format!("certificates/{ca}-{serial}.pem");
    let key_path = format!("certificates/{ca}-{serial}.key");
    place.write(&path, certificate.as_bytes())?;
    place.write(&key_path, card.key_pem.as_bytes())?;
    answered["certificate"].take();
    Ok(Held {
        person: person.number,
        town: person.town,
        ca,
        serial,
        certificate,
        key: card.key,
        path,
        key_path,
        answered,
    })
}

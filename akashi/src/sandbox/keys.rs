//! Throw-away RSA keys for the cards of a sandbox, thousands in seconds.
//!
//! Finding primes is what makes an RSA key slow: some 50 to 100 ms of a core. A sandbox has thousands of keys, so a few primes are
//! found by a real key generator, and each key is another pair of them. Every public key is distinct, every operation
//! is that of a real key. **Nothing is secret about such keys**: two public keys that share a prime give it away to
//! anybody who takes their greatest common divisor. They must never leave a sandbox; `sandbox.json` says so as well.
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use num_bigint::{BigInt, BigUint};
use pki::der::{DerError, DerReader, DerWriter, Tag};
use pki::oid::RSA_ENCRYPTION;

use crate::failure::Failure;

/// What `sandbox.json` says of the keys.
pub const NOTICE: &str = "throw-away: pairs from a small pool of primes, so anybody can compute the private keys from the public ones; use them nowhere but here";

/// The public exponent, the only one that the CA accepts.
const EXPONENT: u32 = 65_537;

/// Primes of 1,024 bits, none twice.
pub struct Primes(Vec<BigUint>);

impl Primes {
    /// As many as are needed for that many keys, found on all cores.
    pub fn for_keys(keys: usize) -> Result<Self, Failure> {
        // n primes make n (n − 1) / 2 pairs, and a generated key gives two primes.
        let primes = (2..=keys + 1).find(|primes| primes * (primes - 1) / 2 >= keys).unwrap_or(2);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let each = primes.div_ceil(2).div_ceil(cores);
        let found = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..cores).map(|_| scope.spawn(move || generated(each))).collect();
            let joined = workers.into_iter().map(|worker| worker.join().expect("generating keys does not panic"));
            joined.collect::<Result<Vec<_>, _>>()
        })?;
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        found.sort_unstable();
        found.dedup();
        Ok(Self(found))
    }

    /// The key of that number, PKCS #8 in DER: always another pair, in the order (0, 1), (0, 2), (1, 2), (0, 3) …
    pub fn key(&self, number: usize) -> Vec<u8> {
        let larger =
            (1..=number + 1).find(|larger| larger * (larger + 1) / 2 > number).expect("the last one is enough");
        let smaller = number - larger * (larger - 1) / 2;
        private_key(&self.0[larger], &self.0[smaller])
    }
}

/// The primes of so many new keys.
fn generated(keys: usize) -> Result<Vec<BigUint>, Failure> {
    let mut primes = Vec::with_capacity(keys * 2);
    for _ in 0..keys {
        let failed = |_| Failure::Sandbox("no RSA key could be generated".to_owned());
        let pkcs8: Pkcs8V1Der<'static> =
            KeyPair::generate(KeySize::Rsa2048).and_then(|key| key.as_der()).map_err(failed)?;
        primes.extend(primes_of(pkcs8.as_ref()).expect("a generated key is well formed"));
    }
    Ok(primes)
}

/// p and q of a PKCS #8 key (RFC 5208 §5, RFC 8017 appendix A.1.2).
fn primes_of(pkcs8: &[u8]) -> Result<[BigUint; 2], DerError> {
    let mut outer = DerReader::new(pkcs8).sequence()?;
    outer.integer_octets()?;
    outer.sequence()?;
    let mut key = DerReader::new(outer.expect(Tag::OCTET_STRING)?.contents).sequence()?;
    // version, modulus, publicExponent, privateExponent
    for _ in 0..4 {
        key.integer_octets()?;
    }
    Ok([BigUint::from_bytes_be(key.integer_octets()?), BigUint::from_bytes_be(key.integer_octets()?)])
}

/// The RSA key of two primes, p the larger one, as PKCS #8.
fn private_key(p: &BigUint, q: &BigUint) -> Vec<u8> {
    let exponent = BigUint::from(EXPONENT);
    let (p_less, q_less) = (p - 1u32, q - 1u32);
    // Generated primes are never 1 modulo e (FIPS 186-5 A.1.1), and two primes have nothing in common.
    let inverse = |of: &BigUint, modulus: &BigUint| of.modinv(modulus).expect("the two have no common divisor");
    let mut key = DerWriter::new();
    key.sequence(|key| {
        key.integer(0);
        let numbers = [
            p * q,
            exponent.clone(),
            inverse(&exponent, &(&p_less * &q_less)),
            p.clone(),
            q.clone(),
            inverse(&exponent, &p_less),
            inverse(&exponent, &q_less),
            inverse(q, p),
        ];
        for number in numbers {
            // Signed, so that a first bit of 1 gets an octet before it.
            key.primitive(Tag::INTEGER, &BigInt::from(number).to_signed_bytes_be());
        }
    });
    let mut pkcs8 = DerWriter::new();
    pkcs8.sequence(|pkcs8| {
        pkcs8.integer(0);
        pkcs8.sequence(|algorithm| {
            algorithm.oid(RSA_ENCRYPTION);
            algorithm.primitive(Tag::NULL, &[]);
        });
        pkcs8.primitive(Tag::OCTET_STRING, key.as_slice());
    });
    pkcs8.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aws_lc_rs::signature::{self, KeyPair as _, RsaKeyPair, UnparsedPublicKey};

    use super::*;
    use crate::clock::randomness;

    #[test]
    fn every_pair_is_a_key_of_its_own_that_signs() {
        let primes = Primes::for_keys(10).unwrap();
        let (randomness, mut seen) = (randomness(), BTreeSet::new());
        for number in 0..10 {
            // It checks that all eight numbers belong together.
            let key = RsaKeyPair::from_pkcs8(&primes.key(number)).unwrap();
            assert_eq!(key.public_modulus_len(), 256);
            let mut signed = vec![0; 256];
            key.sign(&signature::RSA_PKCS1_SHA256, &*randomness, b"octets", &mut signed).unwrap();
            let public = key.public_key().as_ref().to_vec();
            let verifier = UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, &public);
            verifier.verify(b"octets", &signed).unwrap();
            assert!(seen.insert(public), "key {number} came before");
        }
    }
}

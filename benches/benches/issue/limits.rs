//! What figures are held against: the library's signatures alone, the store's commits alone, the disk's syncs alone.
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use akashi::clock::{monotonic, randomness};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use pki::algorithm::Algorithm;
use rocksdb::{DB, Options, WriteOptions};

use crate::figures::AT_ONCE;
use crate::machine::processor_time;

/// As long as what is signed of a person's certificate.
const TO_BE_SIGNED_OCTETS: usize = 1_000;

/// Processor time of one signature and two verifications, in microseconds. The keys that are verified with are read anew
/// each time, as a requester's key, which nobody has seen before, must be.
pub(crate) fn signature_and_verifications(algorithm: Algorithm, times: usize) -> f64 {
    let message = [0x5a; TO_BE_SIGNED_OCTETS];
    let randomness = randomness();
    match algorithm {
        Algorithm::Rsa2048Sha256 => {
            let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
            let sign = || {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &*randomness, &message, &mut signature).expect("it signs");
                signature
            };
            once_signed_twice_verified(sign, &RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref(), &message, times)
        }
        Algorithm::EcdsaP384Sha384 => {
            let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).expect("a key");
            let sign = || key.sign(&*randomness, &message).expect("it signs").as_ref().to_vec();
            once_signed_twice_verified(sign, &ECDSA_P384_SHA384_ASN1, key.public_key().as_ref(), &message, times)
        }
        Algorithm::Rsa3072Sha256 | Algorithm::EcdsaP256Sha256 => panic!("no bench issues for {}", algorithm.word()),
    }
}

fn once_signed_twice_verified(
    sign: impl Fn() -> Vec<u8>,
    verification: &'static dyn VerificationAlgorithm,
    public_key: &[u8],
    message: &[u8],
    times: usize,
) -> f64 {
    let started = processor_time();
    for _ in 0..times {
        let signature = black_box(sign());
        for _ in 0..2 {
            let public_key = UnparsedPublicKey::new(verification, black_box(public_key));
            public_key.verify(message, &signature).expect("it verifies");
        }
    }
    microseconds_each(processor_time() - started, times)
}

/// As long as the row of a revocation in the log.
const RECORD_OCTETS: usize = 150;

/// Bare RocksDB: synced commits of one record each, in a second, from as many threads as ask for revocations.
pub(crate) fn bare_commits_per_second(folder: &Path, commits: usize) -> f64 {
    let mut options = Options::default();
    options.create_if_missing(true);
    let store = DB::open(&options, folder).expect("a folder of its own");
    let next = AtomicUsize::new(0);
    let work = || {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= commits {
                return;
            }
            store.put_opt(number.to_be_bytes(), [0x5a; RECORD_OCTETS], &options).expect("a commit");
        }
    };
    let elapsed = monotonic();
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    let rate = per_second(commits, elapsed());
    drop(store);
    std::fs::remove_dir_all(folder).expect("a folder of its own");
    rate
}

/// A file grown by one record and synced, one after the other.
pub(crate) fn syncs_per_second(file: &Path, syncs: usize) -> f64 {
    let mut log = OpenOptions::new().create(true).append(true).open(file).expect("a file of its own");
    let elapsed = monotonic();
    for _ in 0..syncs {
        log.write_all(&[0x5a; RECORD_OCTETS]).and_then(|()| log.sync_data()).expect("a disk that syncs");
    }
    let rate = per_second(syncs, elapsed());
    std::fs::remove_file(file).expect("a file of its own");
    rate
}

/// Microseconds for each of so many, which took so many seconds.
pub(crate) fn microseconds_each(seconds: f64, of: usize) -> f64 {
    seconds * 1e6 / count(of)
}

/// How many in a second.
pub(crate) fn per_second(of: usize, time: Duration) -> f64 {
    count(of) / time.as_secs_f64()
}

fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).expect("far fewer"))
}

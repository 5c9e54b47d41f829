//! Many readers at once while one cut is flipped after the other: nobody ever holds CRLs of two cuts.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;

use axum::Router;
use axum::http::StatusCode;
use pki::algorithm::{PublicKey, sha256};
use pki::crl::CrlReader;
use pki::identity::Ca;
use tokio::runtime::{Builder, Runtime};

use super::fakes::*;
use super::serving::{get, routes};
use crate::manifest::{Manifest, ManifestFile, hex};
use crate::signing::ManifestSigner as _;

const READERS: u64 = 16;
const CUTS: i64 = 24;

/// One who pulls the whole country again and again.
struct Reader<'a> {
    runtime: Runtime,
    routes: Router,
    manifest_key: &'a PublicKey,
    /// The highest cRLNumber that any answer had so far.
    seen: u64,
}

impl Reader<'_> {
    fn get(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let answer = self.runtime.block_on(get(&self.routes, path));
        (answer.status, answer.body)
    }

    /// The cut that the manifest names, whole; `None` if three flips have taken it away meanwhile.
    fn pull(&mut self) -> Option<u64> {
        let (_, manifest) = self.get("/crl/manifest.json");
        let manifest = Manifest::verify(&manifest, self.manifest_key).expect("never a torn one");
        self.saw(manifest.cut_number);
        let mut held = BTreeMap::new();
        for file in &manifest.files {
            let (status, der) = self.get(&file.url);
            if status == StatusCode::NOT_FOUND {
                return None;
            }
            assert_eq!((der.len() as u64, hex(&sha256(&der))), (file.size, file.sha256.clone()), "{}", file.url);
            let crl_number = CrlReader::new(&der).unwrap().crl_number();
            assert_eq!(crl_number, manifest.cut_number, "{}", file.url);
            held.insert(file.url.clone(), der);
        }
        assert_eq!(held.len(), manifest.files.len());
        Some(manifest.cut_number)
    }

    /// The latest CRLs, one after the other. They change all at once, so that none is older than one before it.
    fn pull_latest(&mut self, files: &[ManifestFile]) {
        for ManifestFile { ca, key, partition, .. } in files {
            let (status, der) = self.get(&format!("/crl/{ca}/{key}/{partition}.crl"));
            assert_eq!(status, StatusCode::OK);
            self.saw(CrlReader::new(&der).unwrap().crl_number());
        }
    }

    fn saw(&mut self, crl_number: u64) {
        assert!(crl_number >= self.seen, "cut {} was there already, and here is cut {crl_number}", self.seen);
        self.seen = crl_number;
    }
}

#[test]
fn readers_hold_one_cut_each_while_cuts_are_flipped_one_after_the_other() {
    let world = World::new();
    let publisher = world.open();
    let first = jst("2026-11-22", 6, 55, 0);
    world.publish(&publisher, first).unwrap();
    let files = Manifest::read(publisher.published().load().current.as_ref().unwrap().manifest()).unwrap().files;
    let (done, pulled) = (AtomicBool::new(false), AtomicU64::new(0));
    let last = std::thread::scope(|scope| {
        let readers = (0..READERS).map(|_| {
            let mut reader = Reader {
                runtime: Builder::new_current_thread().build().unwrap(),
                routes: routes(&world, &publisher),
                manifest_key: world.manifest_signer.public_key(),
                seen: 1,
            };
            let (files, done, pulled) = (&files, &done, &pulled);
            scope.spawn(move || {
                loop {
                    // Looked at first, so that the last round is of the last cut.
                    let is_last = done.load(Ordering::SeqCst);
                    let whole = reader.pull();
                    pulled.fetch_add(whole.is_some().into(), Ordering::SeqCst);
                    reader.pull_latest(files);
                    if is_last {
                        return assert_eq!(whole, Some(reader.seen), "nothing takes the last cut away");
                    }
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        // One that ends now has found something.
        let all_read = || !readers.iter().any(ScopedJoinHandle::is_finished);
        let mut last = 1;
        for number in 1..=CUTS {
            world.ledger.revoke(Ca::Sign, number.unsigned_abs(), KIYOSE, "2030-03-31");
            last = world.publish(&publisher, first.plus_seconds(number)).unwrap().cut_number;
            // Every few cuts the readers come to an end of a round, or this would only show that they are too slow.
            let before = pulled.load(Ordering::SeqCst);
            while number % 3 == 0 && all_read() && pulled.load(Ordering::SeqCst) < before + READERS {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::SeqCst);
        last
    });
    assert_eq!(last, 1 + CUTS.unsigned_abs());
    assert!(pulled.into_inner() >= READERS * 8);
}

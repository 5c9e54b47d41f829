//! Many threads at once.
use std::sync::Barrier;

use hsm_mock::{SecretPurpose, Token, TokenError};
use pki::algorithm::Algorithm;

use crate::{Scene, label};

#[test]
fn many_threads_sign_while_keys_are_made_and_destroyed() {
    let scene = Scene::new();
    let token = scene.create();
    let token: &dyn Token = &token;
    let public_key = token.generate_signing_key(&label("ca"), Algorithm::Rsa2048Sha256).unwrap();
    let start = Barrier::new(9);
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let (start, public_key) = (&start, &public_key);
            scope.spawn(move || {
                start.wait();
                for round in 0..20_u8 {
                    let signature = token.sign(&label("ca"), &[thread, round]).unwrap();
                    public_key.verify(&[thread, round], &signature).unwrap();
                }
            });
        }
        start.wait();
        for round in 0..10 {
            let label = label(&format!("wrap-{round}"));
            token.generate_secret_key(&label, SecretPurpose::Wrap).unwrap();
            token.destroy(&label).unwrap();
        }
    });
}

#[test]
fn of_many_threads_that_make_the_same_key_one_succeeds() {
    let scene = Scene::new();
    let token = scene.create();
    let start = Barrier::new(8);
    let made = std::thread::scope(|scope| {
        let makers = [(); 8].map(|()| {
            scope.spawn(|| {
                start.wait();
                token.generate_signing_key(&label("a"), Algorithm::EcdsaP256Sha256)
            })
        });
        makers.map(|maker| maker.join().unwrap())
    });
    let (successes, refusals): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!(successes.len(), 1);
    assert!(refusals.iter().all(|refusal| matches!(refusal, Err(TokenError::KeyExists { .. }))));
    let stored = token.public_key(&label("a")).unwrap();
    assert!(successes[0].as_ref().is_ok_and(|public_key| *public_key == stored));
}

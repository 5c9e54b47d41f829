//! A token that fails at the call a test names.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use pki::algorithm::{Algorithm, PublicKey};
use pki::message::MessageDigest;
use zeroize::Zeroizing;

use crate::error::TokenError;
use crate::label::KeyLabel;
use crate::token::{Operation, SecretPurpose, Token};

/// How a call fails. Either way the caller sees [`TokenError::Failed`]; it cannot tell, as with a device that is lost on
/// the way there or on the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing was done.
    NotDone,
    /// It was done, and the answer lost.
    DoneButReportedFailed,
}

/// Passes every call on to the token inside, except those it was told to fail, and counts them.
pub struct FaultyToken<T> {
    inner: T,
    plan: Mutex<Plan>,
    away: RwLock<Option<Away>>,
    wrong_signatures: AtomicU32,
}

/// Says whether a call fails.
type Away = Box<dyn Fn(Operation) -> bool + Send + Sync>;

#[derive(Default)]
struct Plan {
    calls: BTreeMap<Operation, u64>,
    faults: BTreeMap<(Operation, u64), Fault>,
}

impl<T: Token> FaultyToken<T> {
    /// Fails nothing yet.
    pub fn new(inner: T) -> Self {
        Self { inner, plan: Mutex::default(), away: RwLock::default(), wrong_signatures: AtomicU32::new(0) }
    }

    /// Lets one call fail: the `call`th of that operation since this was made, the first being 1.
    pub fn fail(&self, operation: Operation, call: u64, fault: Fault) {
        self.plan().faults.insert((operation, call), fault);
    }

    /// Lets the next call of that operation fail.
    pub fn fail_next(&self, operation: Operation, fault: Fault) {
        let next = self.calls(operation) + 1;
        self.fail(operation, next, fault);
    }

    /// Lets every call fail, undone, for which the condition holds. It is asked in the caller's thread, so one that waits makes
    /// a token that does not answer.
    pub fn fail_while(&self, condition: impl Fn(Operation) -> bool + Send + Sync + 'static) {
        *self.away.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(condition));
    }

    /// Lets the next so many signatures be reported as made, and be none: their last octet is altered.
    pub fn sign_wrongly(&self, calls: u32) {
        self.wrong_signatures.store(calls, Ordering::SeqCst);
    }

    /// How often that operation was called, failures included.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.plan().calls.get(&operation).copied().unwrap_or(0)
    }

    /// The token inside, for which nothing is counted or failed.
    pub const fn inner(&self) -> &T {
        &self.inner
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_fault(&self, operation: Operation) -> Option<Fault> {
        let mut plan = self.plan();
        let calls = plan.calls.entry(operation).or_default();
        *calls += 1;
        let call = *calls;
        plan.faults.remove(&(operation, call))
    }

    fn run<Answer>(
        &self,
        operation: Operation,
        call: impl FnOnce(&T) -> Result<Answer, TokenError>,
    ) -> Result<Answer, TokenError> {
        let away = self.away.read().unwrap_or_else(PoisonError::into_inner);
        let is_away = away.as_ref().is_some_and(|is_away| is_away(operation));
        drop(away);
        match self.next_fault(operation) {
            _ if is_away => Err(TokenError::Failed { operation }),
            None => call(&self.inner),
            Some(Fault::NotDone) => Err(TokenError::Failed { operation }),
            // What the token itself refuses is refused; only a success turns into a failure.
            Some(Fault::DoneButReportedFailed) => call(&self.inner).and(Err(TokenError::Failed { operation })),
        }
    }
}

impl<T: Token> Token for FaultyToken<T> {
    fn generate_signing_key(&self, label: &KeyLabel, algorithm: Algorithm) -> Result<PublicKey, TokenError> {
        self.run(Operation::GenerateSigningKey, |token| token.generate_signing_key(label, algorithm))
    }

    fn generate_secret_key(&self, label: &KeyLabel, purpose: SecretPurpose) -> Result<(), TokenError> {
        self.run(Operation::GenerateSecretKey, |token| token.generate_secret_key(label, purpose))
    }

    fn public_key(&self, label: &KeyLabel) -> Result<PublicKey, TokenError> {
        self.run(Operation::PublicKey, |token| token.public_key(label))
    }

    fn labels(&self) -> Result<Vec<KeyLabel>, TokenError> {
        self.run(Operation::Labels, Token::labels)
    }

    /// A test may make it wait.
    fn signs_in_memory(&self) -> bool {
        false
    }

    fn sign(&self, label: &KeyLabel, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let mut signature = self.run(Operation::Sign, |token| token.sign(label, message))?;
        let wrong = self.wrong_signatures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if let (Ok(_), Some(last)) = (wrong, signature.last_mut()) {
            *last ^= 1;
        }
        Ok(signature)
    }

    fn sign_digest(&self, label: &KeyLabel, digest: &MessageDigest) -> Result<Vec<u8>, TokenError> {
        self.run(Operation::SignDigest, |token| token.sign_digest(label, digest))
    }

    fn wrap(&self, label: &KeyLabel, plaintext: &[u8], context: &[u8]) -> Result<Vec<u8>, TokenError> {
        self.run(Operation::Wrap, |token| token.wrap(label, plaintext, context))
    }

    fn unwrap(&self, label: &KeyLabel, wrapped: &[u8], context: &[u8]) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        self.run(Operation::Unwrap, |token| token.unwrap(label, wrapped, context))
    }

    fn mac(&self, label: &KeyLabel, message: &[u8]) -> Result<[u8; 32], TokenError> {
        self.run(Operation::Mac, |token| token.mac(label, message))
    }

    fn destroy(&self, label: &KeyLabel) -> Result<(), TokenError> {
        self.run(Operation::Destroy, |token| token.destroy(label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pin, PinCost, SoftToken};
    use std::sync::Arc;

    #[expect(clippy::disallowed_methods, reason = "a test has no binary to give it randomness")]
    fn faulty() -> (tempfile::TempDir, FaultyToken<SoftToken>) {
        let folder = tempfile::tempdir().unwrap();
        let pin = Pin::new(b"12345678").unwrap();
        let randomness = Arc::new(aws_lc_rs::rand::SystemRandom::new());
        let token = SoftToken::create(&folder.path().join("token"), &pin, PinCost::WEAK_FOR_TESTS, randomness).unwrap();
        (folder, FaultyToken::new(token))
    }

    fn failed<Answer>(result: &Result<Answer, TokenError>, expected: Operation) -> bool {
        matches!(result, Err(TokenError::Failed { operation }) if *operation == expected)
    }

    #[test]
    fn the_named_call_fails_and_the_others_do_not() {
        let (_folder, token) = faulty();
        let label = KeyLabel::new("a").unwrap();
        token.generate_signing_key(&label, Algorithm::EcdsaP256Sha256).unwrap();
        token.fail(Operation::Sign, 2, Fault::NotDone);
        assert!(token.sign(&label, b"x").is_ok());
        assert!(token.mac(&label, b"x").is_err_and(|error| matches!(error, TokenError::WrongUse { .. })));
        assert!(failed(&token.sign(&label, b"x"), Operation::Sign));
        assert!(token.sign(&label, b"x").is_ok());
        assert_eq!(
            (token.calls(Operation::Sign), token.calls(Operation::Mac), token.calls(Operation::Wrap)),
            (3, 1, 0)
        );
    }

    #[test]
    fn while_it_is_away_every_call_fails_that_it_is_away_for() {
        let (_folder, token) = faulty();
        let label = KeyLabel::new("a").unwrap();
        token.generate_signing_key(&label, Algorithm::EcdsaP256Sha256).unwrap();
        let away = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let is_away = Arc::clone(&away);
        token.fail_while(move |operation| {
            operation == Operation::Sign && is_away.load(std::sync::atomic::Ordering::SeqCst)
        });
        assert!(failed(&token.sign(&label, b"x"), Operation::Sign));
        assert!(failed(&token.sign(&label, b"x"), Operation::Sign));
        assert!(token.public_key(&label).is_ok());
        away.store(false, std::sync::atomic::Ordering::SeqCst);
        assert!(token.sign(&label, b"x").is_ok());
    }

    #[test]
    fn a_lost_call_did_nothing_and_a_lost_answer_did_it() {
        let (_folder, token) = faulty();
        let (lost, landed) = (KeyLabel::new("lost").unwrap(), KeyLabel::new("landed").unwrap());
        token.fail_next(Operation::GenerateSecretKey, Fault::NotDone);
        assert!(failed(&token.generate_secret_key(&lost, SecretPurpose::Mac), Operation::GenerateSecretKey));
        token.fail_next(Operation::GenerateSecretKey, Fault::DoneButReportedFailed);
        assert!(failed(&token.generate_secret_key(&landed, SecretPurpose::Mac), Operation::GenerateSecretKey));
        assert_eq!(token.inner().labels().unwrap(), std::slice::from_ref(&landed));
        token.fail_next(Operation::Destroy, Fault::DoneButReportedFailed);
        assert!(failed(&token.destroy(&landed), Operation::Destroy));
        assert_eq!(token.labels().unwrap(), []);
    }

    #[test]
    fn it_stands_wherever_a_token_does() {
        let (_folder, token) = faulty();
        token.fail_next(Operation::Labels, Fault::NotDone);
        let token: Box<dyn Token> = Box::new(token);
        assert!(failed(&token.labels(), Operation::Labels));
    }
}

//! Random octets that stand for a sealed part where a row has none, drawn many at a time: asking for each anew costs more
//! than hashing the row.
use std::cell::RefCell;

use aws_lc_rs::rand::SecureRandom;

use crate::store::RegistryError;

/// Drawn at once.
const DRAWN: usize = 128;

/// One for a row.
pub(crate) type Blind = [u8; 32];

/// What was drawn and not used yet. Each is used once.
#[derive(Default)]
pub(crate) struct Blinds(RefCell<Vec<Blind>>);

impl Blinds {
    pub(crate) fn take(&self, randomness: &dyn SecureRandom) -> Result<Blind, RegistryError> {
        let mut blinds = self.0.borrow_mut();
        if blinds.is_empty() {
            let mut drawn = vec![[0; 32]; DRAWN];
            let octets = drawn.as_flattened_mut();
            randomness.fill(octets).map_err(|_| RegistryError::Illegal("no randomness for the commitment"))?;
            *blinds = drawn;
        }
        Ok(blinds.pop().expect("some were drawn"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::seal::tests::randomness;

    #[test]
    fn none_is_used_twice() {
        let (blinds, randomness) = (Blinds::default(), randomness());
        let taken: BTreeSet<Blind> = (0..3 * DRAWN).map(|_| blinds.take(&randomness).unwrap()).collect();
        assert_eq!(taken.len(), 3 * DRAWN);
        assert!(!taken.contains(&[0; 32]));
    }
}

//! Messages hashed piece by piece, for what is too long to hold whole: a CRL of the whole country.
use aws_lc_rs::digest;

use crate::algorithm::Algorithm;

/// Hashes a message as the key that signs it, or has signed it, needs it.
#[derive(Clone)]
pub struct MessageHasher {
    algorithm: Algorithm,
    context: digest::Context,
}

/// The digest of a message. Only [`MessageHasher`] makes one, so a token never signs 32 octets of unknown meaning.
#[derive(Clone, Copy)]
pub struct MessageDigest {
    algorithm: Algorithm,
    digest: digest::Digest,
}

impl PartialEq for MessageDigest {
    fn eq(&self, other: &Self) -> bool {
        (self.algorithm, self.octets()) == (other.algorithm, other.octets())
    }
}

impl Eq for MessageDigest {}

impl MessageHasher {
    /// Begins a message for a key of that algorithm.
    pub fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, context: digest::Context::new(digest_algorithm(algorithm)) }
    }

    /// Adds the message's next octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.context.update(octets);
    }

    /// Ends the message.
    #[must_use]
    pub fn finish(self) -> MessageDigest {
        MessageDigest { algorithm: self.algorithm, digest: self.context.finish() }
    }
}

impl MessageDigest {
    /// The algorithm of the key that the message was hashed for.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest's octets: 32 for SHA-256, 48 for SHA-384.
    pub fn octets(&self) -> &[u8] {
        self.digest.as_ref()
    }

    /// The digest as AWS-LC takes it.
    pub const fn as_digest(&self) -> &digest::Digest {
        &self.digest
    }
}

impl std::fmt::Debug for MessageHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MessageHasher({})", self.algorithm.word())
    }
}

impl std::fmt::Debug for MessageDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MessageDigest({})", self.algorithm.word())
    }
}

fn digest_algorithm(algorithm: Algorithm) -> &'static digest::Algorithm {
    match algorithm {
        Algorithm::Rsa2048Sha256 | Algorithm::Rsa3072Sha256 | Algorithm::EcdsaP256Sha256 => &digest::SHA256,
        Algorithm::EcdsaP384Sha384 => &digest::SHA384,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Digest;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_message_in_pieces_has_the_digest_of_the_whole(pieces: Vec<Vec<u8>>) {
            let digests = [Digest::Sha256, Digest::Sha256, Digest::Sha256, Digest::Sha384];
            for (algorithm, digest) in Algorithm::ALL.into_iter().zip(digests) {
                let mut hasher = MessageHasher::new(algorithm);
                for piece in &pieces {
                    hasher.update(piece);
                }
                let finished = hasher.finish();
                prop_assert_eq!(finished.octets(), digest.of(&pieces.concat()));
            }
        }
    }
}

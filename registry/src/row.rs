//! One event as it is stored.
use minicbor::{Decode, Encode};
use pki::time::UnixTime;

use crate::codec;
use crate::event::{Actor, Door, Event};
use crate::merkle::Hash;
use crate::seal::Sealed;

/// The part of a row that anyone who may read the log may read.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Open {
    /// When: assigned by the writer, never decreasing.
    #[cbor(n(0), with = "codec::time")]
    pub time: UnixTime,
    /// Who.
    #[n(1)]
    pub actor: Actor,
    /// Through which door.
    #[n(2)]
    pub door: Door,
    /// What.
    #[n(3)]
    pub event: Event,
}

/// What most open parts fit into.
const OPEN_OCTETS: usize = 256;

/// In CBOR. Made at its size at once: what grows is copied again and again.
pub(crate) fn to_octets(record: &impl Encode<()>, about: usize) -> Vec<u8> {
    let mut octets = Vec::with_capacity(about);
    minicbor::encode(record, &mut octets).expect("writing to memory does not fail");
    octets
}

/// A stored row.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Row {
    /// [`Open`] in CBOR: the very octets that the leaf hash covers.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub open: Vec<u8>,
    /// Of the sealed part; of a row without one, 32 random octets. Either way nobody who sees only leaf hashes can
    /// check a guess about the row.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub commitment: [u8; 32],
    /// The RFC 6962 leaf hash.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub leaf_hash: Hash,
    /// Personal data, sealed.
    #[n(3)]
    pub sealed: Option<Sealed>,
}

impl Row {
    /// The row of that number with its leaf hash.
    pub fn new(number: u64, open: &Open, sealed: Option<Sealed>, blind: [u8; 32]) -> Self {
        let open = to_octets(open, OPEN_OCTETS);
        let commitment = sealed.as_ref().map_or(blind, Sealed::commitment);
        let leaf_hash = leaf_hash(number, &open, &commitment);
        Self { open, commitment, leaf_hash, sealed }
    }

    /// No fewer than the row is stored in.
    pub(crate) fn octets_at_most(&self) -> usize {
        /// The two hashes, the year, and CBOR's heads.
        const BESIDE_OCTETS: usize = 144;
        let sealed = self.sealed.as_ref().map_or(0, Sealed::octets);
        self.open.len() + sealed + BESIDE_OCTETS
    }

    /// The open part, decoded.
    pub fn decode(&self) -> Result<Open, minicbor::decode::Error> {
        minicbor::decode(&self.open)
    }

    /// The leaf hash and the sealed part's commitment are those of this row at that number.
    pub fn is_consistent(&self, number: u64) -> bool {
        let committed = self.sealed.as_ref().is_none_or(|sealed| sealed.commitment() == self.commitment);
        committed && self.leaf_hash == leaf_hash(number, &self.open, &self.commitment)
    }
}

/// HASH(0x00 || entry) (RFC 6962 §2.1), where the entry is a version octet, the row's number, its open part and its
/// commitment.
fn leaf_hash(number: u64, open: &[u8], commitment: &[u8; 32]) -> Hash {
    let mut octets = Vec::with_capacity(open.len() + 46);
    octets.extend_from_slice(&[0, 1]);
    octets.extend_from_slice(&number.to_be_bytes());
    octets.extend_from_slice(&u32::try_from(open.len()).expect("an event is far below 4 GiB").to_be_bytes());
    octets.extend_from_slice(open);
    octets.extend_from_slice(commitment);
    pki::algorithm::sha256(&octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::tests::{PlainVault, seal};

    #[test]
    fn any_altered_octet_of_a_row_shows() {
        let open = Open {
            time: UnixTime::from_seconds(1_795_000_000),
            actor: Actor::System,
            door: Door::Inside,
            event: Event::Refused { problem: "impossible-date".to_owned() },
        };
        let vault = PlainVault { forgotten: None };
        let sealed = seal(&vault, "p", b"secret");
        let row = Row::new(7, &open, Some(sealed), [9; 32]);
        assert!(row.is_consistent(7) && !row.is_consistent(8));
        assert_eq!(row.decode().unwrap(), open);
        for at in 0..row.open.len() {
            let mut altered = row.clone();
            altered.open[at] ^= 1;
            assert!(!altered.is_consistent(7), "octet {at}");
        }
        let other = seal(&vault, "p", b"secret");
        assert!(!Row { sealed: Some(other), ..row }.is_consistent(7));
    }
}

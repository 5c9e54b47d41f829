//! The right edge of an RFC 6962 Merkle tree: all that is needed to append a leaf and to know the root.
use minicbor::{Decode, Encode};

/// A node's SHA-256.
pub type Hash = [u8; 32];

/// The roots of the perfect subtrees that make up the tree, largest first: one for each bit set in `size`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct TreeEdge {
    #[n(0)]
    size: u64,
    #[cbor(n(1), with = "hashes")]
    nodes: Vec<Hash>,
}

impl TreeEdge {
    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash.
    pub fn append(&mut self, leaf: Hash) {
        let mut node = leaf;
        // A subtree of the same height stands left of the new one wherever the old size has a bit set.
        for _ in 0..self.size.trailing_ones() {
            let left = self.nodes.pop().expect("one node for each bit set in size");
            node = node_hash(&left, &node);
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// MTH of the tree (RFC 6962 §2.1); of the empty tree, the hash of nothing.
    pub fn root(&self) -> Hash {
        let Some((last, left)) = self.nodes.split_last() else { return pki::algorithm::sha256(&[]) };
        left.iter().rev().fold(*last, |right, left| node_hash(left, &right))
    }

    /// The edge is one that appending can have made.
    pub fn is_well_formed(&self) -> bool {
        self.nodes.len() == self.size.count_ones() as usize
    }
}

/// HASH(0x01 || left || right) (RFC 6962 §2.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut octets = [1; 65];
    octets[1..33].copy_from_slice(left);
    octets[33..].copy_from_slice(right);
    pki::algorithm::sha256(&octets)
}

mod hashes {
    use super::Hash;
    use minicbor::decode::Error as DecodeError;
    use minicbor::encode::{Error as EncodeError, Write};
    use minicbor::{Decoder, Encoder};

    pub(super) fn encode<C, W: Write>(
        nodes: &[Hash],
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        encoder.bytes(nodes.as_flattened()).map(|_| ())
    }

    pub(super) fn decode<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<Vec<Hash>, DecodeError> {
        let (nodes, rest) = decoder.bytes()?.as_chunks();
        if rest.is_empty() { Ok(nodes.to_vec()) } else { Err(DecodeError::message("hashes are 32 octets each")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962 §2.1, word for word.
    fn mth(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => pki::algorithm::sha256(&[]),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(&mth(&leaves[..split]), &mth(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_edge_has_the_root_of_the_definition_at_every_size() {
        let leaves: Vec<Hash> = (0_u8..200).map(|number| pki::algorithm::sha256(&[0, number])).collect();
        let mut edge = TreeEdge::default();
        for size in 0..=leaves.len() {
            assert_eq!(edge.root(), mth(&leaves[..size]), "size {size}");
            assert!(edge.is_well_formed());
            let stored = minicbor::to_vec(&edge).unwrap();
            assert_eq!(minicbor::decode::<TreeEdge>(&stored).unwrap(), edge);
            if let Some(leaf) = leaves.get(size) {
                edge.append(*leaf);
            }
        }
    }
}

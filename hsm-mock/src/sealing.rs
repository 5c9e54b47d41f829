//! The two kinds of file, both CBOR `[magic, format, …]`. Pure: octets in, octets out.
//!
//! | file | fields after the format | sealed with | authenticated besides |
//! |---|---|---|---|
//! | `token.header` | memory_kib, iterations, lanes, salt, sealed master key | Argon2id of the PIN | all fields before |
//! | `LABEL.key` | label, kind, sealed key | the master key | all fields before |
//!
//! The master key is random and the token's own, so a key file opens in no other token; the label is authenticated, so
//! it opens under no other name.
use std::convert::Infallible;

use argon2::{Argon2, Block, Params, Version};
use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SecureRandom;
use minicbor::bytes::ByteArray;
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::Encoder;
use zeroize::Zeroizing;

use crate::aead;
use crate::label::KeyLabel;
use crate::pin::{Pin, PinCost};
use crate::token::KeyKind;

/// The only format so far.
const FORMAT: u16 = 1;
const HEADER_MAGIC: &str = "akashi soft token";
const HEADER_FIELDS: u64 = 7;
const KEY_MAGIC: &str = "akashi soft token key";
const KEY_FIELDS: u64 = 5;
const SALT_OCTETS: usize = 16;

/// Why a file's octets do not open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unsealable {
    /// Not this kind of file, or torn.
    Malformed,
    /// A format of another version.
    UnknownFormat(u16),
    /// The seal does not hold: another PIN or token, or altered.
    NotAuthentic,
    /// The key of another label.
    Renamed(KeyLabel),
}

impl From<DecodeError> for Unsealable {
    fn from(_: DecodeError) -> Self {
        Self::Malformed
    }
}

/// The key that seals all others.
pub(crate) struct MasterKey(LessSafeKey);

impl MasterKey {
    /// A new master key, and the header that keeps it under the PIN.
    pub(crate) fn generate(
        pin: &Pin,
        cost: PinCost,
        randomness: &dyn SecureRandom,
    ) -> Result<(Self, Vec<u8>), Unspecified> {
        let mut salt = [0; SALT_OCTETS];
        randomness.fill(&mut salt)?;
        let octets = aead::random_key(randomness)?;
        let fields = header_fields(cost, &salt);
        let pin_key = aead::key(&*stretch(pin, cost, &salt)?)?;
        let sealed = aead::seal(&pin_key, randomness, &fields, &*octets)?;
        Ok((Self(aead::key(&*octets)?), with_sealed(fields, &sealed)))
    }

    /// The master key of a header, if the PIN is its PIN. Blocks for as long as the header's cost says.
    pub(crate) fn open(header: &[u8], pin: &Pin) -> Result<Self, Unsealable> {
        let mut decoder = file_of(header, HEADER_MAGIC, HEADER_FIELDS)?;
        let (memory_kib, iterations, lanes) = (decoder.u32()?, decoder.u32()?, decoder.u32()?);
        let cost = PinCost::new(memory_kib, iterations, lanes).ok_or(Unsealable::Malformed)?;
        let salt: ByteArray<SALT_OCTETS> = decoder.decode()?;
        let fields = &header[..decoder.position()];
        let sealed = last_octets(&mut decoder)?;
        let not_authentic = |_| Unsealable::NotAuthentic;
        let pin_key = stretch(pin, cost, &salt).and_then(|octets| aead::key(&*octets)).map_err(not_authentic)?;
        let octets = aead::open(&pin_key, fields, sealed).map_err(not_authentic)?;
        aead::key(&octets).map(Self).map_err(not_authentic)
    }

    /// A key file.
    pub(crate) fn seal_key(
        &self,
        label: &KeyLabel,
        kind: KeyKind,
        material: &[u8],
        randomness: &dyn SecureRandom,
    ) -> Result<Vec<u8>, Unspecified> {
        let fields = key_fields(label, kind);
        let sealed = aead::seal(&self.0, randomness, &fields, material)?;
        Ok(with_sealed(fields, &sealed))
    }

    /// What is in the key file of that label.
    pub(crate) fn open_key(&self, label: &KeyLabel, file: &[u8]) -> Result<(KeyKind, Zeroizing<Vec<u8>>), Unsealable> {
        let mut decoder = file_of(file, KEY_MAGIC, KEY_FIELDS)?;
        let holds = KeyLabel::new(decoder.str()?).map_err(|_| Unsealable::Malformed)?;
        let kind = KeyKind::from_word(decoder.str()?).ok_or(Unsealable::Malformed)?;
        let fields = &file[..decoder.position()];
        let sealed = last_octets(&mut decoder)?;
        let material = aead::open(&self.0, fields, sealed).map_err(|_| Unsealable::NotAuthentic)?;
        // Only now is the label inside known to be ours and not a lie.
        if holds == *label { Ok((kind, material)) } else { Err(Unsealable::Renamed(holds)) }
    }
}

/// The PIN made into a key, slowly (RFC 9106).
fn stretch(
    pin: &Pin,
    cost: PinCost,
    salt: &[u8; SALT_OCTETS],
) -> Result<Zeroizing<[u8; aead::KEY_OCTETS]>, Unspecified> {
    let params = Params::new(cost.memory_kib(), cost.iterations(), cost.lanes(), Some(aead::KEY_OCTETS))
        .map_err(|_| Unspecified)?;
    // Our own memory, because the crate does not wipe its own, and the key can be computed from the last blocks.
    let mut memory = Zeroizing::new(vec![Block::new(); params.block_count()]);
    let mut octets = Zeroizing::new([0; aead::KEY_OCTETS]);
    Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(pin.octets(), salt, &mut *octets, memory.as_mut_slice())
        .map_err(|_| Unspecified)?;
    Ok(octets)
}

type Encoded = Result<(), minicbor::encode::Error<Infallible>>;

/// The octets that `write` puts after those given.
fn encode_after(octets: Vec<u8>, write: impl FnOnce(&mut Encoder<Vec<u8>>) -> Encoded) -> Vec<u8> {
    let mut encoder = Encoder::new(octets);
    write(&mut encoder).expect("writing to a vector cannot fail");
    encoder.into_writer()
}

fn header_fields(cost: PinCost, salt: &[u8; SALT_OCTETS]) -> Vec<u8> {
    encode_after(Vec::new(), |encoder| {
        encoder.array(HEADER_FIELDS)?.str(HEADER_MAGIC)?.u16(FORMAT)?;
        encoder.u32(cost.memory_kib())?.u32(cost.iterations())?.u32(cost.lanes())?.bytes(salt)?.ok()
    })
}

fn key_fields(label: &KeyLabel, kind: KeyKind) -> Vec<u8> {
    encode_after(Vec::new(), |encoder| {
        encoder.array(KEY_FIELDS)?.str(KEY_MAGIC)?.u16(FORMAT)?.str(label.as_str())?.str(kind.word())?.ok()
    })
}

fn with_sealed(fields: Vec<u8>, sealed: &[u8]) -> Vec<u8> {
    encode_after(fields, |encoder| encoder.bytes(sealed)?.ok())
}

/// A decoder past the magic and the format.
fn file_of<'file>(file: &'file [u8], magic: &str, fields: u64) -> Result<Decoder<'file>, Unsealable> {
    let mut decoder = Decoder::new(file);
    let found = decoder.array()?;
    if decoder.str()? != magic {
        return Err(Unsealable::Malformed);
    }
    match decoder.u16()? {
        FORMAT if found == Some(fields) => Ok(decoder),
        FORMAT => Err(Unsealable::Malformed),
        other => Err(Unsealable::UnknownFormat(other)),
    }
}

/// The last field; nothing may follow it.
fn last_octets<'file>(decoder: &mut Decoder<'file>) -> Result<&'file [u8], Unsealable> {
    let octets = decoder.bytes()?;
    if decoder.position() == decoder.input().len() { Ok(octets) } else { Err(Unsealable::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use pki::algorithm::Algorithm;
    use proptest::prelude::*;

    const KIND: KeyKind = KeyKind::Signing(Algorithm::EcdsaP256Sha256);

    #[expect(clippy::disallowed_methods, reason = "a test has no binary to give it randomness")]
    fn randomness() -> SystemRandom {
        SystemRandom::new()
    }

    fn pin(text: &str) -> Pin {
        Pin::new(text.as_bytes()).unwrap()
    }

    fn label(text: &str) -> KeyLabel {
        KeyLabel::new(text).unwrap()
    }

    fn new_token() -> (MasterKey, Vec<u8>) {
        MasterKey::generate(&pin("12345678"), PinCost::WEAK_FOR_TESTS, &randomness()).unwrap()
    }

    fn contains(octets: &[u8], part: &[u8]) -> bool {
        octets.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn a_header_opens_with_its_pin_alone() {
        let (master_key, header) = new_token();
        let file = master_key.seal_key(&label("a"), KIND, b"secret", &randomness()).unwrap();
        let opened = MasterKey::open(&header, &pin("12345678")).unwrap();
        assert_eq!(*opened.open_key(&label("a"), &file).unwrap().1, b"secret");
        for wrong in ["12345679", "123456789", "12345678\n"] {
            assert_eq!(MasterKey::open(&header, &pin(wrong)).err(), Some(Unsealable::NotAuthentic));
        }
    }

    #[test]
    fn no_changed_cut_or_extended_header_opens() {
        let (_, header) = new_token();
        for index in 0..header.len() {
            for bit in [0x01, 0x80] {
                let mut changed = header.clone();
                changed[index] ^= bit;
                assert!(MasterKey::open(&changed, &pin("12345678")).is_err(), "octet {index}");
            }
            assert_eq!(MasterKey::open(&header[..index], &pin("12345678")).err(), Some(Unsealable::Malformed));
        }
        assert_eq!(
            MasterKey::open(&[&header[..], b"\0"].concat(), &pin("12345678")).err(),
            Some(Unsealable::Malformed)
        );
    }

    #[test]
    fn a_header_that_asks_for_too_much_memory_is_refused_before_any_is_taken() {
        let cost = PinCost::new(1_048_576, 1, 1).unwrap();
        let mut fields = header_fields(cost, &[0; SALT_OCTETS]);
        let memory = 1_048_576_u32.to_be_bytes();
        let at = fields.windows(4).position(|window| window == memory).unwrap();
        fields[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        let header = with_sealed(fields, &[0; 60]);
        assert_eq!(MasterKey::open(&header, &pin("12345678")).err(), Some(Unsealable::Malformed));
    }

    #[test]
    fn a_file_of_a_later_format_is_told_apart_from_a_torn_one() {
        let (master_key, _) = new_token();
        let later = encode_after(Vec::new(), |encoder| encoder.array(2)?.str(KEY_MAGIC)?.u16(2)?.ok());
        let refusal = master_key.open_key(&label("a"), &later).err();
        assert_eq!(refusal, Some(Unsealable::UnknownFormat(2)));
    }

    #[test]
    fn the_key_of_one_token_does_not_open_in_another_with_the_same_pin() {
        let ((one, _), (other, _)) = (new_token(), new_token());
        let file = one.seal_key(&label("a"), KIND, b"secret", &randomness()).unwrap();
        assert_eq!(other.open_key(&label("a"), &file).err(), Some(Unsealable::NotAuthentic));
    }

    #[test]
    fn a_key_opens_under_its_own_label_and_kind_alone() {
        let (master_key, _) = new_token();
        let file = master_key.seal_key(&label("wrap-2031"), KIND, b"secret", &randomness()).unwrap();
        let refusal = master_key.open_key(&label("wrap-2032"), &file).err();
        assert_eq!(refusal, Some(Unsealable::Renamed(label("wrap-2031"))));
        // Somebody who edits the label, or the kind, to what is wanted breaks the seal.
        let sealed = &file[key_fields(&label("wrap-2031"), KIND).len()..];
        let mac = KeyKind::Secret(crate::token::SecretPurpose::Mac);
        for (label, fields) in [
            (label("wrap-2032"), key_fields(&label("wrap-2032"), KIND)),
            (label("wrap-2031"), key_fields(&label("wrap-2031"), mac)),
        ] {
            let edited = [&fields[..], sealed].concat();
            assert_eq!(master_key.open_key(&label, &edited).err(), Some(Unsealable::NotAuthentic));
        }
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_and_does_not_show(material in prop::collection::vec(any::<u8>(), 16..3_000)) {
            let (master_key, header) = new_token();
            let file = master_key.seal_key(&label("a"), KIND, &material, &randomness()).unwrap();
            let (kind, opened) = master_key.open_key(&label("a"), &file).unwrap();
            prop_assert_eq!(kind, KIND);
            prop_assert_eq!(&*opened, &material);
            for part in material.chunks_exact(16) {
                prop_assert!(!contains(&file, part) && !contains(&header, part));
            }
        }

        #[test]
        fn a_key_file_with_any_octet_changed_does_not_open(index: prop::sample::Index, change in 1..=255_u8) {
            let (master_key, _) = new_token();
            let mut file = master_key.seal_key(&label("a"), KIND, b"a secret", &randomness()).unwrap();
            let index = index.index(file.len());
            file[index] ^= change;
            prop_assert!(master_key.open_key(&label("a"), &file).is_err());
        }

        #[test]
        fn arbitrary_octets_are_refused_without_a_panic(octets: Vec<u8>) {
            let (master_key, _) = new_token();
            prop_assert!(master_key.open_key(&label("a"), &octets).is_err());
            prop_assert!(MasterKey::open(&octets, &pin("12345678")).is_err());
        }
    }
}

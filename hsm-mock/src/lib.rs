//! A software token: unlike a real device it holds its keys in this process's memory and in sealed files, so whoever
//! controls the process, or has the files and the PIN, has the keys.
//!
//! Everything else in Akashi reaches keys through [`Token`] alone; a PKCS#11 device goes behind the same trait.
//! 1. A key is made inside, used inside by its [`KeyLabel`], and destroyed. No method returns private octets.
//! 2. Each kind of key does one thing: a signing key signs, a wrapping key wraps, a MAC key authenticates.
//! 3. A key is on disk, synced, before its making is reported; a file is replaced whole, never edited.
//!
//! | module | what it holds |
//! |---|---|
//! | [`token`] | the seam: [`Token`], [`SecretPurpose`], [`KeyKind`], [`Operation`] |
//! | [`label`] | names of keys |
//! | [`pin`] | the PIN, how it is read, and what guessing one costs |
//! | [`soft`] | [`SoftToken`], the token in software |
//! | `key`, `sealing`, `aead` | a key ready for use; how the header and key files are sealed; AES-256-GCM |
//! | `directory` | the folder: lock, durable writes, removal, leftovers of a crash |
//! | [`error`] | what can go wrong, with what to do about it |
//! | `faulty` | `FaultyToken` (feature `fault-injection`): fails at the call a test names |
//!
//! # What a real device does that this one does not
//! - It keeps keys in hardware that erases them when opened. Here they are ordinary memory: wiped when dropped, but a
//!   core dump, swap, a debugger or a bug elsewhere in the process can show them.
//! - It locks itself after a few wrong PINs. Here nothing counts: a copy of the files can be tried elsewhere anyway, so
//!   the only brake is what one try costs ([`PinCost`]). A long random PIN is what protects the files.
//! - Destroying is final there. Here the file is overwritten and removed, and a restart will not know the key; but
//!   journals, snapshots, copy-on-write, flash and backups keep older octets, and a file put back by hand is accepted
//!   again. Forgetting by destroying a key therefore holds only if the files' backups are forgotten too.
//! - It has its own certified random source. Here salts, nonces and secret keys come from the generator the caller
//!   gives; key pairs, and ECDSA's per-signature numbers, come from AWS-LC's own, which takes no other.
//! - It keeps an audit log, separates the officer's PIN from the user's, and can ask for several people. Not here.
mod aead;
mod directory;
pub mod error;
#[cfg(any(test, feature = "fault-injection"))]
mod faulty;
mod key;
pub mod label;
pub mod pin;
mod sealing;
pub mod soft;
pub mod token;

pub use error::{StorageError, TokenError};
#[cfg(any(test, feature = "fault-injection"))]
pub use faulty::{Fault, FaultyToken};
pub use label::{KeyLabel, LabelError};
pub use pin::{Pin, PinCost, PinError};
pub use soft::{Randomness, SoftToken};
pub use token::{KeyKind, Operation, SecretPurpose, Token};

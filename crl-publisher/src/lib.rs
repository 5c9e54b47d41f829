//! The 7:00 cut: one consistent set of CRLs for the whole country, built ahead, checked as a stranger would, and shown
//! to all readers in one step. [`plan`] → build → check → flip; nothing else makes a CRL visible.
//!
//! 1. Everything in a cut shows one log position, which its manifest names. Its number is the cRLNumber of all its CRLs.
//! 2. A number is taken from the ledger before anything carries it, and is never used again, whatever fails.
//! 3. Files of a cut never change. What changes is one small file that says which cut is current.
//! 4. Who is revoked is the ledger's word. This crate signs CRLs and manifests only, through handles it is given.
//!
//! | part | what it does |
//! |---|---|
//! | [`ledger`], [`signing`] | what it needs from the registry and from the token, as traits |
//! | [`slot`] | names: issuer and shape of a CRL, its URLs, its distribution point |
//! | [`plan`], `rows`, `codes`, `delta` | which entries stand in which CRL, and what changed since the cut before; prints as sentences |
//! | `build`, `segment` | CRLs signed, and written into one file |
//! | `demanded`, [`check`], `departures` | what the ledger demands; files judged against it |
//! | [`generation`], [`manifest`], [`store`] | a cut on disk, its signed list, the folder and the flip |
//! | [`publish`] | the durable steps in order, and what a start finds after a crash |
//! | [`schedule`], [`decide`], [`run`] | when; what to do now; the loop that does it |
//! | [`serve`], `conditional`, `body`, [`metrics`] | HTTP, and what is watched |
mod body;
mod build;
pub mod check;
mod codes;
mod conditional;
pub mod decide;
mod delta;
mod demanded;
mod departures;
pub mod generation;
pub mod ledger;
pub mod manifest;
pub mod metrics;
pub mod plan;
pub mod publish;
mod rows;
pub mod run;
pub mod schedule;
mod segment;
pub mod serve;
pub mod signing;
pub mod slot;
pub mod store;
mod workers;

pub use build::BuildError;
pub use departures::UnexplainedDeparture;

#[cfg(test)]
mod tests;

//! A real Akashi for tests: its own folder, its own ports, the binary as it is shipped, and clients that none of us wrote
//! (curl for HTTP and TLS, openssl for keys, requests, OCSP and CRLs).
//!
//! [`Akashi`] is the server · [`Party`] a client with a certificate · [`Answer`] what a call gave · [`CardKey`] a key pair
//! on a card, with its request · [`Resident`] an invented person at a real municipality · [`openssl`] everything else.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test binary uses the part that it needs")]

mod asking;
mod calls;
mod people;
mod phones;
mod ports;
mod server;

pub use asking::{OcspStatus, eventually};
pub use calls::{Answer, CurlFailure, Party, get, openssl, openssl_with};
pub use people::{CardKey, Resident};
pub use phones::{BOTH, SigningCard, always_open};
pub use server::{Akashi, BINARY, run};

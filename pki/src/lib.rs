//! Certificate, CRL and OCSP messages, and the rules about their contents. Pure functions over values: no I/O, no
//! clock, no private key, no async.
//!
//! | module | what it holds |
//! |---|---|
//! | [`identity`] | the words everything is named by: [`identity::Ca`], [`identity::Serial`], [`identity::KeyNumber`] |
//! | [`time`] | seconds since 1970, civil dates, Japan Standard Time, the two ASN.1 times |
//! | [`der`] | our DER writer and reader (the hot paths); [`oid`] the object identifiers; [`name`] distinguished names |
//! | [`algorithm`] | the closed set of key and signature algorithms; digests; signature verification |
//! | [`message`] | messages hashed piece by piece, to be signed or verified |
//! | [`municipality`] | prefectures and municipalities, their codes and DN text; [`romaji`] how that text is made |
//! | [`text`], [`person`] | which characters a certificate may carry; the 4 info of a person |
//! | [`validity`] | notBefore, notAfter, leave-day |
//! | [`csr`] | PKCS #10 requests from desks: proof of possession and key strength |
//! | [`certificate`] | the profiles of CA, leaf and OCSP certificates; [`lint`] the only way to something signable |
//! | [`revocation`] | reasons and causes; [`crl`] writing and reading CRLs |
//! | [`ocsp`] | OCSP requests and responses |
//! | [`signature`] | a person's detached signature, bare or in CMS, and its verification |
pub mod algorithm;
pub mod certificate;
pub mod crl;
pub mod csr;
pub mod der;
pub mod identity;
pub mod lint;
pub mod message;
pub mod municipality;
pub mod name;
pub mod ocsp;
pub mod oid;
mod pem;
pub mod person;
pub mod revocation;
pub mod romaji;
pub mod signature;
pub mod text;
pub mod time;
pub mod validity;

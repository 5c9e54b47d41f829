//! The rules of the CA, and the doors for those who ask. Never answers OCSP, never publishes a CRL.
//!
//! A request goes: [`doors`] (who is it, may it knock here, is it of sane size) → [`authority::Authority`] (the rules)
//! → the registry (one transaction) → the answer. Whatever is refused becomes a [`problem::Problem`], and the refusal
//! itself is all that is recorded.
//!
//! | module | what it holds |
//! |---|---|
//! | [`authority`] | what the rules stand on; `turns` puts requests with one idempotency key one after the other |
//! | [`application`] | a desk's request for a certificate, judged before anything is recorded |
//! | `entitlement` | what a person may be issued, and until when |
//! | [`issue`] | the seven durable steps of an issue; [`recovery`] what a crash between them leaves, made whole |
//! | [`cause`] | the table cause × CA → effect; [`withdraw`] holds and revocations |
//! | [`compromise`] | the compromise of a CA key: at once by one event, record by record behind it |
//! | [`residents`] | changes reported by the resident register, [`residents::batch`] many in one call; [`parties`] who may knock |
//! | [`lookup`] | what a desk may see and act on; `receipt` what it prints, `expiring` whom it tells that time is running out |
//! | [`rehearsal`] | dry runs: what a change would do |
//! | [`services`] | who may ask for the latest 4 info: providers and their services |
//! | [`consent`] | a person's consent to that, and its withdrawal; [`disclosure`] the latest 4 info themselves |
//! | [`signed`] | applications that a person signed: the XML, the signature, the signer's certificate |
//! | [`phone`] | certificates in phones: applications, the queue that they go through, notices of loss' end |
//! | [`usage`] | how often operators were told the status of certificates: counted, recorded once, told |
//! | [`own`] | the CA's own certificates: self-signed CA certificates, links between them, delegated OCSP certificates |
//! | [`seam`] | what the rules need from outside |
//! | [`problem`] | the table of refusals |
pub mod answer;
pub mod application;
pub mod authority;
pub mod cause;
pub mod compromise;
pub mod consent;
mod data_keys;
pub mod disclosure;
pub mod doors;
mod entitlement;
mod expiring;
pub mod issue;
pub mod lookup;
pub mod own;
pub mod parties;
pub mod phone;
pub mod problem;
mod receipt;
pub mod record;
pub mod recovery;
pub mod rehearsal;
pub mod residents;
pub mod seam;
pub mod services;
pub mod signed;
mod turns;
pub mod usage;
mod waiting;
pub mod withdraw;

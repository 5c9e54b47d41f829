//! One key generation of one CA, as everything that it signs needs to know it.
use crate::algorithm::PublicKey;
use crate::identity::{IssuerKey, Serial};
use crate::name::DistinguishedName;
use crate::time::UnixTime;

/// The public side of one key of one CA, with what stands in its own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Which CA, which key generation.
    pub issuer: IssuerKey,
    /// The serial of its own certificate, drawn from the same counter as those of the leaves (facts 1.1).
    pub ca_serial: Serial,
    /// Its public key.
    pub public_key: PublicKey,
    /// Its name, the same for all key generations of the CA (facts 1.1).
    pub name: DistinguishedName,
    /// notBefore of its own certificate.
    pub not_before: UnixTime,
    /// notAfter of its own certificate.
    pub not_after: UnixTime,
}

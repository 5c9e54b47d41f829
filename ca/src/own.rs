//! The CA's own certificates: the self-signed certificate of each CA key, and the delegated OCSP certificates. Their
//! serials come from the same counter as everybody's, and are durable before anything is signed (I19).
use der::{Decode, Encode};
use pki::algorithm::PublicKey;
use pki::certificate::{Certificate, Issuer, OcspResponderLeaf, Profile, root};
use pki::identity::{IssuerKey, Serial};
use pki::lint::{self, LintRefusal, LintedCertificate};
use pki::time::UnixTime;
use pki::validity::ca_not_after;
use registry::Registry;
use registry::event::{Actor, Door, Event};
use registry::state::StateReads;

use crate::authority::Authority;
use crate::problem::{Problem, ProblemKind, token_unavailable};
use crate::seam::TokenFailure;

/// A delegated OCSP certificate and what the responder needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspCertificate {
    /// Under which CA key.
    pub issuer: IssuerKey,
    /// DER.
    pub der: Vec<u8>,
    /// The token's label for its key.
    pub token_label: String,
}

/// Takes the next serial of a CA for one of its own certificates.
fn reserve_own_serial(registry: &Registry, issuer: IssuerKey) -> Result<(Serial, UnixTime), Problem> {
    let IssuerKey { ca, key } = issuer;
    registry.transact(Actor::System, Door::Inside, move |transaction| {
        let used_up = || Problem::new(ProblemKind::Internal, "the CA's serials are used up");
        let serial = transaction.next_serial(ca)?.ok_or_else(used_up)?;
        transaction.append(Event::OwnSerialReserved { ca, key, serial }, None)?;
        Ok((serial, transaction.now()))
    })
}

/// Brings a new CA key into use: takes a serial, builds and lints the self-signed certificate, lets `sign` sign it, and
/// publishes it. A crash on the way wastes a serial; the ceremony is run again.
pub fn activate_ca_key(
    registry: &Registry,
    profile: &Profile,
    issuer: IssuerKey,
    public_key: &PublicKey,
    sign: impl FnOnce(LintedCertificate) -> Result<Certificate, (LintedCertificate, TokenFailure)>,
) -> Result<Certificate, Problem> {
    let (serial, now) = reserve_own_serial(registry, issuer)?;
    let described = Issuer {
        issuer,
        ca_serial: serial,
        public_key: public_key.clone(),
        name: profile.ca_name(issuer.ca),
        not_before: now,
        not_after: ca_not_after(now),
    };
    let linted =
        lint::root(root::tbs_der(&described, profile), &described, profile).map_err(|refusal| unfit(&refusal))?;
    let certificate = sign(linted).map_err(|(_, failure)| token_unavailable(&failure))?;
    let IssuerKey { ca, key } = issuer;
    let event = Event::CaKeyActivated { ca, key, serial, certificate: certificate.der().to_vec() };
    registry.transact(Actor::System, Door::Inside, move |transaction| {
        transaction.append(event, None).map_err(Problem::from)
    })?;
    Ok(certificate)
}

impl Authority {
    /// Issues a delegated OCSP certificate under that CA key for a key that the token already has (R08, L06), and
    /// records it as the one in service.
    pub fn issue_ocsp_certificate(
        &self,
        issuer: IssuerKey,
        public_key: &PublicKey,
        token_label: String,
        validity_seconds: i64,
    ) -> Result<OcspCertificate, Problem> {
        let signer = self.signer_of(issuer)?;
        let (serial, now) = reserve_own_serial(self.registry(), issuer)?;
        let not_after = now.plus_seconds(validity_seconds).min(signer.issuer().not_after);
        // The last digits of its serial tell it apart from the delegates before it.
        let number = u32::try_from(serial.get() % 1_000_000_000).expect("nine digits fit");
        let leaf = OcspResponderLeaf { serial, public_key, number, not_before: now, not_after };
        let linted = lint::ocsp_responder(leaf.tbs_der(signer.issuer()), signer.issuer(), &self.outside.profile)
            .map_err(|refusal| unfit(&refusal))?;
        let certificate = signer.sign(linted).map_err(|(_, failure)| token_unavailable(&failure))?;
        let der = certificate.der().to_vec();
        let IssuerKey { ca, key } = issuer;
        let event =
            Event::OcspKeyActivated { ca, key, serial, token_label: token_label.clone(), certificate: der.clone() };
        self.transact_inside(move |transaction| Ok(transaction.append(event, None)?))?;
        Ok(OcspCertificate { issuer, der, token_label })
    }
}

/// The issuer that the certificate of an activated CA key describes.
pub fn issuer_of(issuer: IssuerKey, certificate_der: &[u8], profile: &Profile) -> Result<Issuer, Problem> {
    let damaged = || Problem::new(ProblemKind::Internal, format!("the stored certificate of {issuer} does not read"));
    let certificate = x509_cert::Certificate::from_der(certificate_der).map_err(|_| damaged())?;
    let tbs = certificate.tbs_certificate();
    let spki = tbs.subject_public_key_info().to_der().map_err(|_| damaged())?;
    let serial = pki::der::small_unsigned(tbs.serial_number().as_bytes()).and_then(Serial::new);
    let described = Issuer {
        issuer,
        ca_serial: serial.ok_or_else(damaged)?,
        public_key: PublicKey::from_spki(&spki).map_err(|_| damaged())?,
        name: profile.ca_name(issuer.ca),
        not_before: unix_time(&tbs.validity().not_before).ok_or_else(damaged)?,
        not_after: unix_time(&tbs.validity().not_after).ok_or_else(damaged)?,
    };
    let same_name = tbs.subject().to_der().is_ok_and(|name| name == described.name.to_der());
    if same_name { Ok(described) } else { Err(damaged()) }
}

/// notAfter of a certificate of ours.
pub fn certificate_not_after(certificate_der: &[u8]) -> Result<UnixTime, Problem> {
    let damaged = || Problem::new(ProblemKind::Internal, "a stored certificate does not read");
    let certificate = x509_cert::Certificate::from_der(certificate_der).map_err(|_| damaged())?;
    unix_time(&certificate.tbs_certificate().validity().not_after).ok_or_else(damaged)
}

fn unix_time(time: &x509_cert::time::Time) -> Option<UnixTime> {
    i64::try_from(time.to_unix_duration().as_secs()).ok().map(UnixTime::from_seconds)
}

fn unfit(refusal: &LintRefusal) -> Problem {
    Problem::new(ProblemKind::Internal, format!("a certificate of the CA does not pass its lint: {refusal}"))
}

//! The CA's own certificates: the self-signed certificate of each CA key, links between them, and the delegated OCSP
//! certificates. Their
//! serials come from the same counter as everybody's, and are durable before anything is signed (I19).
use der::{Decode, Encode};
use pki::algorithm::PublicKey;
use pki::certificate::{Certificate, Issuer, Link, OcspResponderLeaf, Profile, root};
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::lint::{self, LintRefusal, LintedCertificate};
use pki::time::UnixTime;
use pki::validity::ca_not_after;
use registry::Registry;
use registry::event::{Actor, Door, Event, StoredAlgorithm};
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

/// Takes the next serials of a CA for certificates of its own, each to be signed with that key, all at one time.
fn reserve_own_serials(registry: &Registry, ca: Ca, keys: Vec<KeyNumber>) -> Result<(Vec<Serial>, UnixTime), Problem> {
    registry.transact(Actor::System, Door::Inside, move |transaction| {
        let mut serials = Vec::new();
        for key in keys {
            let used_up = || Problem::new(ProblemKind::Internal, "the CA's serials are used up");
            let serial = transaction.next_serial(ca)?.ok_or_else(used_up)?;
            transaction.append(Event::OwnSerialReserved { ca, key, serial }, None)?;
            serials.push(serial);
        }
        Ok((serials, transaction.now()))
    })
}

/// Signs what was linted, with one CA key.
pub type Sign<'a> = &'a dyn Fn(LintedCertificate) -> Result<Certificate, (LintedCertificate, TokenFailure)>;

/// Brings the first CA key into use: takes a serial, builds and lints the self-signed certificate, lets `sign` sign it, and
/// publishes it. A crash on the way wastes a serial; the ceremony is run again.
pub fn activate_ca_key(
    registry: &Registry,
    profile: &Profile,
    issuer: IssuerKey,
    public_key: &PublicKey,
    sign: impl Fn(LintedCertificate) -> Result<Certificate, (LintedCertificate, TokenFailure)>,
) -> Result<Certificate, Problem> {
    let (serials, now) = reserve_own_serials(registry, issuer.ca, vec![issuer.key])?;
    let described = describe(profile, issuer, serials[0], public_key, now);
    let certificate = self_signed(&described, profile, &sign)?;
    publish(registry, vec![activation(&described, &certificate)])?;
    Ok(certificate)
}

/// Brings the next CA key into use, and links it with the one before, both ways. All of it is published by one transaction,
/// and `step` is told after each: a crash before the second wastes three serials and leaves nothing else.
pub fn activate_next_ca_key(
    registry: &Registry,
    profile: &Profile,
    (issuer, public_key, sign): (IssuerKey, &PublicKey, Sign<'_>),
    (older, sign_older): (&Issuer, Sign<'_>),
    step: &dyn Fn(&'static str),
) -> Result<(), Problem> {
    let IssuerKey { ca, key } = issuer;
    let older_key = older.issuer.key;
    let (serials, now) = reserve_own_serials(registry, ca, vec![older_key, key, key])?;
    step("ca-key.2-reserved");
    let [new_with_old, own, old_with_new] = serials[..] else {
        return Err(Problem::new(ProblemKind::Internal, "three serials were asked for"));
    };
    let newer = describe(profile, issuer, own, public_key, now);
    let certificate = self_signed(&newer, profile, sign)?;
    let link = |serial, linked: &Issuer, with: &Issuer, sign: Sign<'_>| {
        let tbs_der = Link { serial, linked }.tbs_der(with, profile);
        let linted = lint::link(tbs_der, with, linked, profile).map_err(|refusal| unfit(&refusal))?;
        let certificate = sign(linted).map_err(|(_, failure)| token_unavailable(&failure))?.into_der();
        let (linked, with) = (linked.issuer.key, with.issuer.key);
        Ok::<_, Problem>(Event::CaLinkIssued { ca, linked, with, serial, certificate })
    };
    let events = vec![
        activation(&newer, &certificate),
        link(new_with_old, &newer, older, sign_older)?,
        link(old_with_new, older, &newer, sign)?,
    ];
    publish(registry, events)?;
    step("ca-key.3-activated");
    Ok(())
}

fn describe(profile: &Profile, issuer: IssuerKey, serial: Serial, public_key: &PublicKey, now: UnixTime) -> Issuer {
    Issuer {
        issuer,
        ca_serial: serial,
        public_key: public_key.clone(),
        name: profile.ca_name(issuer.ca).clone(),
        not_before: now,
        not_after: ca_not_after(now),
    }
}

fn self_signed(described: &Issuer, profile: &Profile, sign: Sign<'_>) -> Result<Certificate, Problem> {
    let linted =
        lint::root(root::tbs_der(described, profile), described, profile).map_err(|refusal| unfit(&refusal))?;
    sign(linted).map_err(|(_, failure)| token_unavailable(&failure))
}

fn activation(described: &Issuer, certificate: &Certificate) -> Event {
    let IssuerKey { ca, key } = described.issuer;
    Event::CaKeyActivated { ca, key, serial: described.ca_serial, certificate: certificate.der().to_vec() }
}

fn publish(registry: &Registry, events: Vec<Event>) -> Result<(), Problem> {
    registry.transact(Actor::System, Door::Inside, move |transaction| {
        for event in events {
            transaction.append(event, None)?;
        }
        Ok(())
    })
}

impl Authority {
    /// Issues a delegated OCSP certificate under that CA key for a key that the token already has (R08, L06), and
    /// records it as the one of its algorithm in service.
    pub fn issue_ocsp_certificate(
        &self,
        issuer: IssuerKey,
        public_key: &PublicKey,
        token_label: String,
        validity_seconds: i64,
    ) -> Result<OcspCertificate, Problem> {
        let signer = self.signer_of(issuer)?;
        let (serials, now) = reserve_own_serials(self.registry(), issuer.ca, vec![issuer.key])?;
        let serial = serials[0];
        let not_after = now.plus_seconds(validity_seconds).min(signer.issuer().not_after);
        // The last digits of its serial tell it apart from the delegates before it.
        let number = u32::try_from(serial.get() % 1_000_000_000).expect("nine digits fit");
        let leaf = OcspResponderLeaf { serial, public_key, number, not_before: now, not_after };
        let linted = lint::ocsp_responder(leaf.tbs_der(signer.issuer()), signer.issuer(), &self.outside.profile)
            .map_err(|refusal| unfit(&refusal))?;
        let certificate = signer.sign(linted).map_err(|(_, failure)| token_unavailable(&failure))?;
        let der = certificate.der().to_vec();
        let IssuerKey { ca, key } = issuer;
        let algorithm = Some(StoredAlgorithm(public_key.algorithm()));
        let event = Event::OcspKeyActivated {
            ca,
            key,
            serial,
            token_label: token_label.clone(),
            certificate: der.clone(),
            algorithm,
        };
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
        name: profile.ca_name(issuer.ca).clone(),
        not_before: unix_time(&tbs.validity().not_before).ok_or_else(damaged)?,
        not_after: unix_time(&tbs.validity().not_after).ok_or_else(damaged)?,
    };
    let same_name = tbs.subject().to_der().is_ok_and(|name| name == described.name.to_der());
    if same_name { Ok(described) } else { Err(damaged()) }
}

/// The key of a certificate of ours, and its notAfter.
pub fn certificate_key_and_end(certificate_der: &[u8]) -> Result<(PublicKey, UnixTime), Problem> {
    let damaged = || Problem::new(ProblemKind::Internal, "a stored certificate does not read");
    let certificate = x509_cert::Certificate::from_der(certificate_der).map_err(|_| damaged())?;
    let tbs = certificate.tbs_certificate();
    let spki = tbs.subject_public_key_info().to_der().map_err(|_| damaged())?;
    let public_key = PublicKey::from_spki(&spki).map_err(|_| damaged())?;
    Ok((public_key, unix_time(&tbs.validity().not_after).ok_or_else(damaged)?))
}

fn unix_time(time: &x509_cert::time::Time) -> Option<UnixTime> {
    i64::try_from(time.to_unix_duration().as_secs()).ok().map(UnixTime::from_seconds)
}

fn unfit(refusal: &LintRefusal) -> Problem {
    Problem::new(ProblemKind::Internal, format!("a certificate of the CA does not pass its lint: {refusal}"))
}

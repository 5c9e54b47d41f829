//! An application with its signature and the signer's certificate, judged before anything is recorded, and once more
//! where it is.
pub mod xml;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minicbor::{Decode, Encode};
use pki::identity::{Ca, Serial};
use pki::signature::{SignatureForm, SignerCertificate, verify_detached};
use pki::time::UnixTime;
use registry::Transaction;
use registry::event::CertificatePlace;
use registry::state::{CertificateRecord, StateReads};
use serde::Deserialize;
use utoipa::ToSchema;
use x509_cert::der::{Decode as _, Encode as _};
use zeroize::Zeroize;

use crate::authority::Authority;
use crate::doors::forms::{Base64, CertificatePem};
use crate::doors::read_body;
use crate::problem::{Problem, ProblemKind};
use crate::record::IssueRecord;

/// An application is taken this long after its 申請日時.
const APPLICATION_SECONDS_MAX: i64 = 24 * 3_600;
/// As far ahead as a person's clock may be.
pub(crate) const CLOCK_AHEAD_SECONDS_MAX: i64 = 300;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedBody {
    /// The XML, octet for octet as it was signed; at most 8 KiB.
    application: Base64,
    signature: Base64,
    signature_form: FormWord,
    /// The signature certificate whose key signed.
    certificate: CertificatePem,
}

/// `raw`: the bare signature over the application. `cms`: a detached CMS SignedData in DER.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum FormWord {
    Raw,
    Cms,
}

impl From<FormWord> for SignatureForm {
    fn from(word: FormWord) -> Self {
        match word {
            FormWord::Raw => Self::Raw,
            FormWord::Cms => Self::Cms,
        }
    }
}

/// The sealed part of a row that a signed application became: what proves it.
#[derive(Encode, Decode, Zeroize)]
#[zeroize(drop)]
pub struct ApplicationRecord {
    /// The octets that were signed.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub application: Vec<u8>,
    /// The signature as it came.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
    /// The word of the signature's form.
    #[n(2)]
    pub form: String,
    /// The signer's certificate.
    #[n(3)]
    #[zeroize(skip)]
    pub signer: CertificatePlace,
}

impl fmt::Debug for ApplicationRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApplicationRecord(..)")
    }
}

/// Where the sealed record of an application belongs; it opens nowhere else.
pub(crate) fn application_place(application_hash: &[u8; 32]) -> String {
    format!("application/{}", registry::store::hex(application_hash))
}

/// A judged application, with what is judged again where it is recorded.
pub(crate) struct Signed<T> {
    pub(crate) application: T,
    pub(crate) standing: Standing,
    pub(crate) record: ApplicationRecord,
    pub(crate) signer: Signer,
}

/// The certificate whose key signed.
pub(crate) struct Signer {
    pub(crate) place: CertificatePlace,
    pub(crate) record: CertificateRecord,
    pub(crate) issued: IssueRecord,
}

/// What may change between the judging and the recording of an application.
#[derive(Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) application_hash: [u8; 32],
    pub(crate) applied_at: UnixTime,
    pub(crate) resident: [u8; 32],
    pub(crate) signer: GoodSigner,
}

/// A certificate that must be good at the second at which something is recorded.
#[derive(Clone, Copy)]
pub(crate) struct GoodSigner {
    pub(crate) place: CertificatePlace,
    pub(crate) not_after: UnixTime,
}

impl Authority {
    /// Judges what a person signed: what `read` makes of the octets and when it says that they were signed, its age, the
    /// certificate, which must be of one of these CAs, the signature. The first thing wrong is the answer.
    pub(crate) fn judge_signed<T>(
        &self,
        body: &[u8],
        signers: &[Ca],
        read: impl FnOnce(&[u8]) -> Result<(T, UnixTime), Problem>,
    ) -> Result<Signed<T>, Problem> {
        let body: SignedBody = read_body(body)?;
        let octets = base64("application", &body.application.0)?;
        let signature = base64("signature", &body.signature.0)?;
        let form = SignatureForm::from(body.signature_form);
        let (application, applied_at) = read(&octets)?;
        let now = self.outside.clock.now();
        require_fresh(applied_at, now)?;
        let signer = self.signer_certificate(&body.certificate.0, signers)?;
        let good = GoodSigner { place: signer.place, not_after: signer.issued.not_after() };
        good.require_at(&signer.record, now)?;
        let certificate = SignerCertificate::from_der(&signer.issued.octets)
            .ok_or_else(|| Problem::new(ProblemKind::Internal, "an issued certificate does not read"))?;
        verify_detached(form, &signature, &octets, &certificate)
            .map_err(|error| Problem::of_field(ProblemKind::SignatureInvalid, "signature", error.to_string()))?;
        // One domain for all kinds: the root tells them apart, and the first kind there was gave the domain its name.
        let application_hash = self.keyed_hash("consent-application", &octets)?;
        let standing = Standing { application_hash, applied_at, resident: signer.record.resident, signer: good };
        let record =
            ApplicationRecord { application: octets, signature, form: form.word().to_owned(), signer: signer.place };
        Ok(Signed { application, standing, record, signer })
    }

    /// The signature certificate that came, if it is octet for octet one that we issued.
    fn signer_certificate(&self, pem: &str, signers: &[Ca]) -> Result<Signer, Problem> {
        let not_ours = |detail: &str| Problem::of_field(ProblemKind::NotASignatureCertificate, "certificate", detail);
        let (label, der) =
            der::pem::decode_vec(pem.as_bytes()).map_err(|_| not_ours("it is not a certificate in PEM"))?;
        let certificate = x509_cert::Certificate::from_der(&der).ok().filter(|_| label == "CERTIFICATE");
        let certificate = certificate.ok_or_else(|| not_ours("it is not a certificate in PEM"))?;
        let certificate = certificate.tbs_certificate();
        let not_issued = || not_ours("no signature CA that may sign here has issued such a certificate");
        let issuer = certificate.issuer().to_der().map_err(|_| not_issued())?;
        // All key generations of a CA have one name.
        let names = self.outside.signers.iter().map(|signer| signer.issuer());
        let ca = names.filter(|of| signers.contains(&of.issuer.ca)).find(|of| of.name.to_der() == issuer);
        let ca = ca.ok_or_else(not_issued)?.issuer.ca;
        let serial = pki::der::small_unsigned(certificate.serial_number().as_bytes()).and_then(Serial::new);
        let serial = serial.ok_or_else(not_issued)?;
        let record = self.registry().store().certificate(ca, serial)?;
        let record = record.filter(|record| record.issued_row.is_some()).ok_or_else(not_issued)?;
        let issued = self.issue_record(ca, serial, &record).map_err(|problem| {
            // Forgotten: it expired ten years ago at least.
            let forgotten = problem.kind() == ProblemKind::UnknownCertificate;
            if forgotten { not_good("the signer's certificate has expired") } else { problem }
        })?;
        let place = CertificatePlace { ca, serial };
        if issued.octets == der { Ok(Signer { place, record, issued }) } else { Err(not_issued()) }
    }
}

impl Standing {
    /// What was judged is judged again at the second of recording, and the application must not have been used.
    pub(crate) fn require_still(&self, transaction: &Transaction<'_>) -> Result<(), Problem> {
        require_fresh(self.applied_at, transaction.now())?;
        self.signer.require_good(transaction)?;
        if transaction.application(&self.application_hash)?.is_some() {
            return Err(Problem::new(ProblemKind::ApplicationUsed, "an application works once, whoever sends it"));
        }
        Ok(())
    }
}

impl GoodSigner {
    /// Neither held nor revoked nor expired at the second of the transaction.
    pub(crate) fn require_good(&self, transaction: &Transaction<'_>) -> Result<(), Problem> {
        let record = transaction.certificate(self.place.ca, self.place.serial)?;
        let record = record.ok_or_else(|| Problem::new(ProblemKind::Internal, "an issued certificate has a record"))?;
        self.require_at(&record, transaction.now())
    }

    fn require_at(&self, record: &CertificateRecord, now: UnixTime) -> Result<(), Problem> {
        let detail = match record.withdrawal {
            Some(_) => "the signer's certificate is held or revoked",
            None if self.not_after < now => "the signer's certificate has expired",
            None => return Ok(()),
        };
        Err(not_good(detail))
    }
}

fn base64(field: &'static str, text: &str) -> Result<Vec<u8>, Problem> {
    let not_in_form = |_| Problem::of_field(ProblemKind::NotInForm, field, "the field is not base64 (RFC 4648 §4)");
    STANDARD.decode(text).map_err(not_in_form)
}

fn require_fresh(applied_at: UnixTime, now: UnixTime) -> Result<(), Problem> {
    let age = now.seconds_since(applied_at);
    if (-CLOCK_AHEAD_SECONDS_MAX..=APPLICATION_SECONDS_MAX).contains(&age) {
        return Ok(());
    }
    let detail = "an application is taken within 24 hours of its 申請日時, which may be 5 minutes ahead";
    Err(Problem::of_field(ProblemKind::ApplicationStale, "application", detail))
}

fn not_good(detail: &str) -> Problem {
    Problem::of_field(ProblemKind::CertificateNotGood, "certificate", detail)
}

//! What is refused, and what to do about it: RFC 9457 problems with stable types. One table; no other place writes one.
use registry::RegistryError;
use registry::seal::VaultError;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::seam::TokenFailure;

mod characters;

pub use characters::CHARACTERS_TOLD_MAX;
pub(crate) use characters::ToldCharacter;

/// What every problem's type begins with.
pub const TYPE_PREFIX: &str = "urn:akashi:problem:";

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $status:literal, $title:literal, $remedy:literal;)*) => {
        /// The kinds of problem. Their slugs are stable: clients branch on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ProblemKind {
            $($(#[$doc])* $name,)*
        }

        impl ProblemKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The end of the problem's type.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What kind of thing happened.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What the caller can do.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }
        }
    };
}

kinds! {
    /// The body is not the JSON that the call takes.
    MalformedBody = "malformed-body", 400, "The body is not what this call takes",
        "Send the JSON that the documentation of this call shows.";
    /// The body is over its limit.
    BodyTooLarge = "body-too-large", 413, "The body is over its limit",
        "Send one request at a time, without anything the call does not take.";
    /// The idempotency key is missing or not one.
    IdempotencyKeyMissing = "idempotency-key-missing", 400, "The Idempotency-Key header is missing or not usable",
        "Send a header Idempotency-Key of 1 to 128 visible ASCII characters, new for each new request, the same for a retry.";
    /// The idempotency key was used for another request.
    IdempotencyKeyReused = "idempotency-key-reused", 422, "This idempotency key was used for another request",
        "Use a new key for a new request; a retry must send the very same body.";
    /// The client certificate is of our party CA, but not of a registered party.
    PartyUnregistered = "party-unregistered", 403, "This client certificate is not registered",
        "Ask the CA's staff to register it.";
    /// The party is suspended.
    PartySuspended = "party-suspended", 403, "This party is suspended",
        "Ask the CA's staff why, and to reinstate it.";
    /// The party's role does not open this door.
    WrongRole = "wrong-role", 403, "This party's role does not open this door",
        "Use the door of your role.";
    /// No such call.
    NoSuchCall = "no-such-call", 404, "There is no such call",
        "Check the path and the method against the documentation.";
    /// A desk acts for another's municipality.
    NotYourMunicipality = "not-your-municipality", 403, "This desk may not act for that municipality",
        "Let a desk of the municipality where the person lives send the request.";
    /// Not a municipality.
    UnknownMunicipality = "unknown-municipality", 422, "There is no such municipality",
        "Send the 5-digit code (JIS X 0402) of a municipality in force; wards of designated cities use their city's.";
    /// Not a day of the calendar, or one that cannot be.
    ImpossibleDate = "impossible-date", 422, "The date is not possible",
        "Send an existing day as YYYY-MM-DD; an unknown day or month of birth is 00.";
    /// A character that a certificate may not carry.
    CharacterNotAllowed = "character-not-allowed", 422, "A character may not stand in a certificate",
        "Put in the place of each of `characters` its full-width form, or a substitute from JIS X 0208 or JIS X 0212 with 1 at its position of the substitutions.";
    /// A text, code or word that is not in its form.
    NotInForm = "not-in-form", 422, "A field is not in its form",
        "Send the field as its documentation shows.";
    /// Not a certification request.
    CsrMalformed = "csr-malformed", 422, "The certification request cannot be read",
        "Send a PKCS #10 request as PEM.";
    /// The request's signature is not that of the key inside.
    CsrSignature = "csr-signature", 422, "The certification request's signature is wrong",
        "Make the request anew on the card whose key it holds.";
    /// RSA below 2048 bits.
    KeyTooShort = "key-too-short", 422, "The RSA key is too short",
        "Make a key of the size that the profile asks for.";
    /// RSA with another exponent than 65537.
    KeyBadExponent = "key-bad-exponent", 422, "The RSA public exponent is not 65537",
        "Make a key with the public exponent 65537.";
    /// A key of another algorithm than the profile's.
    KeyAlgorithm = "key-algorithm", 422, "The key's algorithm is not that of the profile",
        "Make a key of the algorithm that the profile asks for.";
    /// A public key that was seen before.
    KeySeenBefore = "key-seen-before", 409, "This public key was used before",
        "If `existing` is given, fetch that certificate; otherwise make a new key pair.";
    /// The card, the stay or the paired certificate leaves no time.
    NoTimeLeft = "no-time-left", 422, "The certificate would already have expired",
        "Renew the card or the paired certificate first.";
    /// A signature certificate for a person under 15.
    UnderFifteen = "under-fifteen", 422, "Persons under 15 get no signature certificate",
        "Request the user certificate only.";
    /// A signature certificate for a card without PINs.
    PinlessCard = "pinless-card", 422, "Cards without PINs get no signature certificate",
        "Request the user certificate only.";
    /// A signature certificate for an adult ward.
    AdultWard = "adult-ward", 422, "Adult wards get no signature certificate",
        "Request the user certificate only.";
    /// The register reported a change that the request does not show.
    ResidentChanged = "resident-changed", 409, "The resident register reported a change of this person's 4 info",
        "Read the person's data from the register again and send a new request with a new idempotency key.";
    /// The register reported a death or a departure.
    ResidentGone = "resident-gone", 409, "The resident register reported that this person died or left Japan",
        "Ask the resident register; a certificate can be requested again after it reports the person's new address.";
    /// No such certificate.
    UnknownCertificate = "unknown-certificate", 404, "There is no such certificate",
        "Check CA and serial.";
    /// No request with that idempotency key.
    UnknownRequest = "unknown-request", 404, "No request with this idempotency key was accepted",
        "Send the request again.";
    /// No such party.
    UnknownParty = "unknown-party", 404, "There is no such party",
        "List the parties to find its number.";
    /// No such service provider.
    UnknownProvider = "unknown-provider", 404, "There is no such provider",
        "List the providers to find its number.";
    /// No such consent of the caller's services.
    UnknownConsent = "unknown-consent", 404, "There is no such consent",
        "Check its number; an operator sees the consents for its own services.";
    /// No such application of the caller's.
    UnknownApplication = "unknown-application", 404, "There is no such application",
        "Check its number; a portal sees the applications that it sent.";
    /// A phone's certificate has nothing to stand on or beside.
    NoUserCertificate = "no-user-certificate", 409, "There is no good user certificate that this needs",
        "Let the person get a user certificate for the card at the desk, or apply for the phone's user certificate, too.";
    /// No such service, or another operator's.
    NotYourService = "not-your-service", 403, "This operator has no such service",
        "Check the service's number, or ask the CA's staff to register the service under this operator.";
    /// An application for a consent or its withdrawal that is not in its form.
    ApplicationMalformed = "application-malformed", 422, "The application is not in its form",
        "Make the application as the documentation shows, and let the person sign it anew.";
    /// An application too old, ahead of time, or perhaps signed before a withdrawal.
    ApplicationStale = "application-stale", 422, "The application is not of now",
        "Make a new application with the time of now, let the person sign it, and send it within 24 hours.";
    /// An application that was accepted before.
    ApplicationUsed = "application-used", 409, "This application was used before",
        "Look the consent up; for another one, make a new application and let the person sign it.";
    /// Not a signature certificate that we issued, octet for octet.
    NotASignatureCertificate = "not-a-signature-certificate", 422, "The certificate is not a signature certificate of this CA",
        "Send, as PEM, the signature certificate that belongs to the key that signed, as it was issued.";
    /// The signer's certificate is held, revoked or expired.
    CertificateNotGood = "certificate-not-good", 409, "The signer's certificate is not good now",
        "Let the person sign a new application with a signature certificate that is good.";
    /// The signature is not that of the certificate's key over the application.
    SignatureInvalid = "signature-invalid", 422, "The signature is not valid",
        "Send the exact octets that were signed, the signature in the form that `signature_form` names, and the signer's certificate.";
    /// The person never consented for this service.
    ConsentMissing = "consent-missing", 403, "The person has not consented for this service",
        "Ask the person for a consent, and send it.";
    /// The consent's first day is not here yet.
    ConsentNotInForce = "consent-not-in-force", 403, "The consent is not in force yet",
        "Ask again from the day after the consent was received.";
    /// The person withdrew.
    ConsentWithdrawn = "consent-withdrawn", 403, "The person withdrew the consent",
        "Stop asking, unless the person consents anew.";
    /// The consent's ten years are over.
    ConsentExpired = "consent-expired", 403, "The consent has expired",
        "Ask the person for a new consent, and send it.";
    /// An old answer holds more than the consent of now.
    ConsentNarrowed = "consent-narrowed", 403, "The consent in force now covers less than this answer",
        "Send a new request with a new idempotency key; it is answered with the items consented to now.";
    /// Nothing true can be told now.
    NoLatestInfo = "no-latest-info", 409, "There are no latest 4 info to provide now",
        "Ask again later; the person may get a new signature certificate at the desk.";
    /// The serial was given up before hand-over.
    DestroyedBeforeHandOver = "destroyed-before-hand-over", 409, "This certificate was given up before hand-over",
        "Send a new request with a new idempotency key and a new key pair.";
    /// The issue is not finished yet.
    IssueUnderWay = "issue-under-way", 409, "This certificate is still being issued",
        "Ask again in a moment, or send the same request with the same idempotency key again.";
    /// More mistakes than an honest party makes.
    TooManyRefusals = "too-many-refusals", 429, "Too many of this party's requests were mistaken in the last minute",
        "Correct the requests before sending more; the next minute begins anew.";
    /// A party asks faster than it may.
    TooManyRequests = "too-many-requests", 429, "This party asks too fast",
        "Ask again after the seconds of Retry-After, and more slowly; keep answers for as long as they say that they may be kept.";
    /// A cut that somebody asked for is under way.
    CutUnderWay = "cut-under-way", 409, "A cut is under way",
        "Send the request again when that cut is published; a cut that is asked for then holds everything so far.";
    /// A cut was asked for and not published.
    CutFailed = "cut-failed", 503, "No new cut was published",
        "Look at the log and the metric akashi_crl_failures_total for the check that failed.";
    /// No CA key with that number.
    UnknownCaKey = "unknown-ca-key", 404, "There is no such CA key",
        "Check CA and key number; the certificates of all keys are under `/certs/`.";
    /// A CA key whose compromise is on record.
    CaKeyCompromised = "ca-key-compromised", 409, "The compromise of this CA key is on record already",
        "Nothing more is to be reported of this key; make the CA's next key with `akashi ca-key new`.";
    /// No key of the CA may issue.
    NoIssuingKey = "no-issuing-key", 503, "No key of this CA may issue now",
        "Send the same request with the same idempotency key again; if it stays, the CA's staff makes a new key with `akashi ca-key new`.";
    /// So many of a desk's requests are waiting already.
    DeskQuota = "desk-quota", 503, "Too many of this desk's requests for certificates are waiting",
        "Send the same request with the same idempotency key again when one of those waiting is answered; nothing is lost.";
    /// The token does not answer.
    TokenUnavailable = "token-unavailable", 503, "The signing token does not answer",
        "Send the same request with the same idempotency key again later; nothing is lost.";
    /// The registry does not accept writes.
    RegistryUnavailable = "registry-unavailable", 503, "The registry accepts nothing now",
        "Send the same request with the same idempotency key again later; nothing is lost.";
    /// Our own fault.
    Internal = "internal", 500, "Something is wrong on our side",
        "Send the same request with the same idempotency key again; if it stays, tell the CA's staff.";
}

impl ProblemKind {
    /// It is about an application that a person signed, or what it concerns.
    pub const fn is_of_what_was_signed(self) -> bool {
        matches!(
            self,
            Self::ApplicationMalformed
                | Self::ApplicationStale
                | Self::ApplicationUsed
                | Self::NotASignatureCertificate
                | Self::SignatureInvalid
                | Self::UnknownCertificate
                | Self::CsrMalformed
                | Self::CsrSignature
                | Self::KeyTooShort
                | Self::KeyBadExponent
                | Self::KeyAlgorithm
                | Self::KeySeenBefore
                | Self::NoTimeLeft
        )
    }

    /// It counts towards the refusals after which a party is not heard for a minute. Answers about a person, and what is
    /// our doing, do not: whoever asks after many people gets many, and must still be heard when one of them withdraws.
    pub const fn is_callers_mistake(self) -> bool {
        match self {
            Self::MalformedBody
            | Self::BodyTooLarge
            | Self::IdempotencyKeyMissing
            | Self::IdempotencyKeyReused
            | Self::PartyUnregistered
            | Self::PartySuspended
            | Self::WrongRole
            | Self::NoSuchCall
            | Self::NotYourMunicipality
            | Self::UnknownMunicipality
            | Self::ImpossibleDate
            | Self::CharacterNotAllowed
            | Self::NotInForm
            | Self::CsrMalformed
            | Self::CsrSignature
            | Self::KeyTooShort
            | Self::KeyBadExponent
            | Self::KeyAlgorithm
            | Self::KeySeenBefore
            | Self::NoTimeLeft
            | Self::UnderFifteen
            | Self::PinlessCard
            | Self::AdultWard
            | Self::UnknownCertificate
            | Self::UnknownRequest
            | Self::UnknownParty
            | Self::UnknownProvider
            | Self::UnknownConsent
            | Self::UnknownApplication
            | Self::NotYourService
            | Self::ApplicationMalformed
            | Self::ApplicationStale
            | Self::ApplicationUsed
            | Self::NotASignatureCertificate
            | Self::SignatureInvalid
            | Self::UnknownCaKey => true,
            Self::ResidentChanged
            | Self::ResidentGone
            | Self::CertificateNotGood
            | Self::NoUserCertificate
            | Self::ConsentMissing
            | Self::ConsentNotInForce
            | Self::ConsentWithdrawn
            | Self::ConsentExpired
            | Self::ConsentNarrowed
            | Self::NoLatestInfo
            | Self::DestroyedBeforeHandOver
            | Self::IssueUnderWay
            | Self::TooManyRefusals
            | Self::TooManyRequests
            | Self::CutUnderWay
            | Self::CutFailed
            | Self::CaKeyCompromised
            | Self::NoIssuingKey
            | Self::DeskQuota
            | Self::TokenUnavailable
            | Self::RegistryUnavailable
            | Self::Internal => false,
        }
    }
}

/// A refusal. Its texts never hold personal data: they name fields, positions and a code point. Only `characters` may, and
/// neither the log nor Debug output has that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    kind: ProblemKind,
    field: Option<&'static str>,
    detail: String,
    existing: Option<String>,
    characters: Vec<ToldCharacter>,
}

impl Problem {
    /// A problem with what exactly was wrong.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, field: None, detail: detail.into(), existing: None, characters: Vec::new() }
    }

    /// A problem with one field of the body.
    pub fn of_field(kind: ProblemKind, field: &'static str, detail: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(kind, detail) }
    }

    /// With the path of what is there already.
    #[must_use]
    pub fn with_existing(self, path: String) -> Self {
        Self { existing: Some(path), ..self }
    }

    /// Its kind.
    pub const fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// What exactly was wrong.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The caller can send the same again later.
    pub const fn is_temporary(&self) -> bool {
        self.kind.status() == 503 || matches!(self.kind, ProblemKind::TooManyRequests)
    }

    /// The `application/problem+json` body.
    pub fn to_json(&self) -> Value {
        let body = ProblemBody {
            problem_type: format!("{TYPE_PREFIX}{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status(),
            detail: &self.detail,
            remedy: self.kind.remedy(),
            field: self.field,
            existing: self.existing.as_deref(),
            characters: &self.characters,
        };
        serde_json::to_value(body).expect("a problem is JSON")
    }
}

/// A problem (RFC 9457). Types are stable; branch on them.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    #[serde(rename = "type")]
    #[schema(format = "uri", example = "urn:akashi:problem:impossible-date")]
    problem_type: String,
    /// What kind of thing happened.
    #[schema(example = "The date is not possible")]
    title: &'a str,
    #[schema(minimum = 400, maximum = 599, example = 422)]
    status: u16,
    /// What exactly was wrong. It never repeats what was sent.
    detail: &'a str,
    /// What to do about it.
    remedy: &'a str,
    /// The field of the body that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "person.birth_date")]
    field: Option<&'a str>,
    /// The path of what is there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    existing: Option<&'a str>,
    /// Characters that may not stand where they do: the first 20 of all fields, in their order.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false, max_items = 20)]
    characters: &'a [ToldCharacter],
}

/// The token failed. What it says is for the log: it may name files.
pub(crate) fn token_unavailable(failure: &TokenFailure) -> Problem {
    tracing::error!(%failure, "the token failed");
    Problem::new(ProblemKind::TokenUnavailable, "the token did not do its work")
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        match &error {
            RegistryError::ClockBehind { .. } | RegistryError::Poisoned | RegistryError::Stopped => {
                Self::new(ProblemKind::RegistryUnavailable, error.to_string())
            }
            RegistryError::Storage { .. } => {
                tracing::error!(%error, "the registry failed");
                Self::new(ProblemKind::RegistryUnavailable, "the registry's disk failed")
            }
            RegistryError::Illegal(_) | RegistryError::Damaged { .. } | RegistryError::Open { .. } => {
                tracing::error!(%error, "the registry refused what the rules asked for");
                Self::new(ProblemKind::Internal, "the request was not recorded")
            }
        }
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match &error {
            VaultError::Token(_) => Self::new(ProblemKind::TokenUnavailable, "records cannot be sealed or opened now"),
            VaultError::Forgotten(_) => Self::new(ProblemKind::UnknownCertificate, error.to_string()),
            VaultError::Altered => {
                tracing::error!(%error, "a sealed record does not open");
                Self::new(ProblemKind::Internal, "a stored record does not open")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_type_of_its_own_and_says_what_to_do() {
        let mut slugs: Vec<_> = ProblemKind::ALL.iter().map(|kind| kind.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), ProblemKind::ALL.len());
        for kind in ProblemKind::ALL {
            assert!((400..600).contains(&kind.status()) && kind.remedy().ends_with('.'), "{kind:?}");
        }
    }
}

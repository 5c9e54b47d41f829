//! A desk's request for a certificate, judged whole before anything is recorded.
use pki::algorithm::{PublicKey, PublicKeyError, sha256};
use pki::certificate::DeskId;
use pki::csr::{CertificationRequest, CsrError};
use pki::identity::{Ca, Device};
use pki::municipality::{self, Municipality};
use pki::person::{BesideName, BirthDate, FourInfo};
use pki::time::{CivilDate, ImpossibleDate, UnixTime};
use pki::validity::may_hold_signature_certificate;
use registry::event::CertificatePlace;
use registry::queue::PhoneHash;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::authority::{Authority, Caller};
use crate::doors::forms::{CaWord, Day, MunicipalityWord, RequestPem, ResidentCode};
use crate::doors::read_body;
use crate::problem::{Problem, ProblemKind};

mod person;

use person::PersonBody;

/// What stands for a desk's sign in the certificates in phones: no desk handed them over, so no desk has this sign.
pub(crate) const PHONES_SIGN: &str = "0TEL";

/// 住民票コード has eleven digits (住民基本台帳法施行規則 第1条).
const RESIDENT_CODE_DIGITS: usize = 11;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplicationBody {
    /// Of one certificate; left out where `csrs` asks for both.
    ca: Option<CaWord>,
    /// The desk's own.
    municipality: MunicipalityWord,
    resident_code: ResidentCode,
    person: PersonBody,
    /// The card's last day.
    card_expires_on: Option<Day>,
    /// The last day of a limited stay.
    stay_ends_on: Option<Day>,
    /// 顔認証マイナンバーカード: without PINs, so without a signature certificate.
    #[serde(default)]
    pinless_card: bool,
    /// 成年被後見人: gets no signature certificate.
    #[serde(default)]
    adult_ward: bool,
    /// Of one certificate.
    csr: Option<RequestPem>,
    /// Of both: issued together or not at all.
    csrs: Option<RequestsBody>,
}

/// Both keys of a card.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RequestsBody {
    /// Of the user certificate, which is issued first.
    auth: RequestPem,
    /// Of the signature certificate.
    sign: RequestPem,
}

/// A judged request: certificates for one person, issued together or not at all.
pub struct Application {
    /// What is asked for: each of another CA, all of one device, a user certificate before the signature certificate that
    /// it is paired with.
    pub certificates: Vec<Wanted>,
    /// Where the person lives; always the desk's own.
    pub municipality: &'static Municipality,
    /// The desk's sign.
    pub desk: DeskId,
    /// Keyed hash of the resident code.
    pub resident: [u8; 32],
    /// The person.
    pub person: FourInfo,
    /// What the record keeps besides; the certificate does not carry it.
    pub beside_name: BesideName,
    /// The card's last day.
    pub card_expires_on: Option<CivilDate>,
    /// The last day of a limited stay.
    pub stay_ends_on: Option<CivilDate>,
    /// In which phone the certificates will be; `None` for a card's.
    pub phone: Option<PhoneHash>,
}

/// One certificate that is asked for.
pub struct Wanted {
    /// Of which CA.
    pub ca: Ca,
    /// A key whose holder was proved.
    pub public_key: PublicKey,
    /// Of a phone's: what it stands on.
    pub card: Option<CardCertificate>,
}

/// The card's certificate that a phone's of the same purpose stands on: it ends with it (facts 5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CardCertificate {
    /// Which.
    pub place: CertificatePlace,
    /// Its last second.
    pub not_after: UnixTime,
}

impl Wanted {
    /// How the registry knows the key.
    pub fn public_key_sha256(&self) -> [u8; 32] {
        sha256(self.public_key.spki_der())
    }
}

impl Application {
    /// Judges a request: the desk's right, the person's data, the public key. The first thing wrong is the answer.
    pub fn judge(authority: &Authority, caller: &Caller, body: &[u8]) -> Result<Self, Problem> {
        let body: ApplicationBody = read_body(body)?;
        let today = authority.outside.clock.now().jst_date();
        let (desk, municipality) = place(caller, &body.municipality.0, today)?;
        let (person, beside_name) = person::judge(&body.person, today)?;
        let card_expires_on = date("card_expires_on", body.card_expires_on.as_ref())?;
        let stay_ends_on = date("stay_ends_on", body.stay_ends_on.as_ref())?;
        let requests = requests(&body)?;
        if requests.iter().any(|(ca, _, _)| *ca == Ca::Sign) {
            require_signer(&body, person.birth_date, today)?;
        }
        let wanted = |(ca, field, csr): (Ca, &'static str, &RequestPem)| {
            let public_key = public_key_of(authority, field, csr.0.as_bytes())?;
            Ok::<_, Problem>(Wanted { ca, public_key, card: None })
        };
        let certificates = requests.into_iter().map(wanted).collect::<Result<_, _>>()?;
        let resident = authority.resident(&body.resident_code.0)?;
        Ok(Self {
            certificates,
            municipality,
            desk,
            resident,
            person,
            beside_name,
            card_expires_on,
            stay_ends_on,
            phone: None,
        })
    }
}

/// Which certificates are asked for, a user certificate first, and the request with the key of each and its field.
fn requests(body: &ApplicationBody) -> Result<Vec<(Ca, &'static str, &RequestPem)>, Problem> {
    match (&body.ca, &body.csr, &body.csrs) {
        (Some(ca), Some(csr), None) => {
            let not_in_form = |detail: String| Problem::of_field(ProblemKind::NotInForm, "ca", detail);
            let ca: Ca = ca.0.parse().map_err(|error: pki::identity::IdentityError| not_in_form(error.to_string()))?;
            if ca.device() != Device::Card {
                return Err(not_in_form("a desk requests certificates for cards: `sign` or `auth`".to_owned()));
            }
            Ok(vec![(ca, "csr", csr)])
        }
        (None, None, Some(RequestsBody { auth, sign })) => {
            Ok(vec![(Ca::Auth, "csrs.auth", auth), (Ca::Sign, "csrs.sign", sign)])
        }
        (None | Some(_), None | Some(_), None | Some(_)) => {
            let detail = "send `ca` and `csr` for one certificate, or `csrs` alone for both";
            Err(Problem::new(ProblemKind::MalformedBody, detail))
        }
    }
}

fn place(caller: &Caller, code: &str, today: CivilDate) -> Result<(DeskId, &'static Municipality), Problem> {
    let unknown = |detail: &str| Problem::of_field(ProblemKind::UnknownMunicipality, "municipality", detail);
    let found = code.parse().ok().and_then(municipality::find);
    let municipality = found.ok_or_else(|| unknown("the code is not in the table of municipalities"))?;
    if !municipality.in_force_on(today) {
        return Err(unknown("the municipality is not in force today"));
    }
    if caller.municipality()? != municipality.code {
        let detail = "a desk acts for its own municipality only";
        return Err(Problem::of_field(ProblemKind::NotYourMunicipality, "municipality", detail));
    }
    let desk = caller.desk.ok_or_else(|| Problem::new(ProblemKind::WrongRole, "only a desk may do this"))?;
    Ok((desk, municipality))
}

/// Who gets no signature certificate (facts 1.7).
fn require_signer(body: &ApplicationBody, birth_date: BirthDate, today: CivilDate) -> Result<(), Problem> {
    // The latest possible day of birth decides: whoever may still be under 15 gets none.
    if !may_hold_signature_certificate(birth_date.latest(), today) {
        let detail = "a signature certificate needs a holder of 15 years or more";
        return Err(Problem::of_field(ProblemKind::UnderFifteen, "person.birth_date", detail));
    }
    if body.pinless_card {
        let detail = "a signature certificate is used with a PIN, and this card has none";
        return Err(Problem::of_field(ProblemKind::PinlessCard, "pinless_card", detail));
    }
    if body.adult_ward {
        let detail = "an adult ward (成年被後見人) gets no signature certificate";
        return Err(Problem::of_field(ProblemKind::AdultWard, "adult_ward", detail));
    }
    Ok(())
}

fn date(field: &'static str, day: Option<&Day>) -> Result<Option<CivilDate>, Problem> {
    let impossible = |error: ImpossibleDate| Problem::of_field(ProblemKind::ImpossibleDate, field, error.to_string());
    day.map(|day| day.0.parse().map_err(impossible)).transpose()
}

/// The key of a certification request that came in that field.
pub(crate) fn public_key_of(authority: &Authority, field: &'static str, csr: &[u8]) -> Result<PublicKey, Problem> {
    let of_field = |error: CsrError| Problem::of_field(csr_problem(&error).kind(), field, error.to_string());
    let request = CertificationRequest::from_pem(csr).map_err(of_field)?;
    let public_key = request.public_key().clone();
    let expected = authority.outside.profile.algorithm();
    if public_key.algorithm() != expected {
        let detail =
            format!("the key is for {}, the profile is for {}", public_key.algorithm().word(), expected.word());
        return Err(Problem::of_field(ProblemKind::KeyAlgorithm, field, detail));
    }
    Ok(public_key)
}

pub(crate) fn csr_problem(error: &CsrError) -> Problem {
    let kind = match error {
        CsrError::TooLarge { .. } | CsrError::NotPem | CsrError::Malformed(_) | CsrError::MalformedContents => {
            ProblemKind::CsrMalformed
        }
        CsrError::PublicKey(error) => match error {
            PublicKeyError::Malformed | PublicKeyError::BadNumbers => ProblemKind::CsrMalformed,
            PublicKeyError::UnknownAlgorithm => ProblemKind::KeyAlgorithm,
            PublicKeyError::ModulusTooShort { .. } => ProblemKind::KeyTooShort,
            PublicKeyError::BadExponent => ProblemKind::KeyBadExponent,
        },
        CsrError::SignatureAlgorithm { .. } | CsrError::BadSignature => ProblemKind::CsrSignature,
    };
    Problem::of_field(kind, "csr", error.to_string())
}

/// A resident code in its form. The message does not repeat it.
pub(crate) fn resident_code(code: &str) -> Result<&str, Problem> {
    if code.len() == RESIDENT_CODE_DIGITS && code.bytes().all(|octet| octet.is_ascii_digit()) {
        Ok(code)
    } else {
        let detail = format!("a resident code (住民票コード) has {RESIDENT_CODE_DIGITS} digits");
        Err(Problem::of_field(ProblemKind::NotInForm, "resident_code", detail))
    }
}

//! The settings behind every certificate, and the one place where URLs and CA names are made.
use crate::algorithm::Algorithm;
use crate::crl::DistributionPoint;
use crate::identity::{Ca, IssuerKey};
use crate::municipality::{Municipality, MunicipalityCode};
use crate::name::DistinguishedName;
use crate::oid::{self, Oid};

/// RFC 5280 App. A, ub-organization-name.
const ORGANIZATION_CHARACTERS_MAX: usize = 64;
/// Long enough for every host name and path; short enough that a certificate stays readable by a card.
const URI_OCTETS_MAX: usize = 255;

/// Which extensions a leaf certificate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// JPKI's, and what open relying parties need beyond it: an HTTP URI in the distribution point, and AIA with OCSP
    /// and caIssuers in both kinds.
    Default,
    /// JPKI's and nothing else (facts 1.3, 1.4).
    JpkiExact,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 2] = [Self::Default, Self::JpkiExact];

    /// The word for it in settings.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::JpkiExact => "jpki-exact",
        }
    }

    /// The layout with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layout| layout.word() == word)
    }
}

/// What is settled before the first certificate and stays the same for all of them. None has a default: a production
/// name or policy must never come about by leaving a line out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileSettings {
    /// Which extensions leaf certificates have.
    pub layout: Layout,
    /// `O=` in every CA and distribution point name, `JPKI-TEST` on the test card (facts 1.1).
    pub organization: String,
    /// Where the practice statement is: the qualifier of the policy (facts 1.3).
    pub cps_uri: String,
    /// Policy of signature certificates (facts 1.6).
    pub sign_policy: Oid,
    /// Policy of user certificates (facts 1.6).
    pub auth_policy: Oid,
    /// Policy of signature certificates in phones (facts 1.6).
    pub phone_sign_policy: Oid,
    /// Policy of user certificates in phones (facts 1.6).
    pub phone_auth_policy: Oid,
    /// What all our URLs in certificates begin with, for example `http://127.0.0.1:8080`; no slash at its end.
    pub public_base_url: String,
    /// The algorithm of new CA keys and of the keys that persons may bring.
    pub algorithm: Algorithm,
}

/// Settings of which no correct certificate could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Empty, too long, or with control characters.
    #[error(
        "profile.organization must have 1 to {ORGANIZATION_CHARACTERS_MAX} characters, none of them a control character"
    )]
    Organization,
    /// Not a URI in visible ASCII.
    #[error("profile.cps_uri must be an http: or https: URI of at most {URI_OCTETS_MAX} visible ASCII characters")]
    CpsUri,
    /// Two kinds would carry the same policy, and nobody could tell them apart by it.
    #[error(
        "profile.sign_policy, auth_policy, phone_sign_policy and phone_auth_policy must be four different policies"
    )]
    SamePolicy,
    /// Not `http://host`, or with a slash at the end, a query or a fragment.
    #[error(
        "public.base_url must be http://host or http://host:port with a path if need be, without a slash at the end, \
         query or fragment; https is no use in certificates, whose checking must not need another check"
    )]
    PublicBaseUrl,
}

/// Settings that were checked, and what follows from them for each CA: made once, because every certificate has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    settings: ProfileSettings,
    cas: [OfCa; Ca::ALL.len()],
}

/// What all certificates of a CA say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OfCa {
    name: DistinguishedName,
    alternative_name: DistinguishedName,
    ocsp_url: String,
}

impl OfCa {
    fn new(ca: Ca, settings: &ProfileSettings) -> Self {
        let (purpose, japanese) = match ca {
            Ca::Sign => ("JPKI for digital signature", "公的個人認証サービス署名用"),
            Ca::Auth => ("JPKI for user authentication", "公的個人認証サービス利用者証明用"),
            Ca::PhoneSign => {
                ("JPKI for digital signature on mobile devices", "公的個人認証サービス移動端末設備用署名用")
            }
            Ca::PhoneAuth => {
                ("JPKI for user authentication on mobile devices", "公的個人認証サービス移動端末設備用利用者証明用")
            }
        };
        let name = DistinguishedName::japan()
            .with(oid::ORGANIZATION, settings.organization.clone())
            .with(oid::ORGANIZATIONAL_UNIT, purpose)
            .with(oid::ORGANIZATIONAL_UNIT, "Japan Agency for Local Authority Information Systems");
        let alternative_name = DistinguishedName::japan()
            .with(oid::ORGANIZATION, "公的個人認証サービス")
            .with(oid::ORGANIZATIONAL_UNIT, japanese)
            .with(oid::ORGANIZATIONAL_UNIT, "地方公共団体情報システム機構");
        Self { name, alternative_name, ocsp_url: format!("{}/ocsp/{ca}", settings.public_base_url) }
    }
}

impl Profile {
    /// Checks the settings.
    pub fn new(settings: ProfileSettings) -> Result<Self, ProfileError> {
        let ProfileSettings {
            layout: _,
            organization,
            cps_uri,
            sign_policy,
            auth_policy,
            phone_sign_policy,
            phone_auth_policy,
            public_base_url,
            algorithm: _,
        } = &settings;
        let characters = organization.chars().count();
        if !(1..=ORGANIZATION_CHARACTERS_MAX).contains(&characters) || organization.chars().any(char::is_control) {
            return Err(ProfileError::Organization);
        }
        // RFC 5280 §4.2.1.4: the CPS pointer is a URI in an IA5String.
        let cps_rest = cps_uri.strip_prefix("http://").or_else(|| cps_uri.strip_prefix("https://"));
        if !cps_rest.is_some_and(is_uri_rest) || cps_uri.len() > URI_OCTETS_MAX {
            return Err(ProfileError::CpsUri);
        }
        let policies = [sign_policy, auth_policy, phone_sign_policy, phone_auth_policy];
        if policies.iter().enumerate().any(|(at, policy)| policies[..at].contains(policy)) {
            return Err(ProfileError::SamePolicy);
        }
        // RFC 5280 §8: https in CRL and AIA locations brings circular dependencies.
        let base_rest = public_base_url.strip_prefix("http://");
        let usable = |rest: &str| {
            is_uri_rest(rest) && !rest.starts_with('/') && !rest.ends_with('/') && !rest.contains(['?', '#'])
        };
        // Our longest path is that of a CRL, `/crl/phone-auth/65535/13221.crl`; 64 octets hold any of them.
        if !base_rest.is_some_and(usable) || public_base_url.len() > URI_OCTETS_MAX - 64 {
            return Err(ProfileError::PublicBaseUrl);
        }
        Ok(Self { cas: Ca::ALL.map(|ca| OfCa::new(ca, &settings)), settings })
    }

    const fn of(&self, ca: Ca) -> &OfCa {
        // Ca::ALL lists them in the order in which they are declared.
        &self.cas[ca as usize]
    }

    /// The settings it was made from.
    pub const fn settings(&self) -> &ProfileSettings {
        &self.settings
    }

    /// Which extensions leaf certificates have.
    pub const fn layout(&self) -> Layout {
        self.settings.layout
    }

    /// The algorithm of new CA keys and of the keys that persons may bring.
    pub const fn algorithm(&self) -> Algorithm {
        self.settings.algorithm
    }

    /// `O=` in every CA and distribution point name.
    pub fn organization(&self) -> &str {
        &self.settings.organization
    }

    /// The policy of the certificates that this CA issues to persons (facts 1.6).
    pub const fn policy(&self, ca: Ca) -> Oid {
        match ca {
            Ca::Sign => self.settings.sign_policy,
            Ca::Auth => self.settings.auth_policy,
            Ca::PhoneSign => self.settings.phone_sign_policy,
            Ca::PhoneAuth => self.settings.phone_auth_policy,
        }
    }

    /// Where the practice statement is.
    pub fn cps_uri(&self) -> &str {
        &self.settings.cps_uri
    }

    /// The distinguished name of a CA, the same for all its keys (facts 1.1). Those of the phones' CAs are taken: real ones
    /// are not known (facts 5).
    pub const fn ca_name(&self, ca: Ca) -> &DistinguishedName {
        &self.of(ca).name
    }

    /// The name of a CA in Japanese: subjectAltName of its own certificates, issuerAltName of the leaves (facts 1.2, 1.3).
    pub const fn ca_alternative_name(&self, ca: Ca) -> &DistinguishedName {
        &self.of(ca).alternative_name
    }

    /// The distribution point of a municipality: the same octets in certificates and in CRLs (C11).
    pub fn distribution_point(&self, issuer: IssuerKey, municipality: &Municipality) -> DistributionPoint {
        let uri = match self.layout() {
            Layout::Default => Some(self.crl_url(issuer, municipality.code)),
            Layout::JpkiExact => None,
        };
        let prefecture = municipality.prefecture().dn_text;
        DistributionPoint::of_municipality(issuer.ca, self.organization(), prefecture, municipality.dn_text, uri)
    }

    /// The CRL of one municipality.
    pub fn crl_url(&self, IssuerKey { ca, key }: IssuerKey, code: MunicipalityCode) -> String {
        format!("{}/crl/{ca}/{key}/{code}.crl", self.settings.public_base_url)
    }

    /// The signed list of all CRLs of the newest cut.
    pub fn crl_manifest_url(&self) -> String {
        format!("{}/crl/manifest.json", self.settings.public_base_url)
    }

    /// The OCSP responder of a CA, whatever the key (R09).
    pub fn ocsp_url(&self, ca: Ca) -> &str {
        &self.of(ca).ocsp_url
    }

    /// The CA certificate of one issuer, in DER (RFC 5280 §4.2.2.1).
    pub fn ca_issuers_url(&self, IssuerKey { ca, key }: IssuerKey) -> String {
        format!("{}/certs/{ca}/{key}.cer", self.settings.public_base_url)
    }
}

/// What may follow `http://`: something, in visible ASCII without the characters that RFC 3986 keeps out of URIs.
fn is_uri_rest(rest: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    !rest.is_empty() && rest.bytes().all(fit)
}

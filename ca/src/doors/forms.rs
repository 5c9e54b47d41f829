//! The forms of what stands in bodies and paths, as the doors' OpenAPI documents tell them.
//!
//! A type here carries text as it came; that it has this form is judged by the rules, each with a problem of its own. What
//! several rules judge alike stands with the type.
use std::borrow::Cow;

use pki::identity::Ca;
use pki::person::Sex;
use pki::revocation::RevocationReason;
use registry::consent::Item;
use registry::event::Role;
use registry::usage::QueryPurpose;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::{Problem, ProblemKind};

/// The reason that a held certificate is told with.
pub(crate) const HOLD_WORD: &str = "certificateHold";

macro_rules! words {
    ($($(#[doc = $doc:literal])* $name:ident = $words:expr;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Deserialize, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words = ObjectBuilder::new().schema_type(Type::String).enum_values(Some($words));
                words.description(Some(concat!($($doc),*).trim())).build().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

words! {
    /// Which CA: `sign` (署名用, signature certificates) or `auth` (利用者証明用, user certificates).
    CaWord = Ca::ALL.map(Ca::word);
    /// 性別.
    SexWord = Sex::ALL.map(Sex::word);
    /// 提供項目: an item of the 4 info.
    ItemWord = Item::ALL.map(Item::word);
    /// What a party may do.
    RoleWord = Role::ALL.map(Role::word);
    /// What the status of a certificate is asked for (利用目的).
    PurposeWord = QueryPurpose::ALL.map(QueryPurpose::word);
    /// CRLReason (失効事由), RFC 5280 §5.3.1. It follows from the cause.
    ReasonWord = RevocationReason::ALL.map(RevocationReason::word).into_iter().chain([HOLD_WORD]);
}

/// 住民票コード. Kept as a keyed hash only.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(pattern = "^[0-9]{11}$", example = "12345678901")]
pub struct ResidentCode(pub String);

/// 全国地方公共団体コード (JIS X 0402) without its check digit; wards of designated cities use their city's.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(pattern = "^[0-9]{5}$", example = "13221")]
pub struct MunicipalityWord(pub String);

/// The four characters that tell a municipality's desks apart (受付窓口識別記号).
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(pattern = "^[0-9A-Z]{4}$", example = "003A")]
pub struct DeskSign(pub String);

/// 発行番号: a decimal number from 1 to 9223372036854775807, as text.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(pattern = "^0*[1-9][0-9]{0,18}$", example = "3")]
pub struct SerialWord(pub String);

/// A day in Japan.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(format = Date, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", example = "2035-02-17")]
pub struct Day(pub String);

/// 生年月日. An unknown day or month is `00`.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(pattern = "^[0-9]{4}-(0[0-9]|1[0-2])-([0-2][0-9]|3[01])$", example = "1980-02-17")]
pub struct BirthDateWord(pub String);

/// RFC 3339, in Japan.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(format = DateTime, example = "2026-11-22T07:00:00+09:00")]
pub struct Time(pub String);

/// 氏名: family and given name with one full-width space between; JIS X 0208 and JIS X 0212, full-width.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 100, pattern = "^[^ -~]+$", example = "黒桐　幹也")]
pub struct NameText(pub String);

/// フリガナ: full-width katakana, ー and ・, with one full-width space where the name has one.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 200, pattern = "^[ァ-ヶー・\u{3000}]+$", example = "コクトウ　ミキヤ")]
pub struct KanaText(pub String);

/// 住所: prefecture first; JIS X 0208 and JIS X 0212, full-width.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 200, pattern = "^[^ -~]+$", example = "東京都清瀬市観布子南１２－７－２０２")]
pub struct AddressText(pub String);

/// 代替文字の使用情報: one `0` or `1` a character, `1` where the desk put a substitute.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(pattern = "^[01]{1,200}$", example = "00000")]
pub struct Substitutions(pub String);

/// PKCS #10 as PEM, of the profile's algorithm; only its key is taken.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    max_length = 16384,
    pattern = "-----BEGIN (NEW )?CERTIFICATE REQUEST-----",
    example = "-----BEGIN CERTIFICATE REQUEST-----\nMIICVjCCAT4CAQAwETEPMA0GA1UEAwwGa2l5b3Nl…\n-----END CERTIFICATE REQUEST-----\n"
)]
pub struct RequestPem(pub String);

/// The name of a provider or a service: no control characters, no space at its ends.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 100, example = "Hinode Bank accounts")]
pub struct OfficeName(pub String);

/// Octets in base64 (RFC 4648 §4).
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(content_encoding = "base64", pattern = "^[A-Za-z0-9+/]*={0,2}$")]
pub struct Base64(pub String);

/// A certificate as PEM.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(
    pattern = "^-----BEGIN CERTIFICATE-----\n",
    example = "-----BEGIN CERTIFICATE-----\nMIIFUDCCBDigAwIBAgIBAzANBgkqhkiG9w0BAQsF…\n-----END CERTIFICATE-----\n"
)]
pub struct CertificatePem(pub String);

/// Why. It is recorded in the open part of the log: no personal data.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 200, example = "the key was lost")]
pub struct Because(String);

impl Because {
    const CHARACTERS_MAX: usize = 200;

    /// What will be recorded: 1 to 200 characters.
    pub fn recorded(self) -> Result<String, Problem> {
        let Self(because) = self;
        if because.is_empty() || because.chars().count() > Self::CHARACTERS_MAX {
            let detail = format!("1 to {} characters are recorded", Self::CHARACTERS_MAX);
            return Err(Problem::of_field(ProblemKind::NotInForm, "because", detail));
        }
        Ok(because)
    }
}

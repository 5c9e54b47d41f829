//! What a person signs about their phone: the application for certificates in it, and notices (facts 5).
use pki::algorithm::PublicKey;
use pki::time::UnixTime;
use registry::queue::PhoneNotice;

use crate::application::public_key_of;
use crate::authority::Authority;
use crate::problem::Problem;
use crate::signed::xml::{Form, not_in_form, refused};

/// The namespace of all of them.
const NAMESPACE: &str = "urn:akashi:phone-application:1";
/// 端末識別子: an opaque name that the portal gives the phone.
const PHONE: &str = "端末識別子";
const AUTH_REQUEST: &str = "利用者証明用証明書署名要求";
const SIGN_REQUEST: &str = "署名用証明書署名要求";

const APPLICATION: Form = Form {
    namespace: NAMESPACE,
    root: "移動端末設備用電子証明書発行申請情報",
    elements: &[PHONE, AUTH_REQUEST, SIGN_REQUEST],
};

/// What an application for certificates in a phone says.
pub(crate) struct PhoneApplication {
    /// 端末識別子
    pub(crate) phone: String,
    /// The key of the user certificate that is asked for.
    pub(crate) auth: Option<PublicKey>,
    /// The key of the signature certificate that is asked for.
    pub(crate) sign: Option<PublicKey>,
    /// 申請日時
    pub(crate) applied_at: UnixTime,
}

impl PhoneApplication {
    /// Reads an application.
    pub(crate) fn read(authority: &Authority, octets: &[u8]) -> Result<Self, Problem> {
        let texts = APPLICATION.read(octets)?;
        let phone = texts.one(PHONE)?;
        let fits = (16..=64).contains(&phone.len())
            && phone.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        if !fits {
            return Err(not_in_form(PHONE));
        }
        let key = |element| {
            let request = texts.at_most_one(element)?;
            request.map(|pem| public_key_of(authority, "application", pem.trim().as_bytes())).transpose()
        };
        let (auth, sign) = (key(AUTH_REQUEST)?, key(SIGN_REQUEST)?);
        if auth.is_none() && sign.is_none() {
            return Err(refused(AUTH_REQUEST, "is missing, and 署名用証明書署名要求 as well"));
        }
        Ok(Self { phone: phone.to_owned(), auth, sign, applied_at: texts.applied_at()? })
    }
}

/// Reads a notice; gives its 申請日時.
pub(crate) fn read_notice(octets: &[u8], notice: PhoneNotice) -> Result<UnixTime, Problem> {
    let root = match notice {
        PhoneNotice::Found => "移動端末設備発見届",
        PhoneNotice::Retired => "移動端末設備用電子証明書失効申請情報",
    };
    Form { namespace: NAMESPACE, root, elements: &[] }.read(octets)?.applied_at()
}

//! What 利用者同意申請情報 and 利用者同意取消申請情報 say (facts 4.2).
use pki::time::UnixTime;
use registry::consent::{Item, Items, ServiceId};
use registry::state::ServiceRecord;

use crate::problem::Problem;
use crate::signed::xml::{Form, Texts, not_in_form, refused};

/// Every application's namespace.
const NAMESPACE: &str = "urn:akashi:consent:1";
const SERVICE: &str = "サービス番号";
const SERVICE_NAME: &str = "サービス名";
const ITEM: &str = "提供項目";

/// What an application is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To consent.
    Consent,
    /// To withdraw every consent for the service.
    Withdrawal,
}

impl Purpose {
    const fn form(self) -> Form {
        match self {
            Self::Consent => {
                Form {
                    namespace: NAMESPACE, root: "利用者同意申請情報", elements: &[SERVICE, SERVICE_NAME, ITEM]
                }
            }
            Self::Withdrawal => {
                Form {
                    namespace: NAMESPACE, root: "利用者同意取消申請情報", elements: &[SERVICE, SERVICE_NAME]
                }
            }
        }
    }
}

/// What an application says.
pub struct Application {
    /// サービス番号
    pub service: ServiceId,
    service_name: String,
    /// What may be told; `None` in a withdrawal.
    pub items: Option<Items>,
    /// 申請日時
    pub applied_at: UnixTime,
}

impl Application {
    /// Reads an application of that purpose.
    pub fn read(octets: &[u8], purpose: Purpose) -> Result<Self, Problem> {
        let texts = purpose.form().read(octets)?;
        let service = texts.one(SERVICE)?;
        let service_name = texts.one(SERVICE_NAME)?.to_owned();
        let applied_at = texts.applied_at()?;
        // As it is written nowhere else: no sign, no zero in front.
        let decimal = service.parse().ok().filter(|number: &u32| number.to_string() == service);
        let service = decimal.map(ServiceId).ok_or_else(|| not_in_form(SERVICE))?;
        let items = match purpose {
            Purpose::Consent => Some(items(&texts)?),
            Purpose::Withdrawal => None,
        };
        Ok(Self { service, service_name, items, applied_at })
    }

    /// The person saw the service's name as it is registered.
    pub(crate) fn require_name(&self, service: &ServiceRecord) -> Result<(), Problem> {
        if self.service_name == service.name {
            Ok(())
        } else {
            Err(refused(SERVICE_NAME, "is not the name under which the service is registered"))
        }
    }
}

fn items(texts: &Texts) -> Result<Items, Problem> {
    let mut found = Vec::new();
    for word in texts.all(ITEM) {
        let item = Item::ALL.into_iter().find(|item| item.japanese() == word);
        let item = item.ok_or_else(|| refused(ITEM, "is one of 氏名, 住所, 生年月日, 性別"))?;
        if found.contains(&item) {
            return Err(refused(ITEM, &format!("{} is repeated", item.japanese())));
        }
        found.push(item);
    }
    Items::new(found).ok_or_else(|| refused(ITEM, "is missing"))
}

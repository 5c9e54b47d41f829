//! 利用者同意申請情報 and 利用者同意取消申請情報: the XML that a person signs (facts 4.2). It is judged as the octets that
//! came; nothing is rewritten before the signature is verified.
use pki::time::UnixTime;
use registry::consent::{Item, Items, ServiceId};
use registry::state::ServiceRecord;
use roxmltree::{Document, Node, ParsingOptions};

use crate::problem::{Problem, ProblemKind};

/// Ten times what the longest names make; in base64 it fits a body beside a CMS signature and two certificates.
pub const APPLICATION_OCTETS_MAX: usize = 8 * 1_024;
/// The root, its elements, and the text in and between them, with room for as many again.
const NODES_MAX: u32 = 64;
/// Every application's namespace.
const NAMESPACE: &str = "urn:akashi:consent:1";
/// How every application begins.
const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

const SERVICE: &str = "サービス番号";
const SERVICE_NAME: &str = "サービス名";
const ITEM: &str = "提供項目";
const NUMBER: &str = "申請番号";
const APPLIED_AT: &str = "申請日時";

/// What an application is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To consent.
    Consent,
    /// To withdraw every consent for the service.
    Withdrawal,
}

impl Purpose {
    const fn root(self) -> &'static str {
        match self {
            Self::Consent => "利用者同意申請情報",
            Self::Withdrawal => "利用者同意取消申請情報",
        }
    }
}

/// What an application says. Its 申請番号 has no meaning but to make it unlike every other.
pub(crate) struct Application {
    pub(crate) service: ServiceId,
    service_name: String,
    /// What may be told; `None` in a withdrawal.
    pub(crate) items: Option<Items>,
    /// 申請日時
    pub(crate) applied_at: UnixTime,
}

impl Application {
    /// Reads an application of that purpose.
    pub(crate) fn read(octets: &[u8], purpose: Purpose) -> Result<Self, Problem> {
        let text = text_of(octets)?;
        let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options)
            .map_err(|_| malformed("it is not well-formed XML, or has more elements than an application"))?;
        let root = document.root_element();
        if !is_plain(root, purpose.root()) {
            return Err(malformed(&format!("its root is not {} of {NAMESPACE}, without attributes", purpose.root())));
        }
        Fields::of(root, purpose)?.judge(purpose)
    }

    /// The person saw the service's name as it is registered.
    pub(crate) fn require_name(&self, service: &ServiceRecord) -> Result<(), Problem> {
        if self.service_name == service.name {
            Ok(())
        } else {
            Err(malformed(&format!("{SERVICE_NAME} is not the name under which the service is registered")))
        }
    }
}

/// Names elements, never what stands in them.
fn malformed(detail: &str) -> Problem {
    Problem::of_field(ProblemKind::ApplicationMalformed, "application", detail)
}

/// The text, before anything in it is read as XML.
fn text_of(octets: &[u8]) -> Result<&str, Problem> {
    if octets.len() > APPLICATION_OCTETS_MAX {
        return Err(malformed(&format!("it has more than {APPLICATION_OCTETS_MAX} octets")));
    }
    let text = std::str::from_utf8(octets).map_err(|_| malformed("it is not UTF-8"))?;
    let rest =
        text.strip_prefix(DECLARATION).ok_or_else(|| malformed(&format!("it does not begin with {DECLARATION}")))?;
    // A DTD could bring entities, and a comment or an instruction what the person was not shown.
    if rest.contains("<!") || rest.contains("<?") {
        return Err(malformed("a DTD, a comment, CDATA or a processing instruction does not belong in it"));
    }
    Ok(text)
}

fn is_plain(node: Node<'_, '_>, name: &str) -> bool {
    let tag = node.tag_name();
    tag.namespace() == Some(NAMESPACE) && tag.name() == name && node.attributes().len() == 0
}

/// The texts of the elements under the root.
#[derive(Default)]
struct Fields<'a> {
    service: Option<&'a str>,
    service_name: Option<&'a str>,
    items: Vec<&'a str>,
    number: Option<&'a str>,
    applied_at: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn of(root: Node<'a, '_>, purpose: Purpose) -> Result<Self, Problem> {
        let mut fields = Self::default();
        for child in root.children() {
            if !child.is_element() {
                let blank = child.text().is_some_and(|text| text.trim().is_empty());
                if blank {
                    continue;
                }
                return Err(malformed("text stands between its elements"));
            }
            let known = [SERVICE, SERVICE_NAME, ITEM, NUMBER, APPLIED_AT].into_iter();
            let name = known.into_iter().find(|name| is_plain(child, name));
            let name = name.ok_or_else(|| malformed("an element that does not belong in it, or has attributes"))?;
            fields.take(name, content(child, name)?, purpose)?;
        }
        Ok(fields)
    }

    fn take(&mut self, name: &'static str, text: &'a str, purpose: Purpose) -> Result<(), Problem> {
        let place = match (name, purpose) {
            (SERVICE, _) => &mut self.service,
            (SERVICE_NAME, _) => &mut self.service_name,
            (NUMBER, _) => &mut self.number,
            (APPLIED_AT, _) => &mut self.applied_at,
            (_, Purpose::Consent) => {
                self.items.push(text);
                return Ok(());
            }
            (_, Purpose::Withdrawal) => return Err(malformed(&format!("{ITEM} does not belong in a withdrawal"))),
        };
        if place.replace(text).is_some() {
            return Err(malformed(&format!("{name} is repeated")));
        }
        Ok(())
    }

    fn judge(self, purpose: Purpose) -> Result<Application, Problem> {
        let missing = |name: &'static str| move || malformed(&format!("{name} is missing"));
        let not_in_form = |name: &str| malformed(&format!("{name} is not in its form"));
        let service = self.service.ok_or_else(missing(SERVICE))?;
        let service_name = self.service_name.ok_or_else(missing(SERVICE_NAME))?.to_owned();
        let number = self.number.ok_or_else(missing(NUMBER))?;
        let applied_at = self.applied_at.ok_or_else(missing(APPLIED_AT))?;
        let number_fits = (16..=64).contains(&number.len())
            && number.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        if !number_fits {
            return Err(not_in_form(NUMBER));
        }
        // As it is written nowhere else: no sign, no zero in front.
        let decimal = service.parse().ok().filter(|number: &u32| number.to_string() == service);
        let service = decimal.map(ServiceId).ok_or_else(|| not_in_form(SERVICE))?;
        let applied_at = applied_at.parse().map_err(|_| not_in_form(APPLIED_AT))?;
        let items = match purpose {
            Purpose::Consent => Some(items(&self.items)?),
            Purpose::Withdrawal => None,
        };
        Ok(Application { service, service_name, items, applied_at })
    }
}

/// The one text in an element.
fn content<'a>(element: Node<'a, '_>, name: &str) -> Result<&'a str, Problem> {
    let mut children = element.children();
    match (children.next(), children.next()) {
        (Some(only), None) if only.is_text() => Ok(only.text().unwrap_or_default()),
        (None, _) => Err(malformed(&format!("{name} is empty"))),
        (Some(_), _) => Err(malformed(&format!("{name} holds something besides text"))),
    }
}

fn items(words: &[&str]) -> Result<Items, Problem> {
    let mut found = Vec::new();
    for word in words {
        let item = Item::ALL.into_iter().find(|item| item.japanese() == *word);
        let item = item.ok_or_else(|| malformed(&format!("{ITEM} is one of 氏名, 住所, 生年月日, 性別")))?;
        if found.contains(&item) {
            return Err(malformed(&format!("{ITEM} {} is repeated", item.japanese())));
        }
        found.push(item);
    }
    Items::new(found).ok_or_else(|| malformed(&format!("{ITEM} is missing")))
}

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

/// What XML takes for white space (XML 1.0 §2.3), and nothing that only looks like it.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// An element under the root.
#[derive(Clone, Copy)]
enum Field {
    Service,
    ServiceName,
    Item,
    Number,
    AppliedAt,
}

impl Field {
    const ALL: [Self; 5] = [Self::Service, Self::ServiceName, Self::Item, Self::Number, Self::AppliedAt];

    const fn element(self) -> &'static str {
        match self {
            Self::Service => "サービス番号",
            Self::ServiceName => "サービス名",
            Self::Item => "提供項目",
            Self::Number => "申請番号",
            Self::AppliedAt => "申請日時",
        }
    }

    /// Refused, with why; what stands in the element is never told.
    fn refused(self, why: &str) -> Problem {
        malformed(&format!("{} {why}", self.element()))
    }
}

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
            let detail =
                format!("its root is not {} of the one namespace {NAMESPACE}, without attributes", purpose.root());
            return Err(malformed(&detail));
        }
        Fields::of(root, purpose)?.judge(purpose)
    }

    /// The person saw the service's name as it is registered.
    pub(crate) fn require_name(&self, service: &ServiceRecord) -> Result<(), Problem> {
        if self.service_name == service.name {
            Ok(())
        } else {
            Err(Field::ServiceName.refused("is not the name under which the service is registered"))
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

/// An element of that name in the default namespace, without attributes, where no other namespace is declared: then it has
/// no prefix either.
fn is_plain(node: Node<'_, '_>, name: &str) -> bool {
    let tag = node.tag_name();
    let only_default = node.namespaces().all(|namespace| namespace.name().is_none());
    tag.namespace() == Some(NAMESPACE) && tag.name() == name && only_default && node.attributes().len() == 0
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
                let blank = child.text().is_some_and(|text| text.trim_matches(BLANKS).is_empty());
                if blank {
                    continue;
                }
                return Err(malformed("text stands between its elements"));
            }
            let field = Field::ALL.into_iter().find(|field| is_plain(child, field.element()));
            let field = field.ok_or_else(|| malformed("an element that does not belong in it, or has attributes"))?;
            fields.take(field, content(child, field)?, purpose)?;
        }
        Ok(fields)
    }

    fn take(&mut self, field: Field, text: &'a str, purpose: Purpose) -> Result<(), Problem> {
        let place = match (field, purpose) {
            (Field::Service, _) => &mut self.service,
            (Field::ServiceName, _) => &mut self.service_name,
            (Field::Number, _) => &mut self.number,
            (Field::AppliedAt, _) => &mut self.applied_at,
            (Field::Item, Purpose::Consent) => {
                self.items.push(text);
                return Ok(());
            }
            (Field::Item, Purpose::Withdrawal) => return Err(field.refused("does not belong in a withdrawal")),
        };
        if place.replace(text).is_some() {
            return Err(field.refused("is repeated"));
        }
        Ok(())
    }

    fn judge(self, purpose: Purpose) -> Result<Application, Problem> {
        let missing = |field: Field| move || field.refused("is missing");
        let not_in_form = |field: Field| field.refused("is not in its form");
        let service = self.service.ok_or_else(missing(Field::Service))?;
        let service_name = self.service_name.ok_or_else(missing(Field::ServiceName))?.to_owned();
        let number = self.number.ok_or_else(missing(Field::Number))?;
        let applied_at = self.applied_at.ok_or_else(missing(Field::AppliedAt))?;
        let number_fits = (16..=64).contains(&number.len())
            && number.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        if !number_fits {
            return Err(not_in_form(Field::Number));
        }
        // As it is written nowhere else: no sign, no zero in front.
        let decimal = service.parse().ok().filter(|number: &u32| number.to_string() == service);
        let service = decimal.map(ServiceId).ok_or_else(|| not_in_form(Field::Service))?;
        let applied_at = applied_at.parse().map_err(|_| not_in_form(Field::AppliedAt))?;
        let items = match purpose {
            Purpose::Consent => Some(items(&self.items)?),
            Purpose::Withdrawal => None,
        };
        Ok(Application { service, service_name, items, applied_at })
    }
}

/// The one text in an element.
fn content<'a>(element: Node<'a, '_>, field: Field) -> Result<&'a str, Problem> {
    let mut children = element.children();
    match (children.next(), children.next()) {
        (Some(only), None) if only.is_text() => Ok(only.text().unwrap_or_default()),
        (None, _) => Err(field.refused("is empty")),
        (Some(_), _) => Err(field.refused("holds something besides text")),
    }
}

fn items(words: &[&str]) -> Result<Items, Problem> {
    let mut found = Vec::new();
    for word in words {
        let item = Item::ALL.into_iter().find(|item| item.japanese() == *word);
        let item = item.ok_or_else(|| Field::Item.refused("is one of 氏名, 住所, 生年月日, 性別"))?;
        if found.contains(&item) {
            return Err(Field::Item.refused(&format!("{} is repeated", item.japanese())));
        }
        found.push(item);
    }
    Items::new(found).ok_or_else(|| Field::Item.refused("is missing"))
}

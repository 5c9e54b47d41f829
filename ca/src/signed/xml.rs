//! The XML that a person signs, read strictly (facts 4.2): one root, under it elements of one text each, nothing else. It
//! is judged as the octets that came; nothing is rewritten before the signature is verified.
use pki::time::UnixTime;
use roxmltree::{Document, Node, ParsingOptions};

use crate::problem::{Problem, ProblemKind};

/// Ten times what the longest names make, or two certification requests; in base64 it fits a body beside a CMS signature
/// and two certificates.
pub const APPLICATION_OCTETS_MAX: usize = 8 * 1_024;
/// The root, its elements, and the text in and between them, with room for as many again.
const NODES_MAX: u32 = 64;
/// How every application begins.
const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
/// What XML takes for white space (XML 1.0 §2.3), and nothing that only looks like it.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// 申請番号, which has no meaning but to make an application unlike every other.
pub(crate) const NUMBER: &str = "申請番号";
/// 申請日時
pub(crate) const APPLIED_AT: &str = "申請日時";

/// What an application's XML is made of.
pub(crate) struct Form {
    pub(crate) namespace: &'static str,
    pub(crate) root: &'static str,
    /// Elements under the root besides [`NUMBER`] and [`APPLIED_AT`], in any order.
    pub(crate) elements: &'static [&'static str],
}

/// The texts of the elements under the root.
pub(crate) struct Texts(Vec<(&'static str, String)>);

impl Form {
    /// Reads an application of this form.
    pub(crate) fn read(&self, octets: &[u8]) -> Result<Texts, Problem> {
        let text = text_of(octets)?;
        let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options)
            .map_err(|_| malformed("it is not well-formed XML, or has more elements than an application"))?;
        let root = document.root_element();
        if !self.is_plain(root, self.root) {
            let (root, namespace) = (self.root, self.namespace);
            let detail = format!("its root is not {root} of the one namespace {namespace}, without attributes");
            return Err(malformed(&detail));
        }
        let mut texts = Vec::new();
        for child in root.children() {
            if !child.is_element() {
                let blank = child.text().is_some_and(|text| text.trim_matches(BLANKS).is_empty());
                if blank {
                    continue;
                }
                return Err(malformed("text stands between its elements"));
            }
            let mut elements = self.elements.iter().chain(&[NUMBER, APPLIED_AT]);
            let element = elements.find(|element| self.is_plain(child, element));
            let element =
                element.ok_or_else(|| malformed("an element that does not belong in it, or has attributes"))?;
            texts.push((*element, content(child, element)?.to_owned()));
        }
        Ok(Texts(texts))
    }

    /// An element of that name in the default namespace, without attributes, where no other namespace is declared: then it
    /// has no prefix either.
    fn is_plain(&self, node: Node<'_, '_>, name: &str) -> bool {
        let tag = node.tag_name();
        let only_default = node.namespaces().all(|namespace| namespace.name().is_none());
        tag.namespace() == Some(self.namespace) && tag.name() == name && only_default && node.attributes().len() == 0
    }
}

impl Texts {
    /// Every text of that element.
    pub(crate) fn all(&self, element: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(name, _)| *name == element).map(|(_, text)| text.as_str())
    }

    /// The text of an element that may be missing.
    pub(crate) fn at_most_one(&self, element: &str) -> Result<Option<&str>, Problem> {
        let mut texts = self.all(element);
        match (texts.next(), texts.next()) {
            (text, None) => Ok(text),
            (_, Some(_)) => Err(refused(element, "is repeated")),
        }
    }

    /// The text of an element that must be there.
    pub(crate) fn one(&self, element: &str) -> Result<&str, Problem> {
        self.at_most_one(element)?.ok_or_else(|| refused(element, "is missing"))
    }

    /// 申請日時, where 申請番号 is in its form, too.
    pub(crate) fn applied_at(&self) -> Result<UnixTime, Problem> {
        let number = self.one(NUMBER)?;
        let number_fits = (16..=64).contains(&number.len())
            && number.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        if !number_fits {
            return Err(not_in_form(NUMBER));
        }
        self.one(APPLIED_AT)?.parse().map_err(|_| not_in_form(APPLIED_AT))
    }
}

/// Names elements, never what stands in them.
pub(crate) fn malformed(detail: &str) -> Problem {
    Problem::of_field(ProblemKind::ApplicationMalformed, "application", detail)
}

/// An element is refused, with why.
pub(crate) fn refused(element: &str, why: &str) -> Problem {
    malformed(&format!("{element} {why}"))
}

/// An element's text is none that it takes.
pub(crate) fn not_in_form(element: &str) -> Problem {
    refused(element, "is not in its form")
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

/// The one text in an element.
fn content<'a>(node: Node<'a, '_>, element: &str) -> Result<&'a str, Problem> {
    let mut children = node.children();
    match (children.next(), children.next()) {
        (Some(only), None) if only.is_text() => Ok(only.text().unwrap_or_default()),
        (None, _) => Err(refused(element, "is empty")),
        (Some(_), _) => Err(refused(element, "holds something besides text")),
    }
}

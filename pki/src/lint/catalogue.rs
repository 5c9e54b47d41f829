//! All lints as a table.
use std::fmt::Write as _;

use super::{CertificateKind, LintFinding, crl, decoded, encoding, form, kinds, layout, naming};
use crate::identity::Ca;

/// What lints look at, and the letter for it in the table.
const LOOKED_AT: [(char, Looked); 6] = [
    ('R', Looked::Certificate(CertificateKind::Root)),
    ('K', Looked::Certificate(CertificateKind::Link)),
    ('S', Looked::Certificate(CertificateKind::Leaf(Ca::Sign))),
    ('A', Looked::Certificate(CertificateKind::Leaf(Ca::Auth))),
    ('O', Looked::Certificate(CertificateKind::OcspResponder)),
    ('L', Looked::Crl),
];

#[derive(Clone, Copy)]
enum Looked {
    Certificate(CertificateKind),
    Crl,
}

/// Everything that can be found there, in the order in which it is looked for.
fn findings(looked: Looked) -> Vec<LintFinding> {
    let elements = || encoding::ENCODING.iter().chain(naming::NAMING).map(|lint| lint.finding);
    match looked {
        Looked::Certificate(kind) => {
            let rest = form::FORM.iter().chain(layout::LAYOUT).chain(kinds::contents(kind));
            let first = [encoding::ELEMENTS].into_iter().chain(elements()).chain([decoded::DECODABLE]);
            first.chain(rest.map(|lint| lint.finding)).collect()
        }
        Looked::Crl => crl::findings(elements()),
    }
}

/// The table of docs/lints.md: one row for each lint, the letters of what it looks at beside it.
pub fn table() -> String {
    let lists = LOOKED_AT.map(|(letter, looked)| (letter, findings(looked)));
    let mut rows: Vec<LintFinding> = Vec::new();
    for finding in lists.iter().flat_map(|(_, list)| list) {
        if !rows.contains(finding) {
            rows.push(*finding);
        }
    }
    let mut table = String::from("| lint | clause | what it refuses | looks at |\n|---|---|---|---|\n");
    for row in rows {
        let letters = lists.iter().filter(|(_, list)| list.contains(&row)).map(|(letter, _)| *letter);
        let (LintFinding { lint, clause, refuses }, letters) = (row, letters.collect::<String>());
        writeln!(table, "| `{lint}` | {clause} | {refuses} | {letters} |").expect("a String takes everything");
    }
    table
}

/// Names of all lints that look at a kind of certificate, or at CRLs.
#[cfg(test)]
pub(super) fn names(kind: Option<CertificateKind>) -> Vec<&'static str> {
    findings(kind.map_or(Looked::Crl, Looked::Certificate)).into_iter().map(|finding| finding.lint).collect()
}

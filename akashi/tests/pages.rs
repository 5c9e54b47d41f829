//! The pages against the code: what they name exists, and what they must name is named.
//!
//! A path is a word in backticks that begins with a folder or file of the repository. `path::name` is a function, type
//! or constant in it.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use akashi::keys::Labels;
use ca::problem::{ProblemKind, TYPE_PREFIX};
use pki::identity::{Ca, IssuerKey, KeyNumber};

const PAGES: [&str; 13] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/CONFORMANCE.md",
    "docs/api.md",
    "docs/commands.md",
    "docs/integrators.md",
    "docs/jpki-facts.md",
    "docs/operating.md",
    "docs/sandbox.md",
    "pki/data/README.md",
    "hsm-mock/src/lib.rs",
];
/// What a repository path begins with.
const TOP: [&str; 12] = [
    ".ci",
    "akashi",
    "benches",
    "ca",
    "crl-publisher",
    "docs",
    "hsm-mock",
    "ocsp-responder",
    "ops",
    "pki",
    "registry",
    "status",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words between backticks, code blocks left out.
fn quoted(text: &str) -> Vec<String> {
    let mut in_block = false;
    let mut words = Vec::new();
    for line in text.lines() {
        if line.trim_start_matches(['/', '!', ' ']).starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            words.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    words
}

/// `path` or `path::name`, if the word is one.
fn link(word: &str) -> Option<(&str, Option<&str>)> {
    let word = word.split_whitespace().next()?;
    let (path, name) = word.split_once("::").map_or((word, None), |(path, name)| (path, Some(name)));
    let (top, _) = path.split_once('/')?;
    (TOP.contains(&top) && !path.contains(['*', '{', '<', '…'])).then_some((path, name))
}

fn defines(text: &str, name: &str) -> bool {
    ["fn", "def", "const", "struct", "enum", "trait", "type"].into_iter().any(|keyword| {
        let definition = format!("{keyword} {name}");
        text.match_indices(&definition).any(|(at, _)| {
            text[at + definition.len()..].chars().next().is_none_or(|next| !(next.is_alphanumeric() || next == '_'))
        })
    })
}

#[test]
fn every_path_that_a_page_names_exists_and_has_what_it_is_said_to_have() {
    let mut found = 0;
    let mut faults = Vec::new();
    for page in PAGES {
        for word in quoted(&read(page)) {
            let Some((path, name)) = link(&word) else { continue };
            found += 1;
            if !root().join(path).exists() {
                faults.push(format!("{page} names {path}, which does not exist"));
            } else if let Some(name) = name.filter(|name| !defines(&read(path), name)) {
                faults.push(format!("{page} names {word}, but {path} defines no {name}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(found > 200, "only {found} paths were recognised");
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    for page in PAGES {
        let text = read(page);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            if target.starts_with("http") || target.starts_with("crate") {
                continue;
            }
            let folder = root().join(page).parent().expect("a page lies in a folder").to_owned();
            assert!(folder.join(target).exists(), "{page} links to {target}, which does not exist");
        }
    }
}

#[test]
fn every_problem_and_every_call_stands_in_the_api_page() {
    let page = read("docs/api.md");
    assert!(page.contains(TYPE_PREFIX));
    for kind in ProblemKind::ALL {
        let row = format!("| `{}` | {} | {} | {} |", kind.slug(), kind.status(), kind.title(), kind.remedy());
        assert!(page.contains(&row), "docs/api.md lacks this row: {row}");
    }
    let mut calls = 0;
    for source in [
        "ca/src/doors/admin.rs",
        "ca/src/doors/describe.rs",
        "ca/src/doors/desk.rs",
        "ca/src/doors/expiring.rs",
        "ca/src/doors/hotline.rs",
        "ca/src/doors/operators.rs",
        "ca/src/doors/phone.rs",
        "ca/src/doors/residents.rs",
        "ca/src/doors/usage.rs",
        "akashi/src/serve/cuts.rs",
        "akashi/src/serve/metered.rs",
        "akashi/src/observe.rs",
        "crl-publisher/src/serve.rs",
        "ocsp-responder/src/http.rs",
    ] {
        let text = read(source);
        let described = text.split("    path = \"").skip(1);
        let routes = text.split(".route(\"").skip(1).chain(described).chain(text.split("_PATH: &str = \"").skip(1));
        for route in routes.filter_map(|rest| rest.split('"').next()) {
            // What the routers call a file has its full form on the page.
            let route = route
                .replace("{key}/{file}", "{key}/{code}.crl")
                .replace("/certs/{ca}/{file}", "/certs/{ca}/{key}.cer")
                .replace("{*request}", "{request}");
            let named = page.contains(&route) || route == "/metrics";
            assert!(named, "docs/api.md does not name {route} of {source}");
            calls += 1;
        }
    }
    assert!(calls > 18, "only {calls} calls were recognised");
}

#[test]
fn every_setting_and_every_metric_stands_in_the_operators_page() {
    let page = read("docs/operating.md");
    let example: toml::Table = akashi::config::EXAMPLE.parse().expect("the example is TOML");
    for (key, value) in &example {
        let settings = match value {
            toml::Value::Table(section) => section.keys().map(|name| format!("{key}.{name}")).collect(),
            _ => vec![key.clone()],
        };
        for setting in settings {
            assert!(page.contains(&format!("| `{setting}` |")), "docs/operating.md lacks the setting {setting}");
        }
    }
    let mut metrics = BTreeSet::new();
    for source in ["akashi/src/observe.rs", "crl-publisher/src/metrics.rs", "ocsp-responder/src/metrics.rs"] {
        let text = read(source);
        let names = text.split('"').skip(1).step_by(2).filter(|name| !name.contains([' ', '-', '{']));
        metrics
            .extend(names.filter(|name| name.starts_with("akashi_") || name.starts_with("ocsp_")).map(str::to_owned));
    }
    assert!(metrics.len() > 15, "only {} metrics were recognised", metrics.len());
    for metric in metrics {
        assert!(page.contains(&format!("| `{metric}` |")), "docs/operating.md lacks the metric {metric}");
    }
}

#[test]
fn the_architecture_page_names_every_folder_step_key_and_dependency() {
    let page = read("ARCHITECTURE.md");
    let workspace: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let members = workspace["workspace"]["members"].as_array().expect("a list");
    let mut used = BTreeSet::new();
    for member in members.iter().filter_map(toml::Value::as_str) {
        assert!(page.contains(&format!("`{member}/`")), "no row for {member}/");
        let manifest: toml::Table = read(&format!("{member}/Cargo.toml")).parse().expect("Cargo.toml is TOML");
        for part in ["dependencies", "dev-dependencies"] {
            used.extend(
                manifest.get(part).and_then(toml::Value::as_table).into_iter().flat_map(|part| part.keys().cloned()),
            );
        }
    }
    for dependency in used.iter().filter(|name| !members.iter().any(|member| member.as_str() == Some(name))) {
        assert!(page.contains(&format!("`{dependency}`")), "no reason for the dependency {dependency}");
    }
    for (source, at_least) in [
        ("ca/src/issue.rs", 4),
        ("ca/src/withdraw.rs", 1),
        ("ca/src/compromise.rs", 2),
        ("ca/src/residents/batch.rs", 2),
        ("ca/src/consent.rs", 2),
        ("ca/src/phone.rs", 3),
        ("ca/src/disclosure.rs", 2),
        ("ca/src/usage/meter.rs", 2),
        ("crl-publisher/src/publish.rs", 8),
        ("akashi/src/snapshot.rs", 3),
    ] {
        let text = read(source);
        let steps: Vec<_> = text
            .split("step)(\"")
            .skip(1)
            .chain(text.split(" step(\"").skip(1))
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(steps.len() >= at_least, "{source}: only {} steps were recognised", steps.len());
        for step in steps {
            assert!(page.contains(&format!("`{step}`")), "the step {step} is not described");
        }
    }
    let issuers = Ca::ALL.map(|ca| IssuerKey { ca, key: KeyNumber::FIRST });
    let keys = [Labels::manifest_key(), Labels::party_ca_key(), Labels::hash_key()];
    for label in issuers.map(Labels::ca_key).iter().chain(&keys) {
        assert!(page.contains(&format!("`{label}`")), "the key {label} is not in the table");
    }
}

#[test]
fn every_fact_that_the_code_cites_is_on_its_page() {
    let page = read("docs/jpki-facts.md");
    let headings: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with("##")))
        .filter_map(|heading| heading.split(' ').next())
        .collect();
    let mut cited = BTreeSet::new();
    for member in TOP {
        collect_facts(&root().join(member), &mut cited);
    }
    assert!(cited.len() > 8, "only {cited:?} were recognised");
    for fact in cited {
        assert!(headings.contains(fact.as_str()), "facts {fact} is cited, but docs/jpki-facts.md has no such part");
    }
}

fn collect_facts(path: &Path, cited: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("readable") {
            collect_facts(&entry.expect("readable").path(), cited);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
        let text = fs::read_to_string(path).expect("source is UTF-8");
        for rest in text.split("facts ").skip(1) {
            let number: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            let number = number.trim_end_matches('.');
            if !number.is_empty() {
                cited.insert(number.to_owned());
            }
        }
    }
}

#[test]
fn the_pages_name_no_machine() {
    let home = ["/ro", "ot/"].concat();
    let work = ["/wo", "rk/"].concat();
    for page in PAGES {
        let text = read(page);
        for place in [&home, &work, "/home/", "/Users/"] {
            assert!(!text.contains(place), "{page} names {place}");
        }
    }
}

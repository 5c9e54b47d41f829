//! docs/CONFORMANCE.md, the list of ways to break its rules (`ops/mutants.toml`) and the code, against each other. That the
//! linked tests fail when the code is broken in these ways is for `ops/conformance` to show, which takes its time.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// How many rules each letter has, and how wide their numbers are written.
const RULES: [(char, usize, usize); 7] =
    [('R', 22, 2), ('L', 15, 2), ('N', 5, 2), ('B', 7, 2), ('C', 17, 2), ('I', 25, 1), ('F', 9, 1)];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One line of the page: a rule, or a part of one.
struct Row {
    code: Vec<String>,
    /// What must fail when the code is broken.
    tests: Vec<String>,
    /// What looks at the same from elsewhere, after the word *also*.
    beside: Vec<String>,
    /// The state's word, and what is said of it.
    state: (String, String),
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn rows() -> BTreeMap<String, Row> {
    let page = read("docs/CONFORMANCE.md");
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| ") && line.matches('|').count() == 6) {
        let [_, rule, _, code, tests, state, _] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("a row has five fields: {line}")
        };
        if rule == "rule" {
            continue;
        }
        let (tests, beside) = tests.split_at(tests.find("also `").unwrap_or(tests.len()));
        let word = state.split([':', ',']).next().expect("split gives one part at least").to_owned();
        let why = state[word.len()..].to_owned();
        let row = Row { code: quoted(code), tests: quoted(tests), beside: quoted(beside), state: (word, why) };
        assert!(rows.insert(rule.to_owned(), row).is_none(), "{rule} has two rows");
    }
    rows
}

impl Row {
    /// The code obeys, all or in part, and tests must show it.
    fn is_tested(&self) -> bool {
        ["kept", "**part**"].contains(&&*self.state.0)
    }
}

/// One way to break a rule.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    #[serde(default)]
    rules: Vec<String>,
    breaks: String,
    file: String,
    text: String,
    replacement: String,
    tests: Vec<String>,
}

fn mutants_in(list: &str) -> Vec<Mutant> {
    #[derive(serde::Deserialize)]
    struct Mutants {
        mutant: Vec<Mutant>,
    }
    toml::from_str::<Mutants>(&read(list)).unwrap_or_else(|error| panic!("{list}: {error}")).mutant
}

fn mutants() -> Vec<Mutant> {
    mutants_in("ops/mutants.toml")
}

impl Mutant {
    fn still_finds_its_place(&self) {
        let Self { rules, breaks, file, text, replacement, tests } = self;
        assert_ne!(text, replacement, "{rules:?} {breaks}");
        assert_eq!(read(file).matches(text).count(), 1, "{rules:?} {breaks}: its text must stand once in {file}");
        assert!(!tests.is_empty(), "{rules:?} {breaks}: nothing must fail");
    }
}

/// The function is there, and of Rust a test.
fn is_test(link: &str) -> bool {
    let (path, name) = link.split_once("::").unwrap_or_else(|| panic!("{link} names no test"));
    let text = read(path);
    if path.starts_with("ops/") {
        return text.contains(&format!("def {name}("));
    }
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let definition = format!("fn {name}(");
    lines.iter().enumerate().any(|(at, line)| {
        let mut attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        line.contains(&definition)
            && attributes.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}

#[test]
fn every_rule_has_its_row_or_a_row_for_each_of_its_parts() {
    let rows = rows();
    let mut wanted = 0;
    for (letter, count, width) in RULES {
        for number in 1..=count {
            let rule = format!("{letter}{number:0width$}");
            let parts = ('a'..='z').take_while(|part| rows.contains_key(&format!("{rule}{part}"))).count();
            assert!(rows.contains_key(&rule) != (parts > 1), "{rule} has {parts} parts, or no row, or both");
            wanted += parts.max(1);
        }
    }
    assert_eq!(rows.len(), wanted, "a row is of no rule");
}

#[test]
fn a_row_has_what_its_state_asks_for() {
    for (rule, Row { code, tests, beside, state: (word, why) }) in rows() {
        let (needs_code, needs_test) = match word.as_str() {
            "kept" | "**part**" => (true, true),
            "by type" => (true, false),
            "unused" | "**open**" => (false, false),
            _ => panic!("{rule}: {word} is no state"),
        };
        assert!(word == "kept" || !why.is_empty(), "{rule}: {word}, but why?");
        assert!(!needs_code || !code.is_empty(), "{rule} names no code");
        assert_eq!(needs_test, !tests.is_empty(), "{rule} is {word}");
        assert!(tests.iter().all(|link| !link.starts_with("ops/")), "{rule} rests on what no Rust test shows");
        for link in tests.iter().chain(&beside) {
            assert!(is_test(link), "{rule}: {link} is no test");
        }
    }
}

#[test]
fn each_way_to_break_a_rule_still_finds_its_place_and_stands_in_the_rules_row() {
    let rows = rows();
    for mutant in mutants() {
        mutant.still_finds_its_place();
        let Mutant { rules, breaks, file, tests, .. } = mutant;
        assert!(!rules.is_empty(), "{breaks}: of which rule?");
        for rule in &rules {
            let row = rows.get(rule).filter(|row| row.is_tested());
            let row = row.unwrap_or_else(|| panic!("{rule} is no row that is kept, all or in part"));
            let cited = row.code.iter().any(|link| link.split("::").next() == Some(&*file));
            assert!(cited, "{rule} does not cite {file}, which is broken so that {breaks}");
        }
        for test in tests {
            let linked = rules.iter().any(|rule| rows[rule].tests.contains(&test));
            assert!(linked, "{rules:?} {breaks}: no row of these links {test}");
        }
    }
}

#[test]
fn each_fault_planted_for_the_random_lives_still_finds_its_place() {
    for fault in mutants_in("ops/faults.toml") {
        fault.still_finds_its_place();
        assert!(fault.tests.iter().all(|link| is_test(link)), "{}: no test", fault.breaks);
    }
}

#[test]
fn no_rule_is_called_kept_that_nobody_tried_to_break_and_no_test_is_linked_that_nothing_makes_fail() {
    let mut failing: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for mutant in mutants() {
        for rule in mutant.rules {
            failing.entry(rule).or_default().extend(mutant.tests.iter().cloned());
        }
    }
    for (rule, row) in rows().into_iter().filter(|(_, row)| row.is_tested()) {
        let made_to_fail = failing.remove(&rule).unwrap_or_else(|| panic!("ops/mutants.toml has nothing for {rule}"));
        for link in row.tests {
            assert!(made_to_fail.contains(&link), "{rule} links {link}, which nothing in ops/mutants.toml makes fail");
        }
    }
}

//! Help texts and docs/commands.md against the commands, and the commands against the doors.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use akashi::cli::Cli;
use clap::{CommandFactory, Parser};

/// The commands whose parts are calls, all or some of them.
const DOORS: [&str; 7] = ["desk", "hotline", "residents", "operator", "phone", "admin", "crl"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The words of a command line as a shell splits them, up to a pipe or a redirection. Single quotes alone.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    let end = words.iter().position(|word| [">", "|", ">>"].contains(&word.as_str())).unwrap_or(words.len());
    words.truncate(end);
    words
}

/// The lines that run this binary.
fn examples(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.rsplit("| ").map(str::trim).find(|part| part.starts_with("akashi ")))
}

/// `desk request` and the like, with their help after the options.
fn commands() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for door in Cli::command().get_subcommands().filter(|door| DOORS.contains(&door.get_name())) {
        for command in door.get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            found.push((format!("{} {}", door.get_name(), command.get_name()), help));
        }
    }
    assert!(found.len() > 17, "only {found:?} were recognised");
    found
}

#[track_caller]
fn parse(example: &str) -> Cli {
    Cli::try_parse_from(words(example)).unwrap_or_else(|error| panic!("{example}: {error}"))
}

#[test]
fn every_example_in_help_and_page_parses_and_every_command_has_one_in_both() {
    Cli::command().debug_assert();
    let page = read(&root().join("docs/commands.md"));
    for (name, help) in commands() {
        for text in [&help, &page] {
            let of_this = format!("akashi {name} ");
            assert!(examples(text).any(|example| format!("{example} ").starts_with(&of_this)), "no example: {name}");
        }
        for example in examples(&help) {
            parse(example);
        }
    }
    for example in examples(&page) {
        parse(example);
    }
}

/// Method and path of each call that the committed OpenAPI documents describe.
fn calls_of_the_doors() -> BTreeSet<(&'static str, String)> {
    let mut calls = BTreeSet::new();
    let documents = fs::read_dir(root().join("docs/openapi")).expect("readable");
    for document in documents.map(|entry| entry.expect("readable").path()) {
        let document: serde_json::Value = serde_json::from_str(&read(&document)).expect("JSON");
        for (path, methods) in document["paths"].as_object().expect("a document has paths") {
            let found = [("GET", "get"), ("POST", "post")].into_iter().filter(|(_, word)| methods.get(word).is_some());
            calls.extend(found.map(|(method, _)| (method, path.clone())));
        }
    }
    assert!(calls.len() > 9, "only {calls:?} are described");
    calls
}

fn matches(template: &str, path: &str) -> bool {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(path).all(|(wanted, part)| wanted.starts_with('{') || *wanted == part)
}

#[test]
fn every_call_of_the_doors_has_a_command_with_an_example() {
    let mut called = BTreeSet::new();
    for (_, help) in commands() {
        for example in examples(&help) {
            let cli = parse(example);
            called.extend(cli.command.deed().and_then(|deed| deed.called()));
        }
    }
    let calls = calls_of_the_doors();
    for (method, path) in &called {
        let routed = calls.iter().any(|(how, template)| how == method && matches(template, path));
        assert!(routed, "no door has the call {method} {path} of an example");
    }
    for (method, template) in calls {
        // A description of the calls is for programs, which fetch it as they fetch any file.
        if template.ends_with("/openapi.json") {
            continue;
        }
        // Any OCSP client over mutual TLS asks these.
        if template.starts_with("/operators/v1/ocsp/") {
            continue;
        }
        let found = called.iter().any(|(how, path)| *how == method && matches(&template, path));
        assert!(found, "no example of a command calls {method} {template}");
    }
}

//! What never happens in a folder cannot happen in it: the crate that could do it is not among its dependencies.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Every crate of the workspace with all it is built from: normal dependencies and theirs, by name.
struct Layers(BTreeMap<String, BTreeSet<String>>);

impl Layers {
    fn read() -> Self {
        let mut command = MetadataCommand::new();
        command.manifest_path(workspace().join("Cargo.toml"));
        command.other_options(["--locked".to_owned(), "--offline".to_owned()]);
        let metadata = command.exec().expect("cargo describes the workspace");
        let members = metadata.workspace_packages();
        let layers = members.iter().map(|member| (member.name.to_string(), reached_from(&metadata, &member.id)));
        Self(layers.collect())
    }

    fn of(&self, member: &str) -> &BTreeSet<String> {
        self.0.get(member).unwrap_or_else(|| panic!("{member} is in the workspace"))
    }

    /// None of these names is among what the member is built from.
    #[track_caller]
    fn assert_never(&self, member: &str, never: &[&str]) {
        for name in never {
            assert!(!self.of(member).contains(*name), "{member} is built from {name}");
        }
    }
}

fn reached_from(metadata: &Metadata, from: &PackageId) -> BTreeSet<String> {
    let nodes = &metadata.resolve.as_ref().expect("the graph is resolved").nodes;
    let normal = |id: &PackageId| {
        let node = nodes.iter().find(|node| node.id == *id).expect("each package has a node");
        let normal = |dependency: &&cargo_metadata::NodeDep| {
            dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
        };
        node.deps.iter().filter(normal).map(|dependency| dependency.pkg.clone()).collect::<Vec<_>>()
    };
    let (mut reached, mut open) = (BTreeSet::new(), normal(from));
    while let Some(id) = open.pop() {
        if reached.insert(id.clone()) {
            open.extend(normal(&id));
        }
    }
    reached.iter().map(|id| metadata[id].name.to_string()).collect()
}

const MEMBERS: [&str; 10] =
    ["akashi", "benches", "ca", "crl-publisher", "fuzz", "hsm-mock", "ocsp-responder", "pki", "registry", "status"];

#[test]
fn every_folder_has_its_layer() {
    let layers = Layers::read();
    assert_eq!(layers.0.keys().map(String::as_str).collect::<Vec<_>>(), MEMBERS, "a new folder needs a rule here");
    // If these were not found, no rule below would mean anything.
    assert!(layers.of("registry").contains("rocksdb") && layers.of("akashi").contains("hsm-mock"));
}

#[test]
fn the_messages_are_pure() {
    let layers = Layers::read();
    layers.assert_never("pki", &MEMBERS);
    layers.assert_never("pki", &["tokio", "axum", "hyper", "rocksdb", "prometheus", "tracing"]);
}

#[test]
fn the_index_knows_the_messages_alone() {
    let layers = Layers::read();
    let members: Vec<_> = MEMBERS.into_iter().filter(|member| layers.of("status").contains(*member)).collect();
    assert_eq!(members, ["pki"]);
    layers.assert_never("status", &["tokio", "axum", "hyper", "rocksdb"]);
}

#[test]
fn the_ocsp_responder_holds_no_ca_key_no_personal_data_and_writes_nothing() {
    Layers::read()
        .assert_never("ocsp-responder", &["registry", "hsm-mock", "rocksdb", "ca", "crl-publisher", "akashi"]);
}

#[test]
fn the_publisher_reaches_neither_token_nor_registry_nor_rules() {
    Layers::read()
        .assert_never("crl-publisher", &["hsm-mock", "registry", "rocksdb", "ca", "ocsp-responder", "akashi"]);
}

#[test]
fn the_rules_reach_no_token_and_no_publication() {
    Layers::read().assert_never("ca", &["hsm-mock", "ocsp-responder", "crl-publisher", "akashi"]);
}

#[test]
fn the_system_of_record_meets_neither_network_nor_token() {
    Layers::read().assert_never("registry", &["axum", "hyper", "tokio", "hsm-mock", "ca", "status", "akashi"]);
}

#[test]
fn the_token_understands_no_protocol() {
    Layers::read()
        .assert_never("hsm-mock", &["registry", "rocksdb", "ca", "status", "axum", "hyper", "tokio", "akashi"]);
}

#[test]
fn only_the_binary_and_what_fuzzes_it_has_the_token() {
    let layers = Layers::read();
    let with_token = |name: &&str| layers.of(name).contains("hsm-mock");
    assert_eq!(MEMBERS.into_iter().filter(with_token).collect::<Vec<_>>(), ["akashi", "fuzz"]);
}

#[test]
fn nothing_is_built_from_what_fuzzes_it() {
    let layers = Layers::read();
    assert!(MEMBERS.into_iter().all(|member| !layers.of(member).contains("fuzz")));
}

#[test]
fn the_clock_and_randomness_are_banned_where_they_are_not_owned() {
    let clippy = std::fs::read_to_string(workspace().join("clippy.toml")).expect("clippy.toml");
    for banned in [
        "std::time::SystemTime::now",
        "std::time::Instant::now",
        "chrono::Utc::now",
        "aws_lc_rs::rand::SystemRandom::new",
        "aws_lc_rs::rand::fill",
    ] {
        assert!(clippy.contains(&format!("path = \"{banned}\"")), "{banned}");
    }
    let manifest = std::fs::read_to_string(workspace().join("Cargo.toml")).expect("Cargo.toml");
    assert!(manifest.contains("disallowed_methods = \"deny\""), "the ban is enforced");
    for member in MEMBERS {
        let manifest = workspace().join(member).join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).expect("each member has a manifest");
        assert!(text.contains("[lints]\nworkspace = true"), "{member} takes the workspace's lints");
    }
}

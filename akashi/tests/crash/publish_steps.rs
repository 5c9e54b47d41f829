//! Publish: a death right after each of its numbered steps. Afterwards the old cut is served or the new one, whole; the
//! log says so; and no number is used twice.
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use crl_publisher::manifest::Manifest;
use pki::algorithm::sha256;
use registry::event::Event;
use serde_json::json;

use super::cuts::{crl_number, served_cut};
use super::events::events;
use super::support::{Akashi, CardKey, Resident};

/// Which cut is served after the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Served {
    Old,
    New,
}

const STEPS: [(&str, Served); 8] = [
    ("publish.1-reserved", Served::Old),
    ("publish.2-frozen", Served::Old),
    ("publish.3-planned", Served::Old),
    ("publish.4-built", Served::Old),
    ("publish.5-checked", Served::Old),
    ("publish.6-synced", Served::Old),
    ("publish.7-flipped", Served::New),
    ("publish.8-recorded", Served::New),
];

#[test]
fn a_death_after_each_step_of_a_cut_leaves_the_old_one_or_the_new_one_whole() {
    let mut akashi = Akashi::started();
    let desk = akashi.desk("13221", "003A");
    let mut served = request_cut(&akashi, "first");
    for (step, expected) in STEPS {
        // Something to publish: each cut differs from the one before it.
        let application = Resident::MIKIYA.application("auth", &CardKey::generate());
        desk.request_certificate(&format!("request-{step}"), &application).expect(201);
        akashi.stop();
        akashi.start_with(&[("AKASHI_KILL_AFTER", step)]);
        let because = json!({ "because": "to be cut short" });
        let answer = akashi.admin().try_post("/admin/v1/cuts", step, &because);
        assert!(answer.is_err(), "{step}: answered before the death: {answer:?}");
        assert_eq!(akashi.wait_until_dead().signal(), Some(9), "{step}");
        let reserved = last_reserved(&akashi);
        assert!(reserved > served, "{step}: cut {reserved} after cut {served}");
        assert_eq!(published(&akashi, reserved), usize::from(step == "publish.8-recorded"), "{step}: at the death");

        akashi.start();
        let now_served = served_whole(&akashi);
        let is_new = expected == Served::New;
        assert_eq!(now_served, if is_new { reserved } else { served }, "{step}");
        assert_eq!(published(&akashi, reserved), usize::from(is_new), "{step}: the missing event is completed, once");
        let folder = akashi.path(&format!("data/crl/cuts/{reserved}"));
        assert_eq!(folder.exists(), is_new, "{step}: what was not published is cleared away");
        akashi.audit();

        let next = request_cut(&akashi, step);
        assert!(next > reserved, "{step}: the retry makes cut {next} after cut {reserved}");
        assert_eq!(served_cut(&akashi), next, "{step}");
        assert_eq!(
            bases(&akashi),
            [now_served; 4],
            "{step}: the deltas are of the cut that readers held, none that died"
        );
        served = next;
    }
}

#[test]
fn a_death_in_the_first_cut_leaves_none_and_the_next_start_makes_it() {
    let mut akashi = Akashi::init();
    akashi.start_with(&[("AKASHI_KILL_AFTER", "publish.6-synced")]);
    assert_eq!(akashi.wait_until_dead().signal(), Some(9));
    akashi.start();
    let served = request_cut(&akashi, "after");
    assert!(served > 1, "cut 1 was burned");
    assert_eq!(served_whole(&akashi), served);
    assert_eq!(published(&akashi, 1), 0);
    akashi.audit();
}

/// Asks for a cut until it has a second of its own, and gives its number.
fn request_cut(akashi: &Akashi, key: &str) -> u64 {
    let mut number = None;
    super::support::eventually("a cut", || {
        let answer = akashi.admin().post("/admin/v1/cuts", key, &json!({ "because": "to be whole" }));
        if answer.status != 503 {
            number = answer.expect(201)["cut_number"].as_u64();
        }
        number.is_some()
    });
    number.expect("a number")
}

fn last_reserved(akashi: &Akashi) -> u64 {
    let number = |event: &Event| match event {
        Event::CutReserved { cut_number, .. } => Some(*cut_number),
        _ => None,
    };
    events(akashi).iter().filter_map(number).max().expect("a cut was reserved")
}

/// How often the log says that this cut was published.
fn published(akashi: &Akashi, number: u64) -> usize {
    let is_it = |event: &&Event| matches!(event, Event::CutPublished(cut) if cut.cut_number == number);
    events(akashi).iter().filter(is_it).count()
}

/// Pulls every CRL of the manifest: all are there, octet by octet, of one number, and the log has this very manifest.
/// Gives the number.
fn served_whole(akashi: &Akashi) -> u64 {
    let octets = akashi.get("/crl/manifest.json").body;
    let manifest = Manifest::read(&octets).expect("a manifest");
    let recorded = events(akashi).into_iter().rev().find_map(|event| match event {
        Event::CutPublished(cut) => Some(cut),
        _ => None,
    });
    let recorded = recorded.expect("a published cut is in the log");
    assert_eq!((recorded.cut_number, recorded.manifest_sha256), (manifest.cut_number, sha256(&octets)));
    let pulled = pull_all(akashi, &manifest);
    for file in &manifest.files {
        let name = format!("{}/{}/{}", file.ca, file.key, file.partition);
        assert_eq!(octets_of(&file.sha256), sha256(&pulled[&name]), "{name}");
        assert_eq!(file.crl_number, manifest.cut_number, "{name}");
    }
    for name in ["sign/1/full", "auth/1/full", "sign/1/delta", "sign/1/13221"] {
        assert_eq!(crl_number(akashi, &pulled[name]), manifest.cut_number, "{name}");
    }
    manifest.cut_number
}

/// BaseCRLNumber of each delta that is served, as the manifest says.
fn bases(akashi: &Akashi) -> Vec<u64> {
    let manifest = Manifest::read(&akashi.get("/crl/manifest.json").body).expect("a manifest");
    manifest.files.iter().filter_map(|file| file.base_crl_number).collect()
}

/// What hexadecimal text stands for.
fn octets_of(text: &str) -> Vec<u8> {
    let pairs = (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16));
    pairs.collect::<Result<_, _>>().expect("hexadecimal")
}

/// The latest CRL of each name in the manifest, by one curl.
fn pull_all(akashi: &Akashi, manifest: &Manifest) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder for the CRLs");
    let names = manifest.files.iter().map(|file| format!("{}/{}/{}", file.ca, file.key, file.partition));
    let names: Vec<String> = names.collect();
    let pull = |name: &String| {
        let output = folder.path().join(name.replace('/', "-"));
        format!("url = \"{}/crl/{name}.crl\"\noutput = \"{}\"\n", akashi.public_url(), output.display())
    };
    let list = folder.path().join("list");
    std::fs::write(&list, names.iter().map(pull).collect::<String>()).expect("written");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--no-progress-meter", "--fail", "--parallel", "--config"]).arg(&list);
    let output = curl.output().expect("curl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: String| {
        let octets = std::fs::read(folder.path().join(name.replace('/', "-"))).expect("pulled");
        (name, octets)
    };
    names.into_iter().map(read).collect()
}

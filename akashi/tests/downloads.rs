//! Downloads that are resumed, asked for by date, or asked for beyond the end: by curl, as relying parties have it.
mod support;

use std::process::{Command, Output};

use support::{Akashi, get, run};

const LATEST: &str = "/crl/sign/1/full.crl";
const OF_CUT_1: &str = "/crl/cuts/1/sign/1/full.crl";

fn published() -> Akashi {
    let akashi = Akashi::started();
    akashi.settle();
    akashi
}

fn curl(akashi: &Akashi, path: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "60", "--write-out", "%{http_code}"]);
    command.args(arguments).arg(format!("{}{path}", akashi.public_url())).output().expect("curl runs")
}

/// What curl says that it got.
#[track_caller]
fn status(akashi: &Akashi, path: &str, arguments: &[&str]) -> String {
    let output = curl(akashi, path, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_download_that_broke_off_goes_on_and_never_becomes_a_mixture_of_two_cuts() {
    let akashi = published();
    let (old, file) = (akashi.get(LATEST), akashi.path_text("full.crl"));
    let etag = old.header("etag").expect("an ETag");
    let broken_off = || {
        assert_eq!(status(&akashi, LATEST, &["-r", "0-199", "-o", &file]), "206");
        assert_eq!(std::fs::read(&file).unwrap(), old.body[..200]);
    };
    broken_off();
    // The same cut still: the rest comes, and no more than that.
    let if_range = format!("If-Range: {etag}");
    assert_eq!(status(&akashi, LATEST, &["-C", "-", "-H", &if_range, "-o", &file]), "206");
    assert_eq!(std::fs::read(&file).unwrap(), old.body);
    broken_off();
    akashi.cut("second");
    let new = akashi.get(LATEST);
    assert_ne!(new.body, old.body);
    // After the flip all of the new cut would come; curl, which wants the rest alone, stops before it writes anything.
    let stopped = curl(&akashi, LATEST, &["-C", "-", "-H", &if_range, "-o", &file]);
    let cannot_resume = Some(33);
    assert_eq!(stopped.status.code(), cannot_resume, "{}", String::from_utf8_lossy(&stopped.stderr));
    assert_eq!(std::fs::read(&file).unwrap(), old.body[..200]);
    assert_eq!(status(&akashi, LATEST, &["-r", "200-", "-H", &if_range, "-o", &akashi.path_text("new.crl")]), "200");
    assert_eq!(std::fs::read(akashi.path("new.crl")).unwrap(), new.body);
    // Under the name of its cut the old one is still there, and needs no condition.
    assert_eq!(status(&akashi, OF_CUT_1, &["-C", "-", "-o", &file]), "206");
    assert_eq!(std::fs::read(&file).unwrap(), old.body);
}

#[test]
fn who_asks_by_the_date_of_the_file_gets_a_newer_one_alone() {
    let akashi = published();
    for path in [LATEST, "/crl/manifest.json"] {
        let (file, again) = (akashi.path_text("held"), akashi.path_text("again"));
        // -R gives the file the date of Last-Modified, -z asks by it.
        assert_eq!(status(&akashi, path, &["-R", "-o", &file]), "200");
        assert_eq!(status(&akashi, path, &["-z", &file, "-o", &again]), "304");
        akashi.wait_for_next_second();
        let cut = akashi.cut(if path == LATEST { "second" } else { "third" });
        assert_eq!(status(&akashi, path, &["-z", &file, "-o", &again]), "200");
        assert_eq!(std::fs::read(&again).unwrap(), akashi.get(path).body, "{cut}");
        let modified = akashi.get(path).header("last-modified").expect("a date").to_owned();
        let shown = run(Command::new("date")
            .args(["-u", "-d", cut["this_update"].as_str().unwrap(), "+%a, %d %b %Y %T GMT"])
            .env("LC_ALL", "C"));
        assert_eq!(modified, shown.trim());
    }
}

#[test]
fn a_range_beyond_the_end_is_refused_with_the_size_and_head_says_that_there_are_ranges() {
    let akashi = published();
    for path in [LATEST, OF_CUT_1, "/crl/manifest.json"] {
        let size = akashi.get(path).body.len();
        let refused = get(&format!("{}{path}", akashi.public_url()), &[&format!("Range: bytes={size}-")]);
        assert_eq!(refused.header("content-range"), Some(&*format!("bytes */{size}")));
        assert_eq!(refused.header("cache-control"), Some("no-store"));
        assert_eq!(refused.expect(416)["type"], "urn:akashi:problem:range-not-satisfiable");
        let head = String::from_utf8(curl(&akashi, path, &["-I"]).stdout).unwrap().to_lowercase();
        for line in ["accept-ranges: bytes\r\n".to_owned(), format!("content-length: {size}\r\n")] {
            assert!(head.contains(&line), "{head}");
        }
    }
}

//! Cuts as their readers see them: pulled with curl, judged with openssl.
mod support;

use std::path::PathBuf;

use serde_json::{Value, json};
use support::{Akashi, BINARY, CardKey, Resident, get, openssl, openssl_with, run};

/// Writes what is served at that path into the server's folder; the file's path.
#[track_caller]
fn pull(akashi: &Akashi, path: &str) -> String {
    let answer = akashi.get(path);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/pkix-crl")), "{path}");
    let name = path.trim_start_matches('/').replace('/', "-");
    std::fs::write(akashi.path(&name), &answer.body).unwrap();
    akashi.path_text(&name)
}

/// What openssl reads in a CRL, its signature verified with that CA's certificate.
#[track_caller]
fn verified_crl(akashi: &Akashi, ca: &str, file: &str) -> String {
    let issuer = akashi.path_text(&format!("data/ca/{ca}-1.pem"));
    let output = openssl_with(&["crl", "-inform", "DER", "-in", file, "-CAfile", &issuer, "-noout", "-text"], b"");
    assert!(String::from_utf8_lossy(&output.stderr).contains("verify OK"), "{file}");
    String::from_utf8(output.stdout).unwrap()
}

/// `openssl verify -crl_check` with that CRL; what it says, if it refuses.
fn crl_check(akashi: &Akashi, certificate: &Value, crl: &str) -> Result<(), String> {
    let (ca, serial) = (certificate["ca"].as_str().unwrap(), certificate["serial"].as_str().unwrap());
    let file = akashi.path_text(&format!("{ca}-{serial}.pem"));
    std::fs::write(&file, certificate["certificate"].as_str().unwrap()).unwrap();
    let issuer = akashi.path_text(&format!("data/ca/{ca}-1.pem"));
    let pem = format!("{crl}.pem");
    openssl(&["crl", "-inform", "DER", "-in", crl, "-out", &pem]);
    let output = openssl_with(&["verify", "-crl_check", "-CAfile", &issuer, "-CRLfile", &pem, &file], b"");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn decode_base64url(text: &str) -> Vec<u8> {
    let padded = format!("{text}{}\n", "=".repeat((4 - text.len() % 4) % 4));
    let output = openssl_with(&["base64", "-d", "-A"], padded.replace('-', "+").replace('_', "/").as_bytes());
    assert!(output.status.success());
    output.stdout
}

/// The manifest, its signature verified with openssl and the published manifest key.
fn verified_manifest(akashi: &Akashi) -> Value {
    let answer = akashi.get("/crl/manifest.json");
    assert_eq!(answer.header("content-type"), Some("application/jose+json"));
    let jws = answer.expect(200);
    let part = |name: &str| jws[name].as_str().unwrap().to_owned();
    let header: Value = serde_json::from_slice(&decode_base64url(&part("protected"))).unwrap();
    assert_eq!(header["alg"], "RS256");
    let written = |name: &str, octets: &[u8]| {
        std::fs::write(akashi.path(name), octets).unwrap();
        akashi.path_text(name)
    };
    let key = written("manifest.pem", &akashi.get("/certs/manifest/1.pem").body);
    let signature = written("manifest.signature", &decode_base64url(&part("signature")));
    let input = written("manifest.input", format!("{}.{}", part("protected"), part("payload")).as_bytes());
    openssl(&["dgst", "-sha256", "-verify", &key, "-signature", &signature, &input]);
    let altered = written("manifest.altered", format!("{}.{}A", part("protected"), part("payload")).as_bytes());
    let verdict = openssl_with(&["dgst", "-sha256", "-verify", &key, "-signature", &signature, &altered], b"");
    assert!(!verdict.status.success(), "openssl judges at all");
    serde_json::from_slice(&decode_base64url(&part("payload"))).unwrap()
}

fn sha256(akashi: &Akashi, octets: &[u8]) -> String {
    let file: PathBuf = akashi.path("hashed");
    std::fs::write(&file, octets).unwrap();
    openssl(&["dgst", "-sha256", "-r", file.to_str().unwrap()])[..64].to_owned()
}

#[test]
fn a_first_start_publishes_valid_lists_for_every_municipality_before_anybody_asks() {
    let akashi = Akashi::started();
    akashi.settle();
    let manifest = verified_manifest(&akashi);
    assert_eq!(manifest["cut_number"], 1);
    let files = manifest["files"].as_array().unwrap();
    // 1,741 municipalities in force and those that were, one full list and its delta, and one of CA certificates;
    // for each of four CAs.
    assert!(files.len() >= 4 * (1_741 + 3), "{}", files.len());
    assert_eq!(files.iter().filter(|file| file["partition"] == "full").count(), 4);
    // There is no cut before it, so the deltas begin at this one.
    let bases = files.iter().filter(|file| file["partition"] == "delta").map(|file| file["base_crl_number"].as_u64());
    assert_eq!(bases.collect::<Vec<_>>(), [Some(1); 4]);
    for path in [
        "/crl/sign/1/13101.crl",
        "/crl/auth/1/01514.crl",
        "/crl/sign/1/full.crl",
        "/crl/auth/1/full.crl",
        "/crl/auth/1/delta.crl",
    ] {
        let ca = &path[5..9];
        let text = verified_crl(&akashi, ca, &pull(&akashi, path));
        assert!(text.contains("No Revoked Certificates") && text.contains("X509v3 CRL Number"), "{text}");
        let listed = files.iter().find(|file| {
            path == format!("/crl/{ca}/1/{}.crl", file["partition"].as_str().unwrap()) && file["ca"] == ca
        });
        let listed = listed.expect("the manifest lists it");
        let latest = akashi.get(path).body;
        assert_eq!(akashi.get(listed["url"].as_str().unwrap()).body, latest);
        assert_eq!(
            (listed["size"].as_u64(), listed["sha256"].as_str()),
            (Some(latest.len() as u64), Some(&*sha256(&akashi, &latest)))
        );
    }
}

#[test]
fn every_url_in_a_certificate_answers() {
    let akashi = Akashi::started();
    akashi.settle();
    let desk = akashi.desk("13221", "003A");
    for ca in ["sign", "auth"] {
        let application = Resident::MIKIYA.application(ca, &CardKey::generate());
        let certificate = desk.request_certificate(ca, &application).expect(201);
        let file = akashi.path_text(&format!("{ca}.pem"));
        std::fs::write(&file, certificate["certificate"].as_str().unwrap()).unwrap();
        let text = openssl(&["x509", "-in", &file, "-noout", "-ext", "crlDistributionPoints,authorityInfoAccess"]);
        let urls: Vec<_> = text.split("URI:").skip(1).filter_map(|rest| rest.split_whitespace().next()).collect();
        let types = urls.iter().map(|url| {
            let answer = get(url, &[]);
            (answer.status, answer.header("content-type").unwrap_or_default().to_owned())
        });
        let expected = ["application/pkix-crl", "application/ocsp-response", "application/pkix-cert"];
        assert_eq!(types.collect::<Vec<_>>(), expected.map(|media_type| (200, media_type.to_owned())), "{urls:?}");
        // The certificate at the last of them is the issuer's.
        let issuer = akashi.path_text(&format!("{ca}-issuer.pem"));
        let converted = openssl_with(&["x509", "-inform", "DER", "-out", &issuer], &get(urls[2], &[]).body);
        assert!(converted.status.success());
        openssl(&["verify", "-CAfile", &issuer, &file]);
    }
}

#[test]
fn every_url_in_a_crl_answers() {
    let akashi = Akashi::started();
    akashi.settle();
    for ca in ["sign", "auth", "phone-sign", "phone-auth"] {
        for shape in ["full", "13221"] {
            let text = verified_crl(&akashi, ca, &pull(&akashi, &format!("/crl/{ca}/1/{shape}.crl")));
            let urls: Vec<_> = text.split("URI:").skip(1).filter_map(|rest| rest.split_whitespace().next()).collect();
            let expected = if shape == "full" { "delta" } else { shape };
            assert_eq!(urls, [format!("{}/crl/{ca}/1/{expected}.crl", akashi.public_url())], "{text}");
            let path = urls[0].strip_prefix(&akashi.public_url()).unwrap();
            verified_crl(&akashi, ca, &pull(&akashi, path));
        }
    }
}

#[test]
fn with_the_lists_of_a_cut_openssl_refuses_the_revoked_certificate_and_accepts_the_others() {
    let akashi = Akashi::started();
    let (kiyose, yokohama) = (akashi.desk("13221", "003A"), akashi.desk("14100", "0001"));
    let residents = akashi.register("residents");
    let person = Resident::MIKIYA;
    let moved = person.moved_to("14100", "神奈川県横浜市中区山下町９９９－９");
    let auth = kiyose.request_certificate("auth", &person.application("auth", &CardKey::generate())).expect(201);
    let old = kiyose.request_certificate("sign", &person.application("sign", &CardKey::generate())).expect(201);
    let change = json!({ "resident_code": person.resident_code, "change": "moved", "effective_on": "2026-11-20" });
    residents.post("/residents/v1/changes", "move", &change).expect(200);
    let new = yokohama.request_certificate("sign", &moved.application("sign", &CardKey::generate())).expect(201);
    let cut = akashi.cut("cut");
    let manifest = verified_manifest(&akashi);
    for name in ["cut_number", "log_position", "this_update", "next_update"] {
        assert_eq!(cut[name], manifest[name]);
    }
    let pulled = |path: &str| pull(&akashi, path);
    let (of_kiyose, full) = (pulled("/crl/sign/1/13221.crl"), pulled("/crl/sign/1/full.crl"));
    let (of_yokohama, empty) = (pulled("/crl/sign/1/14100.crl"), pulled("/crl/auth/1/13221.crl"));
    for crl in [&of_kiyose, &full] {
        let verdict = crl_check(&akashi, &old, crl).expect_err("refused");
        assert!(verdict.contains("certificate revoked"), "{verdict}");
        assert!(verified_crl(&akashi, "sign", crl).contains("Affiliation Changed"));
    }
    for (certificate, crl) in
        [(&new, &of_yokohama), (&new, &full), (&auth, &empty), (&auth, &pulled("/crl/auth/1/full.crl"))]
    {
        assert_eq!(crl_check(&akashi, certificate, crl), Ok(()), "{crl}");
    }
    // Another municipality's list says nothing about this certificate: it must not pass for its own.
    let verdict = crl_check(&akashi, &old, &of_yokohama).expect_err("refused");
    assert!(verdict.contains("unable to get certificate CRL") || verdict.contains("different CRL scope"), "{verdict}");
    akashi.audit();
}

#[test]
fn the_plan_of_the_next_cut_is_printed_beside_a_running_server_and_changes_nothing() {
    let mut akashi = Akashi::started();
    let (desk, residents) = (akashi.desk("13221", "003A"), akashi.register("residents"));
    let person = Resident::MIKIYA;
    desk.request_certificate("sign", &person.application("sign", &CardKey::generate())).expect(201);
    let change = json!({ "resident_code": person.resident_code, "change": "moved", "effective_on": "2026-11-20" });
    residents.post("/residents/v1/changes", "move", &change).expect(200);
    akashi.settle();
    let plan = |akashi: &Akashi| {
        let config = akashi.config();
        // Neither the PIN nor a key is needed.
        std::fs::remove_file(akashi.path("pin")).ok();
        run(std::process::Command::new(BINARY).args(["crl", "plan", "--config"]).arg(config))
    };
    let before = akashi.log_position();
    let running = plan(&akashi);
    assert_eq!(akashi.log_position(), before, "nothing was recorded");
    assert!(running.starts_with(&format!("Cut 2 shows log position {before}; thisUpdate ")), "{running}");
    for line in ["sign/1/13221: 1 entry.", "sign/1/full: 1 entry.", "sign/1/delta: 1 entry since cut 1."] {
        assert!(running.lines().any(|found| found == line), "{line}: {running}");
    }
    assert!(!running.contains("auth/1/13221"), "without entries it is counted, not listed: {running}");
    assert_eq!(akashi.cut("it-came-so")["cut_number"], 2);
    akashi.stop();
    let stopped = plan(&akashi);
    assert!(
        stopped.starts_with("Cut 3 shows ") && stopped.contains("sign/1/delta: 0 entries since cut 2."),
        "{stopped}"
    );
}

#[test]
fn a_restart_serves_the_same_cut_on() {
    let mut akashi = Akashi::started();
    akashi.settle();
    let paths = ["/crl/manifest.json", "/crl/sign/1/13221.crl", "/crl/auth/1/full.crl", "/crl/cuts/1/sign/1/full.crl"];
    let before = paths.map(|path| akashi.get(path));
    akashi.stop();
    akashi.start();
    // From the first answer on: nobody is told that nothing is published.
    assert_eq!(akashi.get("/readyz").status, 200);
    for (path, before) in paths.iter().zip(before) {
        let after = akashi.get(path);
        assert_eq!((after.status, &after.body), (200, &before.body), "{path}");
        assert_eq!(after.header("etag"), before.header("etag"));
    }
    assert_eq!(akashi.cut("second")["cut_number"], 2);
}

#[test]
fn a_cut_that_was_missed_while_the_server_was_down_is_made_at_the_start() {
    let mut akashi = Akashi::started();
    akashi.settle();
    let this_update = verified_manifest(&akashi)["this_update"].as_str().unwrap().to_owned();
    akashi.wait_for_next_second();
    akashi.stop();
    // The schedule's instant was the second after the first cut's.
    let (hours, minutes, seconds) = (&this_update[11..13], &this_update[14..16], &this_update[17..19]);
    let number = |text: &str| text.parse::<u32>().unwrap();
    let next = (number(hours) * 3_600 + number(minutes) * 60 + number(seconds) + 1) % 86_400;
    let schedule = format!("\"{} {} {} * * *\"", next % 60, next / 60 % 60, next / 3_600);
    let config = std::fs::read_to_string(akashi.config()).unwrap();
    let set = |text: String, key: &str, value: &str| -> String {
        let lines = text.lines().map(|line| match line.split_once('=') {
            Some((name, _)) if name.trim() == key => format!("{key} = {value}"),
            Some(_) | None => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let config = set(set(config, "schedule", &schedule), "lead_seconds", "0");
    std::fs::write(akashi.config(), config).unwrap();
    akashi.start();
    // Asked for after the missed one, so it comes after it.
    assert_eq!(akashi.cut("third")["cut_number"], 3);
    assert_eq!(akashi.get("/crl/cuts/2/sign/1/full.crl").status, 200);
    let log = akashi.log();
    let line = log.lines().find(|line| line.contains("cut begun") && line.contains("\"cut_number\":2")).unwrap();
    assert!(line.contains("missed"), "{line}");
    akashi.audit();
}

#[test]
fn a_reader_that_holds_the_octets_is_told_so_without_sending_them_again() {
    let akashi = Akashi::started();
    akashi.settle();
    let url = |path: &str| format!("{}{path}", akashi.public_url());
    for path in ["/crl/manifest.json", "/crl/sign/1/13221.crl", "/crl/cuts/1/sign/1/13221.crl"] {
        let first = akashi.get(path);
        let etag = first.header("etag").expect("an ETag").to_owned();
        let again = get(&url(path), &[&format!("If-None-Match: {etag}")]);
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(&*etag)), "{path}");
        let other = get(&url(path), &["If-None-Match: \"0000\""]);
        assert_eq!((other.status, other.body), (200, first.body));
    }
    let latest = akashi.get("/crl/sign/1/13221.crl");
    let age = latest.header("cache-control").unwrap().strip_prefix("public, max-age=").expect("an age");
    assert!(age.parse::<u32>().unwrap() <= 3_600, "{age}");
    assert!(akashi.get("/crl/cuts/1/sign/1/13221.crl").header("cache-control").unwrap().contains("immutable"));
    let etag = latest.header("etag").unwrap().to_owned();
    akashi.cut("second");
    assert_eq!(get(&url("/crl/sign/1/13221.crl"), &[&format!("If-None-Match: {etag}")]).status, 200);
    for (path, slug) in [
        ("/crl/sign/1/13999.crl", "unknown-municipality"),
        ("/crl/sign/2/full.crl", "unknown-issuer"),
        ("/crl/sign/1/anything", "no-such-crl"),
        ("/crl/cuts/99/sign/1/full.crl", "cut-not-kept"),
    ] {
        let answer = akashi.get(path);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.expect(404)["type"], format!("urn:akashi:problem:{slug}"));
    }
}

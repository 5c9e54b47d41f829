//! How long a start takes over a nation's snapshot, until the first answer.
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use akashi::clock::monotonic;
use benches::measure::machine::Cores;
use benches::measure::pairs::{Figure, Rule};
use pki::algorithm::{Algorithm, Digest, PublicKey};
use pki::identity::Serial;
use pki::ocsp::{RequestWriter, write_cert_id};
use x509_cert::Certificate;
use x509_cert::der::{DecodePem, Encode};

use crate::load::each;
use crate::questions::post;

/// The argument that makes this program the server over a snapshot.
pub(crate) const SERVE: &str = "serve-snapshot";

/// `akashi load ocsp` over that snapshot, until it is killed.
pub(crate) fn serve(snapshot: &str, issuers: &str) -> ExitCode {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let served =
        akashi::load::ocsp::ocsp(Path::new(snapshot), anywhere, Path::new(issuers), Algorithm::EcdsaP256Sha256);
    served.expect("the snapshot was written just now");
    ExitCode::SUCCESS
}

/// From the start of the process to the first signed answer, the snapshot in the page cache.
pub(crate) fn first_answer(cores: &Cores, starts: usize, certificates: usize) -> Figure {
    cores.pin_to_all();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder below the target folder");
    let (snapshot, issuers) = (folder.path().join("snapshot"), folder.path().join("issuers"));
    eprintln!("bench: a snapshot of {certificates} certificates is made");
    akashi::load::synth::synth(&snapshot, certificates, 12).expect("there is room for it");
    let (mut measured, mut ready) = (vec![], vec![]);
    for start in 0..starts {
        eprintln!("bench: first answer, start {} of {starts}", start + 1);
        let elapsed = monotonic();
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.arg(SERVE).args([&snapshot, &issuers]).stdout(Stdio::piped());
        let mut server = Killed(command.spawn().expect("the server starts"));
        let mut line = String::new();
        let output = server.0.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        ready.push(elapsed().as_secs_f64());
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
        let question = question(&issuers.join("sign-1.pem"));
        let answers = each(address.parse().expect("an address"), [&question]);
        measured.push(elapsed().as_secs_f64());
        assert!(answers[0].len() > 5, "a signed answer");
    }
    Figure {
        what: format!("a start over {certificates} certificates, to the first signed answer"),
        unit: "s",
        limit: ("seconds", vec![3.0; starts]),
        measured,
        rule: Rule::AtMost(1.0),
        beside: vec![("s until it listens", ready)],
    }
}

/// About the first certificate of that issuer.
fn question(issuer: &Path) -> Vec<u8> {
    let pem = std::fs::read(issuer).expect("the server wrote it");
    let certificate = Certificate::from_pem(pem).expect("a certificate");
    let certificate = certificate.tbs_certificate();
    let name = certificate.subject().to_der().expect("it was DER");
    let key = certificate.subject_public_key_info().to_der().expect("it was DER");
    let key = PublicKey::from_spki(&key).expect("a key of ours");
    let cert_id = write_cert_id(Digest::Sha256, &name, key.key_octets(), Serial::FIRST);
    post("/ocsp/sign", &RequestWriter::new().cert_id(&cert_id).finish())
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

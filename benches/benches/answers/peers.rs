//! Other responders over the same corpus: `openssl ocsp`, which signs each answer and closes the connection after it, and
//! Debian's golang-cfssl, which sends answers signed beforehand. Their processor time for an answer stands beside ours.
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use benches::measure::machine::{Cores, processor_time_of};
use benches::{certificate, is_revoked};
use pki::algorithm::PublicKey;

use crate::figures::{MICROSECONDS, Scale, cost_of, count, requests};
use crate::load::each;
use crate::questions::Question;
use crate::servers::{Server, program};

/// What a peer's answers cost, one value for each pair.
pub(crate) type Beside = (&'static str, Vec<f64>);

/// Those that are there. `answers` are ours to the questions, in the same order.
pub(crate) fn peers(
    cores: &Cores,
    scale: Scale,
    ca_key: &PublicKey,
    questions: &[Question],
    answers: &[Vec<u8>],
) -> Vec<Beside> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder below the target folder");
    let found = [
        cfssl(cores, scale, folder.path(), questions, answers),
        openssl(cores, scale, folder.path(), ca_key, questions),
    ];
    found.into_iter().flatten().collect()
}

fn cfssl(cores: &Cores, scale: Scale, folder: &Path, questions: &[Question], answers: &[Vec<u8>]) -> Option<Beside> {
    let program = program("AKASHI_CFSSL", "cfssl")?;
    let lines: String = answers.iter().map(|answer| STANDARD.encode(answer) + "\n").collect();
    let file = folder.join("responses");
    std::fs::write(&file, lines).expect("the folder can be written");
    let (address, mut command) = (free_address(), Command::new(program));
    command.args(["ocspserve", "-loglevel=5", "-address=127.0.0.1"]);
    command.arg(format!("-port={}", address.port())).arg(format!("-responses={}", file.display()));
    cores.pin_to_servers();
    let server = Server::start(&mut command, address, || TcpStream::connect(address).is_ok());
    cores.pin_to_clients();
    let came = each(server.address, questions.iter().take(100).map(|question| &question.post));
    // Of a certificate that is asked about by two digests it keeps one answer.
    let ours: BTreeSet<_> = answers.iter().collect();
    assert!(came.iter().all(|answer| ours.contains(answer)), "our octets");
    let asked = requests(questions, |question| &question.post);
    let costs = (0..scale.pairs()).map(|pair| {
        eprintln!("bench: golang-cfssl, {} of {}", pair + 1, scale.pairs());
        cost_of(&server, &asked, scale.time()).0
    });
    Some(("µs of golang-cfssl, answers signed beforehand, POST, kept-alive", costs.collect()))
}

/// In requests: it answers one at a time, on a connection for each.
const OPENSSL_REQUESTS: usize = 1_000;

fn openssl(cores: &Cores, scale: Scale, folder: &Path, ca_key: &PublicKey, questions: &[Question]) -> Option<Beside> {
    let program = program("AKASHI_OPENSSL", "openssl")?;
    let path = |name: &str| folder.join(name).display().to_string();
    let (ca, key, signer, index) = (path("ca.der"), path("key.pem"), path("signer.pem"), path("index.txt"));
    std::fs::write(&ca, certificate(ca_key, 1)).expect("the folder can be written");
    let ca_pem = path("ca.pem");
    run(&program, &["x509", "-inform", "DER", "-in", &ca, "-out", &ca_pem]);
    let new =
        ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=delegate", "-keyout", &key, "-out", &signer];
    run(&program, &new);
    let mut lines = String::new();
    for number in questions.iter().map(|question| question.number).collect::<BTreeSet<_>>() {
        let (letter, revoked) = if is_revoked(number) { ('R', "231114221320Z") } else { ('V', "") };
        let digits = format!("{number:X}");
        let serial = if digits.len() % 2 == 0 { digits } else { format!("0{digits}") };
        writeln!(lines, "{letter}\t361118110640Z\t{revoked}\t{serial}\tunknown\t/CN=person {number}")
            .expect("into memory");
    }
    std::fs::write(&index, lines).expect("the folder can be written");
    // It says when it is ready; a connection that asks nothing would stop it.
    let (address, said) = (free_address(), folder.join("openssl.log"));
    let log = |file: File| (Stdio::from(file.try_clone().expect("a file")), Stdio::from(file));
    let (stdout, stderr) = log(File::create(&said).expect("the folder can be written"));
    let mut command = Command::new(&program);
    command.args(["ocsp", "-ignore_err", "-nmin", "480", "-port", &address.port().to_string(), "-index", &index]);
    command.args(["-CA", &ca_pem, "-rsigner", &signer, "-rkey", &key]).stdout(stdout).stderr(stderr);
    cores.pin_to_servers();
    let is_ready = || std::fs::read_to_string(&said).is_ok_and(|said| said.contains("waiting for OCSP client"));
    let server = Server::start(&mut command, address, is_ready);
    cores.pin_to_clients();
    let posts = requests(questions, |question| &question.post);
    let ask = |request: &[u8]| {
        let mut stream = TcpStream::connect(server.address).expect("it listens");
        stream.write_all(request).expect("it reads");
        let mut came = Vec::new();
        // It may close so soon that the end is a reset.
        let _ = stream.read_to_end(&mut came);
        let whole = came.starts_with(b"HTTP/1.0 200") && came.len() > 500;
        assert!(whole, "a signed answer: {}", String::from_utf8_lossy(&came));
    };
    let times = OPENSSL_REQUESTS.min(posts.len());
    let mut asked = posts.iter().cycle();
    let costs = (0..scale.pairs()).map(|pair| {
        eprintln!("bench: openssl ocsp, {} of {}", pair + 1, scale.pairs());
        let started = processor_time_of(server.id());
        asked.by_ref().take(times).for_each(|request| ask(request));
        (processor_time_of(server.id()) - started) * MICROSECONDS / count(times)
    });
    Some(("µs of openssl ocsp, each signed by RSA-2048, POST, a connection for each", costs.collect()))
}

fn run(program: &Path, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output().expect("it starts");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A port of this machine that is free.
fn free_address() -> SocketAddr {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    free.local_addr().expect("it is bound")
}

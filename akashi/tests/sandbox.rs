//! A sandbox as those who integrate get it: made by the binary, judged by a stranger who reads `sandbox.json` alone.
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_akashi");

fn out() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sandbox");
    (folder, out)
}

fn sandbox(out: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["sandbox", "--people", "20", "--out"]).arg(out);
    command
}

fn refusal(command: &mut Command) -> String {
    let Output { status, stdout: _, stderr } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    said
}

/// A process that prints a line when it serves, and is stopped in the end.
struct Server(Child);

impl Server {
    /// Starts it; its first line on standard output.
    fn start(command: &mut Command) -> (Self, String) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        (Self(child), line)
    }

    fn stop(&mut self) {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing happens to one that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_stranger_finds_everything_as_the_description_says_and_again_after_a_restart() {
    let (_folder, out) = out();
    let (mut server, ready) = Server::start(sandbox(&out).arg("--serve"));
    assert!(ready.starts_with("ready public=http://127.0.0.1:"), "{ready}");
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops/judges/stranger_judge.py");
    let Output { status, stdout, stderr } = Command::new("python3").arg("-B").arg(judge).arg(&out).output().unwrap();
    let (said, faults) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && said.ends_with("passed, 0 failed\n"), "{said}{faults}");
    server.stop();
    let config = out.join("akashi.toml");
    let (mut again, ready_again) = Server::start(Command::new(BINARY).args(["serve", "--config"]).arg(&config));
    assert_eq!(ready_again, ready);
    again.stop();
    let verify = Command::new(BINARY).args(["audit", "verify", "--config"]).arg(&config).output().unwrap();
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
    assert!(refusal(&mut sandbox(&out)).contains("is a sandbox already"));
}

#[test]
fn an_interrupted_run_leaves_no_description_and_the_next_one_says_so() {
    let (_folder, out) = out();
    let mut child = sandbox(&out).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.contains("first certificates")), "it never got there");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(out.join("akashi.toml").exists() && !out.join("sandbox.json").exists());
    let said = refusal(&mut sandbox(&out));
    assert!(said.contains("was interrupted") && said.contains("Remove the folder"), "{said}");
}

#[test]
fn a_sandbox_takes_no_folder_that_holds_anything_and_no_port_that_is_taken() {
    let (folder, out) = out();
    std::fs::write(folder.path().join("a letter"), "dear").unwrap();
    assert!(refusal(&mut sandbox(folder.path())).contains("is not empty"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = refusal(sandbox(&out).args(["--port-base", &port.to_string()]));
    assert!(said.contains(&format!("has port {port}")) && said.contains("another base"), "{said}");
    let ports = [["--port-base", "0"], ["--port-base", "65534"]];
    for arguments in [["--people", "9"], ["--revoked", "41"], ["--layout", "exact"]].into_iter().chain(ports) {
        let status = Command::new(BINARY).args(["sandbox", "--out"]).arg(&out).args(arguments).output().unwrap().status;
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
    assert!(!out.join("akashi.toml").exists(), "a refusal leaves nothing");
}

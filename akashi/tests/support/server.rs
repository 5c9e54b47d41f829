//! The server as a process: made, started, stopped, killed.
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use pki::time::UnixTime;
use tempfile::TempDir;

use super::ports::{on_ports, three_free_ports};

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_akashi");
/// The example's schedule.
const DAILY_AT_SEVEN: &str = "0 0 7 * * *";

/// A daily schedule whose instant is some twelve hours away, so that no cut comes by itself while a test counts.
fn daily_far_from_now() -> String {
    let hour: u8 = run(Command::new("date").arg("+%-H").env("TZ", "Asia/Tokyo")).trim().parse().expect("an hour");
    format!("0 0 {} * * *", (hour + 12) % 24)
}

/// One Akashi: folder, ports, and the process while it runs.
pub struct Akashi {
    folder: TempDir,
    ports: [u16; 3],
    held: Vec<TcpListener>,
    process: Option<Child>,
    starts: u32,
    clock_starts_at: Option<UnixTime>,
}

impl Akashi {
    fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the server");
        let (ports, held) = three_free_ports();
        Self { folder, ports, held, process: None, starts: 0, clock_starts_at: None }
    }

    /// Runs `akashi init` with the example configuration on ports of its own.
    pub fn init() -> Self {
        Self::init_with(|config| config)
    }

    /// Runs `akashi init` with a configuration edited further.
    pub fn init_with(edit: impl FnOnce(String) -> String) -> Self {
        Self::init_in(&[], edit)
    }

    /// The same with environment variables set for `akashi init`.
    pub fn init_in(environment: &[(&str, &str)], edit: impl FnOnce(String) -> String) -> Self {
        let akashi = Self::empty();
        let example = run(Command::new(BINARY).arg("config"));
        let config =
            on_ports([8080, 8443, 9090], akashi.ports, &example).replace(DAILY_AT_SEVEN, &daily_far_from_now());
        std::fs::write(akashi.config(), edit(config)).expect("the configuration is written");
        let pin = akashi.path("pin");
        std::fs::write(&pin, "correct-horse-battery-staple\n").expect("the PIN is written");
        std::fs::set_permissions(&pin, std::fs::Permissions::from_mode(0o600)).expect("the PIN is made private");
        let environment = environment.iter().copied();
        run(Command::new(BINARY).arg("init").arg("--config").arg(akashi.config()).envs(environment));
        akashi
    }

    /// A copy of this stopped server with all its keys, listening elsewhere: the same CA a second time.
    pub fn copy(&self) -> Self {
        assert!(self.process.is_none(), "a running server's files are not at rest");
        let copy = Self::empty();
        for name in ["data", "pin", "akashi.toml"] {
            run(Command::new("cp").arg("-a").arg(self.path(name)).arg(copy.folder.path()));
        }
        let config = std::fs::read_to_string(self.config()).expect("the configuration is there");
        // The base URL stands in certificates and stays; only the listeners move.
        let lines = config.lines().map(|line| {
            if line.starts_with("listen") { on_ports(self.ports, copy.ports, line) } else { line.to_owned() }
        });
        std::fs::write(copy.config(), lines.collect::<Vec<_>>().join("\n")).expect("the configuration is written");
        copy
    }

    /// `init`, then `start`.
    pub fn started() -> Self {
        let mut akashi = Self::init();
        akashi.start();
        akashi
    }

    /// Starts `akashi serve` and returns when it says that it is ready.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same on a clock that stands there at the start.
    pub fn start_at(&mut self, instant: UnixTime) {
        self.clock_starts_at = Some(instant);
        self.start_with(&[]);
        self.clock_starts_at = None;
    }

    /// The same with environment variables set for this start alone.
    pub fn start_with(&mut self, environment: &[(&str, &str)]) {
        if let Err(status) = self.try_start_with(environment) {
            panic!("the server ended before it was ready: {status}\n{}", self.log());
        }
    }

    /// The same; if the process ends before it is ready, its exit status.
    pub fn try_start_with(&mut self, environment: &[(&str, &str)]) -> Result<(), ExitStatus> {
        assert!(self.process.is_none(), "it runs already");
        self.held.clear();
        self.starts += 1;
        let log = File::create(self.log_file(self.starts)).expect("a log file");
        let mut command = Command::new(BINARY);
        command.arg("serve").arg("--config").arg(self.config()).stdin(Stdio::null());
        if let Some(instant) = self.clock_starts_at {
            command.arg("--clock-starts-at").arg(instant.to_string());
        }
        command.stdout(Stdio::piped()).stderr(log).envs(environment.iter().copied());
        let mut child = command.spawn().expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("stdout is text");
        if line.is_empty() {
            return Err(child.wait().expect("the child is ours"));
        }
        let [public, api, metrics] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        assert_eq!(line, format!("ready public=http://{public} api=https://{api} metrics=http://{metrics}\n"));
        self.process = Some(child);
        // Another build without the feature may have replaced the binary; no test may pass or fail for that.
        let wants_kill_points = environment.iter().any(|(name, _)| *name == "AKASHI_KILL_AFTER");
        assert!(!wants_kill_points || self.log().contains("kill points"), "the binary was built without kill-points");
        Ok(())
    }

    /// Stops it as an operator would, and expects a clean end.
    pub fn stop(&mut self) {
        let child = self.process.take().expect("it runs");
        run(Command::new("kill").arg("-TERM").arg(child.id().to_string()));
        let status = wait(child);
        assert!(status.success(), "SIGTERM ended it with {status}\n{}", self.log());
    }

    /// Kills it, as a power cut would.
    pub fn kill(&mut self) {
        let mut child = self.process.take().expect("it runs");
        child.kill().expect("it can be killed");
        assert_eq!(wait(child).signal(), Some(9));
    }

    /// Waits until it has ended by itself (after `AKASHI_KILL_AFTER`).
    pub fn wait_until_dead(&mut self) -> ExitStatus {
        wait(self.process.take().expect("it runs"))
    }

    /// Whether it was started and neither stopped nor killed by us.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// The running process's id.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.path("akashi.toml")
    }

    /// A path in the server's folder, such as `data/ca/sign-1.pem`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text, for command lines.
    pub fn path_text(&self, name: &str) -> String {
        self.path(name).to_str().expect("temporary folders have plain names").to_owned()
    }

    /// `http://127.0.0.1:…` of the public listener.
    pub fn public_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// `https://127.0.0.1:…` of the doors.
    pub fn api_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports[1])
    }

    /// `http://127.0.0.1:…` of the metrics listener.
    pub fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[2])
    }

    /// Everything that all starts so far wrote on stderr.
    pub fn log(&self) -> String {
        let mut text = String::new();
        for start in 1..=self.starts {
            let mut file = File::open(self.log_file(start)).expect("each start has a log");
            file.read_to_string(&mut text).expect("the log is UTF-8");
        }
        text
    }

    fn log_file(&self, start: u32) -> PathBuf {
        self.path(&format!("stderr-{start}"))
    }
}

impl Drop for Akashi {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.take() {
            // A test that failed or needs no clean end; nothing more can be done about errors here.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- the server's log ---\n{}", self.log());
        }
    }
}

fn wait(mut child: Child) -> ExitStatus {
    child.wait().expect("the child is ours")
}

/// Runs a command that must succeed; its standard output.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

//! The folder of a sandbox: empty at the beginning, complete when `sandbox.json` is there.
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use pki::certificate::Layout;

use crate::config::EXAMPLE;
use crate::failure::Failure;

/// Its configuration.
pub const CONFIG: &str = "akashi.toml";
/// What it holds; written last.
pub const DESCRIPTION: &str = "sandbox.json";
/// Below the range from which kernels take the ports of outgoing connections, so that a stopped sandbox finds its own
/// ports free again.
const PORTS: std::ops::Range<u16> = 10_240..32_000;
/// Octets of the PIN, before it is written in hexadecimal.
const PIN_OCTETS: usize = 16;

/// The folder.
pub struct Place(PathBuf);

impl Place {
    /// Makes the folder, or takes an empty one.
    pub fn take(path: &Path) -> Result<Self, Failure> {
        let place = Self(path.to_owned());
        let is_occupied = match std::fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(failed(path, &error)),
        };
        let shown = path.display();
        if place.path(DESCRIPTION).exists() {
            return Err(Failure::Sandbox(format!(
                "{shown} is a sandbox already. Serve it with `akashi serve --config {shown}/{CONFIG}`, or choose another --out"
            )));
        }
        if place.path(CONFIG).exists() {
            return Err(Failure::Sandbox(format!(
                "{shown} is half made: `akashi sandbox` was interrupted in it. Remove the folder and run it again"
            )));
        }
        if is_occupied {
            return Err(Failure::Sandbox(format!(
                "{shown} is not empty. Choose a folder that is, or that does not exist"
            )));
        }
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(path).map_err(|error| failed(path, &error))?;
        Ok(place)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Reads a file of it.
    pub fn read(&self, name: &str) -> Result<String, Failure> {
        let path = self.path(name);
        std::fs::read_to_string(&path).map_err(|error| failed(&path, &error))
    }

    /// Writes a file in it, for its owner alone.
    pub fn write(&self, name: &str, contents: &[u8]) -> Result<(), Failure> {
        let path = self.path(name);
        let work = || {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path.parent().unwrap_or(&self.0))?;
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(contents)
        };
        work().map_err(|error| failed(&path, &error))
    }

    /// Writes a file in one step: it is there with all its contents, or it is not.
    pub fn write_at_once(&self, name: &str, contents: &[u8]) -> Result<(), Failure> {
        let unfinished = format!("{name}.unfinished");
        self.write(&unfinished, contents)?;
        std::fs::rename(self.path(&unfinished), self.path(name)).map_err(|error| failed(&self.path(name), &error))
    }

    /// Writes PIN and configuration: the example's, with these ports.
    pub fn configure(&self, ports: [u16; 3], layout: Layout) -> Result<(), Failure> {
        let mut pin = [0; PIN_OCTETS];
        let no_randomness = |_| Failure::Sandbox("there is no randomness for the token's PIN".to_owned());
        crate::clock::randomness().fill(&mut pin).map_err(no_randomness)?;
        let pin = format!("{:032x}", u128::from_be_bytes(pin));
        self.write("pin", pin.as_bytes())?;
        let [public, api, metrics] = ports;
        let text = EXAMPLE
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{public}"))
            .replace("127.0.0.1:8443", &format!("127.0.0.1:{api}"))
            .replace("127.0.0.1:9090", &format!("127.0.0.1:{metrics}"))
            .replace("layout = \"default\"", &format!("layout = \"{}\"", layout.word()));
        self.write(
            CONFIG,
            format!("# A sandbox: everything in it is for trying out and to be thrown away.\n{text}").as_bytes(),
        )
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Sandbox(format!("{}: {error}", path.display()))
}

/// Three free ports of loopback: these, or the first that are found.
pub fn free_ports(base: Option<u16>) -> Result<[u16; 3], Failure> {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    if let Some(base) = base {
        let ports = [base, base + 1, base + 2];
        return match ports.iter().find(|port| !is_free(port)) {
            None => Ok(ports),
            Some(port) => Err(Failure::Sandbox(format!(
                "--port-base {base}: another program has port {port}, or it cannot be used. Choose another base, or leave it out"
            ))),
        };
    }
    let width = u32::from(PORTS.end - PORTS.start);
    // Sandboxes made side by side start looking at different places.
    let start = std::process::id().wrapping_mul(97);
    let offset = |step| u16::try_from(start.wrapping_add(step) % width).expect("below the width");
    let mut free = (0..width).map(|step| PORTS.start + offset(step)).filter(is_free);
    let mut next = || free.next().ok_or_else(|| Failure::Sandbox("no port of 127.0.0.1 is free".to_owned()));
    Ok([next()?, next()?, next()?])
}

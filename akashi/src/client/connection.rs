//! Where the doors are, and with which certificate they are called.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use registry::event::Role;
use serde::Deserialize;

use super::http::{ANSWER_WITHIN, Client, ClientFiles};
use super::input::{CannotAsk, text};

/// What `akashi sandbox` writes into its folder.
const SANDBOX_FILE: &str = "sandbox.json";

/// Either a sandbox's folder, or the four others. Any of the four takes the place of what the sandbox says.
#[derive(Args, Debug)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// A sandbox's folder: its sandbox.json says where the doors are, and has a client certificate for each.
    #[arg(long, global = true, value_name = "DIR", env = "AKASHI_SANDBOX", hide_env_values = true)]
    sandbox: Option<PathBuf>,
    /// The doors' address.
    #[arg(long, global = true, value_name = "https://HOST:PORT", env = "AKASHI_API", hide_env_values = true)]
    api: Option<String>,
    /// The party CA's certificate (PEM), which the server's certificate must be of.
    #[arg(long, global = true, value_name = "FILE", env = "AKASHI_CA_BUNDLE", hide_env_values = true)]
    ca_bundle: Option<PathBuf>,
    /// Your client certificate (PEM).
    #[arg(long, global = true, value_name = "FILE", env = "AKASHI_CERT", hide_env_values = true)]
    cert: Option<PathBuf>,
    /// Its private key (PEM, not encrypted).
    #[arg(long, global = true, value_name = "FILE", env = "AKASHI_KEY", hide_env_values = true)]
    key: Option<PathBuf>,
    /// How long an answer is waited for. A cut of a whole country takes minutes.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = ANSWER_WITHIN.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3_600))]
    wait_seconds: u64,
}

/// What is needed of `sandbox.json`. Paths are relative to its folder.
#[derive(Deserialize)]
struct Sandbox {
    api_url: String,
    ca_bundle: PathBuf,
    clients: BTreeMap<String, Identity>,
}

/// A client certificate and its key.
#[derive(Deserialize)]
struct Identity {
    cert: PathBuf,
    key: PathBuf,
}

impl Connection {
    /// A client of the doors in that role.
    pub(super) fn client(&self, role: Role) -> Result<Client, CannotAsk> {
        let sandbox = self.sandbox.as_deref().map(Sandbox::read).transpose()?;
        let missing = |option| CannotAsk::Usage(format!("give --sandbox, or {option}"));
        let api_url = self.api.clone().or_else(|| sandbox.as_ref().map(|sandbox| sandbox.api_url.clone()));
        let api_url = api_url.ok_or_else(|| missing("--api, --ca-bundle, --cert and --key"))?;
        let ca_bundle = self.ca_bundle.clone().or_else(|| sandbox.as_ref().map(|sandbox| sandbox.ca_bundle.clone()));
        let ca_bundle = ca_bundle.ok_or_else(|| missing("--ca-bundle beside --api"))?;
        let identity = match (&self.cert, &self.key, &sandbox) {
            (Some(cert), Some(key), _) => Identity { cert: cert.clone(), key: key.clone() },
            (None, None, Some(sandbox)) => sandbox.client(role, self.sandbox.as_deref().unwrap_or(Path::new("")))?,
            (Some(_), None, _) | (None, Some(_), _) => {
                return Err(CannotAsk::Usage("--cert and --key go together".to_owned()));
            }
            (None, None, None) => return Err(missing("--cert and --key beside --api")),
        };
        let client = Client::new(&ClientFiles {
            api_url: &api_url,
            ca_bundle_pem: &text("the CA bundle", &ca_bundle)?,
            certificate_pem: &text("the client certificate", &identity.cert)?,
            key_pem: &text("the client's private key", &identity.key)?,
        })?;
        Ok(client.with_patience(Duration::from_secs(self.wait_seconds)))
    }
}

impl Sandbox {
    fn read(folder: &Path) -> Result<Self, CannotAsk> {
        let path = folder.join(SANDBOX_FILE);
        let unfit = |error: serde_json::Error| CannotAsk::NotJson {
            what: "the sandbox",
            path: path.clone(),
            reason: "it lacks api_url, ca_bundle or clients, or is not JSON,",
            line: error.line(),
            column: error.column(),
        };
        let read: Self = serde_json::from_str(&text("the sandbox", &path)?).map_err(unfit)?;
        Ok(Self { ca_bundle: folder.join(&read.ca_bundle), ..read })
    }

    fn client(&self, role: Role, folder: &Path) -> Result<Identity, CannotAsk> {
        let unknown = || CannotAsk::NoSuchClient { path: folder.join(SANDBOX_FILE), role: role.word() };
        let Identity { cert, key } = self.clients.get(role.word()).ok_or_else(unknown)?;
        Ok(Identity { cert: folder.join(cert), key: folder.join(key) })
    }
}

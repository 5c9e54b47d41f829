//! The configuration: what was written ([`Raw`]), then what it means ([`Config`]). Unknown keys are refused.
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ca::phone::hours::PhoneHours;
use ca::usage::rate::RateLimit;
use crl_publisher::decide::Timetable;
use crl_publisher::schedule::Schedule;
use ocsp_responder::OcspSettings;
use pki::algorithm::Algorithm;
use pki::certificate::{Layout, Profile, ProfileSettings};
use pki::oid::Oid;
use serde::Deserialize;

/// An example with every setting and its default.
pub const EXAMPLE: &str = include_str!("../example.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    data_dir: PathBuf,
    token: RawToken,
    public: RawPublic,
    api: RawApi,
    metrics: RawMetrics,
    profile: RawProfile,
    #[serde(default)]
    crl: RawCrl,
    #[serde(default)]
    ocsp: RawOcsp,
    #[serde(default)]
    phone: RawPhone,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawToken {
    pin_file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPublic {
    listen: SocketAddr,
    base_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawApi {
    listen: SocketAddr,
    hostnames: Vec<String>,
    #[serde(default = "default_refusals")]
    refusals_per_minute_max: u32,
    #[serde(default = "default_issues_per_core")]
    issues_at_once_per_core: usize,
    #[serde(default = "default_issues_waiting")]
    issues_waiting_per_desk_max: usize,
    #[serde(default = "default_loss_line")]
    loss_line: String,
}

/// An issue waits for three synced commits most of its time, so that several keep a core busy.
const fn default_issues_per_core() -> usize {
    16
}

const fn default_issues_waiting() -> usize {
    64
}

fn default_loss_line() -> String {
    ca::doors::LOSS_LINE.to_owned()
}

/// It stands on a line of a printed record.
const LOSS_LINE_CHARACTERS_MAX: usize = 100;

/// A busy desk mistypes a few; a program gone wild would fill the log, which is kept for ever.
const fn default_refusals() -> u32 {
    120
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMetrics {
    listen: SocketAddr,
}

/// Names, policies and CPS have no default: a production name must never come about by leaving a line out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    #[serde(default = "default_layout")]
    layout: String,
    organization: String,
    cps_uri: String,
    sign_policy: String,
    auth_policy: String,
    phone_sign_policy: String,
    phone_auth_policy: String,
    #[serde(default = "default_algorithm")]
    algorithm: String,
}

fn default_layout() -> String {
    Layout::Default.word().to_owned()
}

fn default_algorithm() -> String {
    Algorithm::Rsa2048Sha256.word().to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCrl {
    schedule: String,
    zone: String,
    validity_hours: u32,
    lead_seconds: u32,
    repair_hours: u32,
}

impl Default for RawCrl {
    fn default() -> Self {
        Self {
            schedule: "0 0 7 * * *".to_owned(),
            zone: "Asia/Tokyo".to_owned(),
            validity_hours: 48,
            lead_seconds: 300,
            // A night's sleep: somebody who is called at 7:00 has until 15:00, and who comes after them until 23:00.
            repair_hours: 8,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawOcsp {
    public: bool,
    max_age_seconds: u32,
    validity_seconds: u32,
    kept_answers_max: u32,
    archive_retention_days: u32,
    sign_unknown: bool,
    echo_nonces: bool,
    operator_requests_per_second_max: u32,
    operator_burst_max: u32,
}

/// Ten years, which a CA key and so its delegates last.
const ARCHIVE_RETENTION_DAYS_MAX: u32 = 3_653;

impl Default for RawOcsp {
    fn default() -> Self {
        Self {
            public: true,
            max_age_seconds: 300,
            validity_seconds: 28_800,
            kept_answers_max: 131_072,
            archive_retention_days: 0,
            sign_unknown: false,
            echo_nonces: true,
            // A large operator's peak, and what it sends when a line comes back; a machine does more.
            operator_requests_per_second_max: 500,
            operator_burst_max: 1_000,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPhone {
    opens_at: String,
    closes_at: String,
}

impl Default for RawPhone {
    fn default() -> Self {
        Self { opens_at: "08:30".to_owned(), closes_at: "19:30".to_owned() }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}. `akashi config` prints an example to start from")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML of the known keys.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and what.
        reason: String,
    },
    /// A value out of its bounds.
    #[error("{path}: {key}: {reason}")]
    Value {
        /// The file.
        path: PathBuf,
        /// Which setting.
        key: &'static str,
        /// What is allowed.
        reason: String,
    },
}

/// What the configuration means.
#[derive(Clone, Debug)]
pub struct Config {
    /// Everything durable lies in here.
    pub data_dir: PathBuf,
    /// The token's PIN.
    pub pin_file: PathBuf,
    /// OCSP, CRLs, CA certificates, health.
    pub public_listen: SocketAddr,
    /// The doors.
    pub api_listen: SocketAddr,
    /// Names in the doors' TLS certificate.
    pub api_hostnames: Vec<String>,
    /// Mistaken requests that one party may make in a minute.
    pub refusals_per_minute_max: u32,
    /// Issues at work at once, for each core.
    pub issues_at_once_per_core: usize,
    /// Requests of one desk that may wait to be issued.
    pub issues_waiting_per_desk_max: usize,
    /// Where receipts say that a loss is reported.
    pub loss_line: String,
    /// Metrics.
    pub metrics_listen: SocketAddr,
    /// Names, policies, URLs.
    pub profile: Profile,
    /// When cuts are published.
    pub timetable: Timetable,
    /// How long a CRL is valid.
    pub crl_validity_seconds: u32,
    /// Of OCSP answers.
    pub ocsp: OcspSettings,
    /// Whether everybody may ask, on the public listener.
    pub public_ocsp: bool,
    /// How fast one operator may ask.
    pub operator_ocsp_rate: RateLimit,
    /// When applications for phones are done.
    pub phone_hours: PhoneHours,
}

impl Config {
    /// Reads a configuration file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        Self::read(&std::fs::read_to_string(path).map_err(unreadable)?, path)
    }

    /// Reads the text of the file with that path; others in it are relative to its folder.
    pub fn read(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let malformed =
            |error: toml::de::Error| ConfigError::Malformed { path: path.to_owned(), reason: error.to_string() };
        let raw: Raw = toml::from_str(text).map_err(malformed)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::mean(raw, folder).map_err(|(key, reason)| ConfigError::Value { path: path.to_owned(), key, reason })
    }

    fn mean(raw: Raw, folder: &Path) -> Result<Self, (&'static str, String)> {
        if raw.api.hostnames.is_empty() {
            return Err(("api.hostnames", "name at least one host under which clients reach the doors".to_owned()));
        }
        if raw.api.refusals_per_minute_max == 0 {
            let reason = "at least 1: with 0 the doors would refuse everything, and record nothing of it".to_owned();
            return Err(("api.refusals_per_minute_max", reason));
        }
        // Each waits with an open connection, and has its body in memory.
        if !(1..=128).contains(&raw.api.issues_at_once_per_core) {
            return Err(("api.issues_at_once_per_core", "1 to 128".to_owned()));
        }
        if !(1..=1_024).contains(&raw.api.issues_waiting_per_desk_max) {
            return Err(("api.issues_waiting_per_desk_max", "1 to 1024".to_owned()));
        }
        let line = &raw.api.loss_line;
        if line.is_empty() || line.chars().count() > LOSS_LINE_CHARACTERS_MAX || line.contains(char::is_control) {
            return Err(("api.loss_line", format!("one line of 1 to {LOSS_LINE_CHARACTERS_MAX} characters")));
        }
        let schedule =
            Schedule::parse(&raw.crl.schedule, &raw.crl.zone).map_err(|error| ("crl.schedule", error.to_string()))?;
        // I14. That it outlives the next cut by twice a repair (I9) is judged by schedule and clock, at the start.
        if !(1..=240).contains(&raw.crl.validity_hours) {
            return Err(("crl.validity_hours", "1 to 240".to_owned()));
        }
        if !(1..=100).contains(&raw.crl.repair_hours) {
            return Err(("crl.repair_hours", "1 to 100".to_owned()));
        }
        if raw.crl.lead_seconds > 3_600 {
            return Err(("crl.lead_seconds", "0 to 3600".to_owned()));
        }
        let ocsp = ocsp(&raw.ocsp)?;
        let rates = [
            ("ocsp.operator_requests_per_second_max", raw.ocsp.operator_requests_per_second_max),
            ("ocsp.operator_burst_max", raw.ocsp.operator_burst_max),
        ];
        if let Some((key, _)) = rates.into_iter().find(|(_, rate)| !(1..=1_000_000).contains(rate)) {
            return Err((key, "1 to 1000000".to_owned()));
        }
        let phone_hours = PhoneHours::parse(&raw.phone.opens_at, &raw.phone.closes_at).ok_or_else(|| {
            ("phone", "opens_at and closes_at are times HH:MM, the first before the second".to_owned())
        })?;
        let profile = profile(raw.profile, raw.public.base_url)?;
        Ok(Self {
            data_dir: folder.join(raw.data_dir),
            pin_file: folder.join(raw.token.pin_file),
            public_listen: raw.public.listen,
            api_listen: raw.api.listen,
            api_hostnames: raw.api.hostnames,
            refusals_per_minute_max: raw.api.refusals_per_minute_max,
            issues_at_once_per_core: raw.api.issues_at_once_per_core,
            issues_waiting_per_desk_max: raw.api.issues_waiting_per_desk_max,
            loss_line: raw.api.loss_line,
            metrics_listen: raw.metrics.listen,
            profile,
            timetable: Timetable {
                schedule,
                lead_seconds: raw.crl.lead_seconds,
                repair_seconds: raw.crl.repair_hours * 3_600,
            },
            crl_validity_seconds: raw.crl.validity_hours * 3_600,
            ocsp,
            public_ocsp: raw.ocsp.public,
            operator_ocsp_rate: RateLimit {
                per_second: raw.ocsp.operator_requests_per_second_max,
                burst: raw.ocsp.operator_burst_max,
            },
            phone_hours,
        })
    }
}

fn ocsp(raw: &RawOcsp) -> Result<OcspSettings, (&'static str, String)> {
    let settings = OcspSettings::new(raw.max_age_seconds, raw.validity_seconds)
        .and_then(|settings| settings.with_kept_answers_max(raw.kept_answers_max))
        .map_err(|error| ("ocsp", error.to_string()))?
        .with_signed_unknown(raw.sign_unknown)
        .with_nonces(raw.echo_nonces);
    match raw.archive_retention_days {
        0 => Ok(settings),
        days @ 1..=ARCHIVE_RETENTION_DAYS_MAX => Ok(settings.with_archive_retention_seconds(days * 86_400)),
        _ => Err(("ocsp.archive_retention_days", format!("0 to {ARCHIVE_RETENTION_DAYS_MAX}"))),
    }
}

fn profile(raw: RawProfile, public_base_url: String) -> Result<Profile, (&'static str, String)> {
    let layout = Layout::from_word(&raw.layout)
        .ok_or_else(|| ("profile.layout", "write \"default\" or \"jpki-exact\"".to_owned()))?;
    let algorithm = Algorithm::from_word(&raw.algorithm).ok_or_else(|| {
        let words: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.word()).collect();
        ("profile.algorithm", format!("one of: {}", words.join(", ")))
    })?;
    let oid = |key, text: &str| Oid::from_dotted(text).ok_or_else(|| (key, "write a dotted OID".to_owned()));
    let settings = ProfileSettings {
        layout,
        organization: raw.organization,
        cps_uri: raw.cps_uri,
        sign_policy: oid("profile.sign_policy", &raw.sign_policy)?,
        auth_policy: oid("profile.auth_policy", &raw.auth_policy)?,
        phone_sign_policy: oid("profile.phone_sign_policy", &raw.phone_sign_policy)?,
        phone_auth_policy: oid("profile.phone_auth_policy", &raw.phone_auth_policy)?,
        public_base_url,
        algorithm,
    };
    Profile::new(settings).map_err(|error| ("profile", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(edit: impl FnOnce(String) -> String) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("akashi.toml");
        std::fs::write(&path, edit(EXAMPLE.to_owned())).expect("written");
        Config::load(&path)
    }

    fn refusal(from: &str, to: &str) -> String {
        assert!(EXAMPLE.contains(from), "{from}");
        config(|text| text.replace(from, to)).expect_err("refused").to_string()
    }

    #[test]
    fn the_example_is_a_configuration_and_its_optional_parts_are_the_defaults() {
        let whole = config(|text| text).unwrap();
        let short = config(|text| text[..text.find("[crl]").unwrap()].to_owned()).unwrap();
        for config in [&whole, &short] {
            let Timetable { schedule: _, lead_seconds, repair_seconds } = config.timetable;
            assert_eq!((config.crl_validity_seconds, lead_seconds, repair_seconds), (172_800, 300, 28_800));
        }
        assert_eq!((whole.ocsp, whole.phone_hours), (short.ocsp, short.phone_hours));
        assert_eq!((whole.public_ocsp, whole.operator_ocsp_rate), (short.public_ocsp, short.operator_ocsp_rate));
        assert_eq!(whole.profile.organization(), "JPKI-TEST");
    }

    #[test]
    fn an_algorithm_that_is_not_set_is_the_one_that_every_ocsp_client_verifies() {
        assert!(EXAMPLE.contains("\nalgorithm = "));
        let without = config(|text| text.replace("\nalgorithm = ", "\n# ")).unwrap();
        // R17: sha256WithRSAEncryption.
        assert_eq!(without.profile.algorithm(), Algorithm::Rsa2048Sha256);
    }

    #[test]
    fn what_ocsp_answers_say_beside_the_status_is_set_here() {
        let defaults = OcspSettings::new(300, 28_800).unwrap();
        assert_eq!(config(|text| text).unwrap().ocsp, defaults);
        let with = |from: &str, to: &str| {
            assert!(EXAMPLE.contains(from), "{from}");
            config(|text| text.replace(from, to)).unwrap().ocsp
        };
        let archive = defaults.with_archive_retention_seconds(3_653 * 86_400);
        assert_eq!(with("archive_retention_days = 0", "archive_retention_days = 3653"), archive);
        assert_eq!(with("sign_unknown = false", "sign_unknown = true"), defaults.with_signed_unknown(true));
        assert_eq!(with("echo_nonces = true", "echo_nonces = false"), defaults.with_nonces(false));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_right() {
        assert!(refusal("data_dir =", "datadir =").contains("unknown field `datadir`"));
        assert!(refusal("organization = \"JPKI-TEST\"\n", "").contains("missing field `organization`"));
        assert!(refusal("\"0 0 7 * * *\"", "\"0 7 * * *\"").contains("0 0 7 * * *"));
        assert!(refusal("minute_max = 120", "minute_max = 0").contains("at least 1"));
        assert!(refusal("per_core = 16", "per_core = 0").contains("1 to 128"));
        assert!(refusal("per_desk_max = 64", "per_desk_max = 1025").contains("1 to 1024"));
        assert!(refusal("loss_line = \"", "loss_line = \"\\n").contains("one line"));
        assert!(refusal("validity_hours = 48", "validity_hours = 241").contains("1 to 240"));
        assert!(refusal("repair_hours = 8", "repair_hours = 0").contains("1 to 100"));
        assert!(refusal("retention_days = 0", "retention_days = 3654").contains("0 to 3653"));
        assert!(refusal("\nvalidity_seconds = 28800", "\nvalidity_seconds = 28799").contains("28800..="));
        assert!(refusal("base_url = \"http:", "base_url = \"https:").contains("http://host"));
        assert!(refusal("rsa-2048-sha256\"", "rsa-1024\"").contains("ecdsa-p384-sha384"));
        assert!(refusal("burst_max = 1000", "burst_max = 0").contains("operator_burst_max: 1 to 1000000"));
        assert!(refusal("\"19:30\"", "\"7:30\"").contains("HH:MM"));
        let missing = Config::load(Path::new("/nowhere/akashi.toml")).expect_err("refused").to_string();
        assert!(missing.contains("akashi config"), "{missing}");
    }
}

//! The command line. Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage; those of the client
//! commands are in [`crate::client::tell`].
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pki::algorithm::Algorithm;
use pki::certificate::Layout;
use pki::identity::Ca;
use pki::time::UnixTime;

use crate::client::Door;
use crate::client::admin::AdminCommand;
use crate::client::call::{Deed, DoorCommand};
use crate::client::crl::PublishCommand;
use crate::client::desk::DeskCommand;
use crate::client::hotline::HotlineCommand;
use crate::client::operator::OperatorCommand;
use crate::client::phone::PhoneCommand;
use crate::client::residents::ResidentsCommand;
use crate::client::tell::EXIT_CODES;

/// Akashi (証): a certificate authority and revocation publisher, modelled on Japan's public personal authentication.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "A first run:\n  akashi config > akashi.toml\n  (umask 077; openssl rand -hex 16 > pin)\n  akashi init --config akashi.toml\n  akashi serve --config akashi.toml\n\nExit codes: 0 done, 1 failed, 2 wrong usage. Of desk, hotline, residents, operator, phone, admin and\ncrl publish also 3 refused, 4 ask again with the same idempotency key."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print an example configuration with every setting and its default.
    Config,
    /// Make token, keys, CA certificates, party CA and the first administrator. Refuses to run twice.
    Init(InitArguments),
    /// The CAs' keys.
    CaKey {
        /// What to do.
        #[command(subcommand)]
        command: CaKeyCommand,
    },
    /// Run: the public listener, the doors, the publisher, the metrics.
    Serve(ServeArguments),
    /// Print a door's OpenAPI document, octet for octet as the door serves it.
    Openapi {
        /// Which door.
        door: DoorArgument,
    },
    /// Make a complete throw-away environment for those who integrate: an authority, invented people with certificates and
    /// keys, good, held, revoked and expired ones, consents, clients of each door, a published cut. `sandbox.json` lists it.
    Sandbox(SandboxArguments),
    /// The CRLs: what the next cut would hold, and a cut at once.
    Crl {
        /// What to do.
        #[command(subcommand)]
        command: CrlCommand,
    },
    /// Check the log.
    Audit {
        /// How.
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Load tests of the OCSP responder: nothing here touches an authority.
    Load {
        /// What to do.
        #[command(subcommand)]
        command: LoadCommand,
    },
    /// Ask as a municipal issuance desk.
    #[command(after_help = EXIT_CODES)]
    Desk(Door<DeskCommand>),
    /// Ask as the loss line.
    #[command(after_help = EXIT_CODES)]
    Hotline(Door<HotlineCommand>),
    /// Report as the resident register.
    #[command(after_help = EXIT_CODES)]
    Residents(Door<ResidentsCommand>),
    /// Ask as a platform operator (署名検証者).
    #[command(after_help = EXIT_CODES)]
    Operator(Door<OperatorCommand>),
    /// Ask as the portal that people's phones talk to (マイナポータル).
    #[command(after_help = EXIT_CODES)]
    Phone(Door<PhoneCommand>),
    /// Ask as the CA's staff.
    #[command(after_help = EXIT_CODES)]
    Admin(Door<AdminCommand>),
}

impl Command {
    /// What a client command does; nothing of the others.
    pub fn deed(&self) -> Option<Deed<'_>> {
        match self {
            Self::Config
            | Self::Init(_)
            | Self::CaKey { .. }
            | Self::Serve(_)
            | Self::Openapi { .. }
            | Self::Sandbox(_)
            | Self::Crl { command: CrlCommand::Plan(_) }
            | Self::Audit { .. }
            | Self::Load { .. } => None,
            Self::Desk(door) => Some(door.command.deed()),
            Self::Hotline(door) => Some(door.command.deed()),
            Self::Residents(door) => Some(door.command.deed()),
            Self::Operator(door) => Some(door.command.deed()),
            Self::Phone(door) => Some(door.command.deed()),
            Self::Admin(door) => Some(door.command.deed()),
            Self::Crl { command: CrlCommand::Publish(publish) } => Some(publish.deed()),
        }
    }
}

/// A door that has calls.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DoorArgument {
    /// Municipal issuance desks.
    Desk,
    /// The loss line.
    Hotline,
    /// The resident register.
    Residents,
    /// Platform operators.
    #[value(alias = "operator")]
    Operators,
    /// The portal that phones talk to.
    #[value(alias = "portal")]
    Phone,
    /// The CA's staff.
    Admin,
}

/// What to do about the CRLs.
#[derive(Debug, Subcommand)]
pub enum CrlCommand {
    /// Print what a cut of the log's present end would hold: each CRL that has entries, and how many. Writes nothing, takes no
    /// number, needs no key; works beside a running `akashi serve`, too.
    #[command(after_help = "Example:\n  akashi crl plan --config akashi.toml")]
    Plan(ConfigArgument),
    /// Publish a cut of all CRLs outside the schedule; the answer comes after its flip.
    #[command(
        after_help = "Example:\n  akashi crl publish --now --sandbox sandbox --because 'a CA key is compromised'\n\nExit codes: 0 done, 1 could not ask, 2 wrong usage, 3 refused, 4 ask again with the same idempotency key."
    )]
    Publish(PublishCommand),
}

/// How to check the log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Recompute every row's hash and the tree, and compare the state with what the log says. Needs no key; works on a
    /// running registry, too.
    Verify(ConfigArgument),
}

/// What to make ready for a load test, or to run in one.
#[derive(Debug, Subcommand)]
pub enum LoadCommand {
    /// Make a snapshot of a status index of invented certificates: half of the signature CA, half of the user CA, serials
    /// from 1 on, those revoked scattered among them; always the same for the same numbers. No log belongs to it, so that
    /// `akashi serve` refuses it.
    #[command(
        after_help = "Example, a whole nation:\n  akashi load synth --certificates 250000000 --revoked 12 --out nation"
    )]
    Synth(SynthArguments),
    /// Serve OCSP over a snapshot alone, until Ctrl-C, by issuers and delegates whose keys are made now and thrown away. The
    /// issuers' certificates are written as `sign-1.pem`, `auth-1.pem` and so on, so that requests can be made and answers
    /// verified. Nothing of it may be relied on.
    #[command(
        after_help = "Example:\n  akashi load ocsp --snapshot nation --listen 127.0.0.1:8088 --out load-issuers\n  openssl ocsp -issuer load-issuers/sign-1.pem -CAfile load-issuers/sign-1.pem -serial 77 -url http://127.0.0.1:8088/ocsp/sign"
    )]
    Ocsp(LoadOcspArguments),
}

/// What to serve, and where.
#[derive(Args, Debug)]
pub struct LoadOcspArguments {
    /// A snapshot: of `akashi load synth`, or a copy of an authority's `status-index`.
    #[arg(long, value_name = "FILE")]
    pub snapshot: PathBuf,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8088")]
    pub listen: SocketAddr,
    /// The folder for the issuers' certificates.
    #[arg(long, value_name = "DIR", default_value = "load-issuers")]
    pub out: PathBuf,
    /// Of issuers and delegates: `rsa-2048-sha256`, `rsa-3072-sha256`, `ecdsa-p256-sha256` or `ecdsa-p384-sha384`.
    #[arg(long, default_value = "rsa-2048-sha256", value_parser = algorithm)]
    pub algorithm: Algorithm,
}

fn algorithm(word: &str) -> Result<Algorithm, String> {
    let words = || Algorithm::ALL.map(Algorithm::word).join(", ");
    Algorithm::from_word(word).ok_or_else(words)
}

/// What to put into a synthetic snapshot.
#[derive(Args, Debug)]
pub struct SynthArguments {
    /// How many certificates: 2 to 4000000000. 250 million are a nation's.
    #[arg(long, value_name = "N", value_parser = between(2, 4_000_000_000))]
    pub certificates: usize,
    /// How many of a hundred are held or revoked: 0 to 100. One in fifty of them is held.
    #[arg(long, value_name = "PERCENT", value_parser = between(0, 100))]
    pub revoked: usize,
    /// The file to write. It must not exist.
    #[arg(long, value_name = "FILE", default_value = "synthetic-index")]
    pub out: PathBuf,
}

/// What to do with the CAs' keys.
#[derive(Debug, Subcommand)]
pub enum CaKeyCommand {
    /// Make a CA's next key, its certificate, and the links with the key before. `akashi serve` must be stopped; started
    /// again, it issues under the new key. An interrupted attempt is finished by running it again.
    #[command(after_help = "Example:\n  akashi ca-key new sign --config akashi.toml")]
    New(CaKeyArguments),
}

/// Which CA's key.
#[derive(Args, Debug)]
pub struct CaKeyArguments {
    /// `sign`, `auth`, `phone-sign` or `phone-auth`.
    #[arg(value_name = "CA")]
    pub ca: Ca,
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigArgument,
    /// The clock stands there at the start, and then runs: 2026-11-21T10:00:00+09:00. For a sandbox alone.
    #[arg(long, value_name = "TIME")]
    pub clock_starts_at: Option<UnixTime>,
}

/// What to make.
#[derive(Args, Debug)]
pub struct InitArguments {
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigArgument,
    /// Make an authority for trying out. Its organization ends with -TEST, and it may run on a shifted clock.
    #[arg(long)]
    pub sandbox: bool,
    /// The clock stands there at the start, and then runs: 2026-11-21T10:00:00+09:00. For a sandbox alone.
    #[arg(long, value_name = "TIME", requires = "sandbox")]
    pub clock_starts_at: Option<UnixTime>,
}

/// How to run.
#[derive(Args, Debug)]
pub struct ServeArguments {
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigArgument,
    /// The clock stands there at the start, and then runs: 2026-11-21T10:00:00+09:00. For a sandbox alone.
    #[arg(long, value_name = "TIME")]
    pub clock_starts_at: Option<UnixTime>,
}

/// What to put into a sandbox.
#[derive(Args, Debug)]
pub struct SandboxArguments {
    /// A folder that is empty or does not exist.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How many people: 10 to 100000.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = between(10, 100_000))]
    pub people: usize,
    /// How many of a hundred certificates on cards are revoked: 0 to 40, as far as there are people for it.
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = between(0, 40))]
    pub revoked: usize,
    /// The certificates' layout: `default`, or `jpki-exact`, that of a JPKI test card.
    #[arg(long, default_value = "default", value_parser = layout)]
    pub layout: Layout,
    /// Listen on this port of 127.0.0.1 and the two after it, instead of any that are free.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=65_533))]
    pub port_base: Option<u16>,
    /// Then serve it, until Ctrl-C.
    #[arg(long)]
    pub serve: bool,
}

fn between(least: usize, most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone {
    let allowed = least..=most;
    move |text| {
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        number.ok_or_else(|| format!("{} to {}", allowed.start(), allowed.end()))
    }
}

fn layout(word: &str) -> Result<Layout, String> {
    Layout::from_word(word).ok_or_else(|| "`default` or `jpki-exact`".to_owned())
}

/// Which configuration.
#[derive(Args, Debug)]
pub struct ConfigArgument {
    /// The configuration file. Paths in it are relative to its folder.
    #[arg(long, value_name = "FILE", default_value = "akashi.toml")]
    pub config: PathBuf,
}

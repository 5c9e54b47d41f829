//! The command line. Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage.
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Akashi (証): a certificate authority and revocation publisher, modelled on Japan's public personal authentication.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "A first run:\n  akashi config > akashi.toml\n  (umask 077; openssl rand -hex 16 > pin)\n  akashi init --config akashi.toml\n  akashi serve --config akashi.toml\n\nExit codes: 0 done, 1 failed, 2 wrong usage."
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
    Init(ConfigArgument),
    /// Run: the public listener, the doors, the publisher, the metrics.
    Serve(ConfigArgument),
    /// Check the log.
    Audit {
        /// How.
        #[command(subcommand)]
        command: AuditCommand,
    },
}

/// How to check the log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Recompute every row's hash and the tree, and compare the state with what the log says. Needs no key; works on a
    /// running registry, too.
    Verify(ConfigArgument),
}

/// Which configuration.
#[derive(Args, Debug)]
pub struct ConfigArgument {
    /// The configuration file. Paths in it are relative to its folder.
    #[arg(long, value_name = "FILE", default_value = "akashi.toml")]
    pub config: PathBuf,
}

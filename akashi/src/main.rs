//! Akashi (証), the binary: parses the command line, sets up logging, and says why it failed if it did.
use std::process::ExitCode;

use akashi::cli::{Cli, Command};
use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A sandbox's phases tell how far it is; a log line for each part of the server would drown them.
    let level = if matches!(cli.command, Command::Sandbox(_)) { "warn" } else { "info" };
    let filter = EnvFilter::try_from_env("AKASHI_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    match akashi::run(cli.command) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("akashi: {failure}");
            ExitCode::FAILURE
        }
    }
}

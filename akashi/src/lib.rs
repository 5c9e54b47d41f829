//! Akashi (証): the binary's parts. The only owner of the real clock, randomness and keys; no rule of its own.
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`], [`config`], [`folder`], [`failure`] | the command line; the configuration; the data folder; what ends the process; [`output`] what a command prints, [`progress`] how far it is |
//! | [`init`], [`ca_key`], [`serve`], [`audit`], [`crl`], [`openapi`], [`sandbox`] | the commands |
//! | [`clock`], [`keys`], [`delegation`] | the real time and randomness; keys as handles; OCSP keys renewed |
//! | [`feed`], [`ledger`] | the log's followers: the status index, the publisher's view |
//! | [`mark`], [`snapshot`] | outside the registry: where the log's end was, so that an older copy is noticed; the index as a file |
//! | [`listen`], [`tls`], [`observe`] | listeners, the doors' TLS, metrics and health |
//! | [`client`], [`load`] | the other side of the doors; load tests of OCSP |
//! | [`steps`] | where crash tests stop the process |
pub mod audit;
pub mod ca_key;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod crl;
pub mod delegation;
pub mod failure;
pub mod feed;
pub mod folder;
pub mod init;
pub mod keys;
pub mod ledger;
pub mod listen;
pub mod load;
pub mod mark;
pub mod observe;
pub mod openapi;
pub mod output;
pub mod progress;
pub mod sandbox;
pub mod serve;
pub mod snapshot;
pub mod steps;
pub mod tls;

use std::process::ExitCode;

use cli::{
    AuditCommand, CaKeyCommand, Command, CrlCommand, LoadCommand, LoadOcspArguments, SandboxArguments, SynthArguments,
};
use clock::SystemClock;
use config::Config;
use failure::Failure;
use init::Kind;
use output::print;
use sandbox::Wanted;

/// Carries a command out. Client commands have exit codes of their own.
pub fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Config => print(config::EXAMPLE)?,
        Command::Init(arguments) => {
            let config = Config::load(&arguments.config.config)?;
            let clock = arguments.clock_starts_at.map_or(SystemClock::REAL, SystemClock::starting_at);
            init::init(&config, if arguments.sandbox { Kind::Sandbox(clock) } else { Kind::Lasting })?;
            print(&format!("initialised {}\n", config.data_dir.display()))?;
        }
        Command::CaKey { command: CaKeyCommand::New(arguments) } => {
            ca_key::new_key(&Config::load(&arguments.config.config)?, arguments.ca, arguments.clock_starts_at)?;
        }
        Command::Serve(arguments) => serve::serve(&Config::load(&arguments.config.config)?, arguments.clock_starts_at)?,
        Command::Openapi { door } => print(&openapi::document(door))?,
        Command::Sandbox(arguments) => {
            let SandboxArguments { out, people, revoked, layout, port_base, serve } = arguments;
            sandbox::sandbox(&out, Wanted { people, revoked, layout, port_base }, serve)?;
        }
        Command::Crl { command: CrlCommand::Plan(argument) } => crl::plan(&Config::load(&argument.config)?)?,
        Command::Crl { command: CrlCommand::Publish(command) } => {
            return Ok(client::publish(&command, &clock::randomness()));
        }
        Command::Audit { command: AuditCommand::Verify(argument) } => audit::audit(&Config::load(&argument.config)?)?,
        Command::Load { command: LoadCommand::Synth(arguments) } => {
            let SynthArguments { certificates, revoked, out } = arguments;
            load::synth::synth(&out, certificates, revoked)?;
        }
        Command::Load { command: LoadCommand::Ocsp(arguments) } => {
            let LoadOcspArguments { snapshot, listen, out, algorithm } = arguments;
            load::ocsp::ocsp(&snapshot, listen, &out, algorithm)?;
        }
        Command::Desk(door) => return Ok(client::run(door, &clock::randomness())),
        Command::Hotline(door) => return Ok(client::run(door, &clock::randomness())),
        Command::Residents(door) => return Ok(client::run(door, &clock::randomness())),
        Command::Operator(door) => return Ok(client::run(door, &clock::randomness())),
        Command::Phone(door) => return Ok(client::run(door, &clock::randomness())),
        Command::Admin(door) => return Ok(client::run(door, &clock::randomness())),
    }
    Ok(ExitCode::SUCCESS)
}

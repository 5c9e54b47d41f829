//! What ends the process with exit code 1, in one sentence.
use std::net::SocketAddr;

/// What ends the process.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] crate::folder::FolderError),
    /// A sandbox under a name that could be relied on.
    #[error(
        "profile.organization: the organization of a sandbox ends with \"-TEST\", so that nobody takes its certificates for real"
    )]
    SandboxOrganization,
    /// A sandbox could not be made.
    #[error("{0}")]
    Sandbox(String),
    /// A load test could not be made ready.
    #[error("{0}")]
    Load(String),
    /// The PIN.
    #[error(transparent)]
    Pin(#[from] hsm_mock::PinError),
    /// The token.
    #[error(transparent)]
    Token(#[from] hsm_mock::TokenError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] registry::RegistryError),
    /// The status index.
    #[error(transparent)]
    CatchUp(#[from] crate::feed::CatchUpError),
    /// The log.
    #[error("the log does not verify: {0}")]
    Audit(#[from] registry::audit::Finding),
    /// The state is not what the log says.
    #[error("the state does not follow from the log: {0}")]
    State(String),
    /// The publisher.
    #[error("the publisher cannot start: {0}")]
    Publisher(#[from] crl_publisher::publish::PublishError),
    /// `akashi crl plan`.
    #[error("the next cut cannot be planned: {0}")]
    Plan(#[source] crl_publisher::publish::PublishError),
    /// Schedule, validity of CRLs and time for repairs do not fit.
    #[error("the settings of crl: {0}")]
    Timetable(#[from] crl_publisher::decide::UnsafeTimetable),
    /// The CA's rules refused.
    #[error("{0}")]
    Rules(String),
    /// The registry is an older copy, or nobody can tell (I25).
    #[error(transparent)]
    Mark(#[from] crate::mark::MarkError),
    /// OCSP keys.
    #[error(transparent)]
    Delegation(#[from] crate::delegation::DelegationError),
    /// The party CA.
    #[error("the party CA: {0}")]
    PartyCa(#[from] rcgen::Error),
    /// TLS.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// Metrics.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A port.
    #[error(
        "{key} = {address}: {source}. If another program has the port, stop that one or choose another port in the configuration"
    )]
    Listen {
        /// Which setting.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The configuration is not that of the data.
    #[error(
        "the configuration differs from what `akashi init` fixed for ever: {}. Certificates stand on it, so it cannot change; restore the setting",
        listed(.0)
    )]
    Fixed(Vec<Difference>),
    /// A part that must run for as long as the process does has ended.
    #[error("{0} has ended, and a node must not go on without it; the log says why. Start akashi again")]
    TaskEnded(&'static str),
    /// The operating system.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// A setting that is fixed, and configured otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name in the configuration.
    pub key: &'static str,
    /// Its value when the data was made.
    pub fixed: String,
    /// Its value now.
    pub configured: String,
}

fn listed(differences: &[Difference]) -> String {
    let one = |Difference { key, fixed, configured }: &Difference| format!("{key} was {fixed:?} and is {configured:?}");
    differences.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl From<ca::problem::Problem> for Failure {
    fn from(problem: ca::problem::Problem) -> Self {
        Self::Rules(problem.detail().to_owned())
    }
}

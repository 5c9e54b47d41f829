//! Fuzz targets: each hands octets to a reader that strangers, or a damaged disk, can reach, and panics if what it makes of
//! them is not what it must be. A test's `assert!` is a finding here.
//!
//! | module | what it holds |
//! |---|---|
//! | [`Target`] | the closed list, each with octets to begin with |
//! | `targets` | one file for each reader |
//! | `scene` | a responder that knows a few serials, without a token |
//! | `truth` | what an OCSP answer must say about them, read by a decoder that is not ours |
//!
//! `tests/smoke.rs` runs all of them with octets changed by a fixed seed; `ops/fuzz` runs one for as long as wished, led by
//! the code that it reaches. Octets that once were a finding stay among the target's seeds.
mod scene;
mod targets;
mod truth;

use targets::{
    application, batch_file, certificate, certification_request, cms, configuration, crl, log_row, manifest,
    ocsp_connection, ocsp_path, ocsp_request, snapshot,
};

/// What a reader made of octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They were what it reads.
    Taken,
    /// They were not, and it said so.
    Refused,
}

impl Outcome {
    fn of<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Self::Taken } else { Self::Refused }
    }
}

/// A reader with what must hold of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An OCSPRequest.
    OcspRequest,
    /// The path of a GET request for OCSP.
    OcspPath,
    /// What a client of OCSP sends on a connection.
    OcspConnection,
    /// The status index as a file.
    Snapshot,
    /// A row of the log, and an event in it.
    LogRow,
    /// PKCS #10.
    CertificationRequest,
    /// The XML that a person signs.
    Application,
    /// A detached CMS signature.
    Cms,
    /// A certificate that came with a signature, and a public key.
    Certificate,
    /// A published CRL, read again.
    Crl,
    /// A cut's manifest, read again.
    Manifest,
    /// The rows of a batch, CSV or JSON Lines, as a client of the doors reads them.
    BatchFile,
    /// The server's configuration.
    Configuration,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::OcspRequest,
        Self::OcspPath,
        Self::OcspConnection,
        Self::Snapshot,
        Self::LogRow,
        Self::CertificationRequest,
        Self::Application,
        Self::Cms,
        Self::Certificate,
        Self::Crl,
        Self::Manifest,
        Self::BatchFile,
        Self::Configuration,
    ];

    /// Its name on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OcspRequest => "ocsp-request",
            Self::OcspPath => "ocsp-path",
            Self::OcspConnection => "ocsp-connection",
            Self::Snapshot => "snapshot",
            Self::LogRow => "log-row",
            Self::CertificationRequest => "certification-request",
            Self::Application => "application",
            Self::Cms => "cms",
            Self::Certificate => "certificate",
            Self::Crl => "crl",
            Self::Manifest => "manifest",
            Self::BatchFile => "batch-file",
            Self::Configuration => "configuration",
        }
    }

    /// Reads the octets. Panics if anything is found.
    pub fn run(self, octets: &[u8]) -> Outcome {
        match self {
            Self::OcspRequest => ocsp_request::run(octets),
            Self::OcspPath => ocsp_path::run(octets),
            Self::OcspConnection => ocsp_connection::run(octets),
            Self::Snapshot => snapshot::run(octets),
            Self::LogRow => log_row::run(octets),
            Self::CertificationRequest => certification_request::run(octets),
            Self::Application => application::run(octets),
            Self::Cms => cms::run(octets),
            Self::Certificate => certificate::run(octets),
            Self::Crl => crl::run(octets),
            Self::Manifest => manifest::run(octets),
            Self::BatchFile => batch_file::run(octets),
            Self::Configuration => configuration::run(octets),
        }
    }

    /// Octets to begin with; the reader takes each of them.
    pub fn seeds(self) -> Vec<Vec<u8>> {
        match self {
            Self::OcspRequest => ocsp_request::seeds(),
            Self::OcspPath => ocsp_path::seeds(),
            Self::OcspConnection => ocsp_connection::seeds(),
            Self::Snapshot => snapshot::seeds(),
            Self::LogRow => log_row::seeds(),
            Self::CertificationRequest => certification_request::seeds(),
            Self::Application => application::seeds(),
            Self::Cms => cms::seeds(),
            Self::Certificate => certificate::seeds(),
            Self::Crl => crl::seeds(),
            Self::Manifest => manifest::seeds(),
            Self::BatchFile => batch_file::seeds(),
            Self::Configuration => configuration::seeds(),
        }
    }
}

//! One file for each reader: `run` hands it octets, `seeds` gives some that it takes.
pub(crate) mod application;
pub(crate) mod batch_file;
pub(crate) mod certificate;
pub(crate) mod certification_request;
pub(crate) mod cms;
pub(crate) mod configuration;
pub(crate) mod crl;
pub(crate) mod log_row;
pub(crate) mod manifest;
pub(crate) mod ocsp_connection;
pub(crate) mod ocsp_path;
pub(crate) mod ocsp_request;
pub(crate) mod snapshot;

//! The doors' TLS: version 1.3 alone, and only for clients with a certificate of our party CA.
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::clock::SystemClock;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::keys::PartyAuthority;

/// What makes and renews the doors' TLS configuration.
pub struct DoorTls {
    roots: Arc<RootCertStore>,
    party_ca: Arc<PartyAuthority>,
    hostnames: Vec<String>,
    clock: SystemClock,
    config: Arc<ArcSwap<ServerConfig>>,
}

impl DoorTls {
    /// With a fresh certificate for these host names. Clients' certificates must be valid by that clock.
    pub fn new(
        folder: &Folder,
        party_ca: Arc<PartyAuthority>,
        hostnames: Vec<String>,
        clock: SystemClock,
    ) -> Result<Self, Failure> {
        let root = CertificateDer::from_pem_file(folder.party_ca())
            .map_err(|error| Failure::Tls(format!("{}: {error}", folder.party_ca().display())))?;
        let mut roots = RootCertStore::empty();
        roots.add(root).map_err(|error| Failure::Tls(error.to_string()))?;
        let roots = Arc::new(roots);
        let config = Arc::new(ArcSwap::from_pointee(make(&roots, &party_ca, &hostnames, clock)?));
        Ok(Self { roots, party_ca, hostnames, clock, config })
    }

    /// The configuration of this moment.
    pub fn config(&self) -> Arc<ArcSwap<ServerConfig>> {
        Arc::clone(&self.config)
    }

    /// New connections get a new certificate from now on.
    pub fn renew(&self) -> Result<(), Failure> {
        self.config.store(Arc::new(make(&self.roots, &self.party_ca, &self.hostnames, self.clock)?));
        Ok(())
    }
}

fn make(
    roots: &Arc<RootCertStore>,
    party_ca: &PartyAuthority,
    hostnames: &[String],
    clock: SystemClock,
) -> Result<ServerConfig, Failure> {
    let identity = party_ca.server_identity(hostnames)?;
    let tls = |error: &dyn std::fmt::Display| Failure::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider))
        .build()
        .map_err(|error| tls(&error))?;
    let mut config = ServerConfig::builder_with_details(provider, Arc::new(clock))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| tls(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate], identity.key)
        .map_err(|error| tls(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

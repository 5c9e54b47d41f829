//! What keys are called in the token. The key table in ARCHITECTURE.md lists them.
use hsm_mock::KeyLabel;
use pki::algorithm::Algorithm;
use pki::identity::IssuerKey;
use registry::seal::RetentionYear;

/// A label that is known to be one.
pub fn label(text: &str) -> KeyLabel {
    KeyLabel::new(text).expect("our labels are of the allowed characters")
}

/// The labels.
pub struct Labels;

impl Labels {
    /// A CA key.
    pub fn ca_key(issuer: IssuerKey) -> KeyLabel {
        label(&format!("ca-{}-{}", issuer.ca, issuer.key))
    }

    /// A delegated OCSP key. `position` is the log's when it is made, so no two of an algorithm have the same label.
    pub fn ocsp_key(issuer: IssuerKey, position: u64, algorithm: Algorithm) -> KeyLabel {
        label(&format!("{}{position}-{}", Self::ocsp_key_prefix(issuer), algorithm.word()))
    }

    /// What the labels of all delegated OCSP keys of a CA key begin with.
    pub fn ocsp_key_prefix(issuer: IssuerKey) -> String {
        format!("ocsp-{}-{}-", issuer.ca, issuer.key)
    }

    /// Signs manifests.
    pub fn manifest_key() -> KeyLabel {
        label("manifest-1")
    }

    /// Signs the TLS certificates of parties and of the doors.
    pub fn party_ca_key() -> KeyLabel {
        label("party-ca-1")
    }

    /// Hashes resident codes and requests.
    pub fn hash_key() -> KeyLabel {
        label("keyed-hash-1")
    }

    /// Wraps the data keys of the records whose retention ends in that year.
    pub fn year_key(year: RetentionYear) -> KeyLabel {
        label(&format!("year-{}", year.0))
    }
}

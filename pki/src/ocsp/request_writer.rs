//! Writing an OCSPRequest, for those who ask.
use crate::algorithm::Digest;
use crate::der::{DerWriter, Tag};
use crate::identity::Serial;
use crate::oid;

/// A CertID in DER. `issuer_name_der` is the issuer's Name octet for octet, `issuer_key_octets` the value of its key's
/// BIT STRING (R10, [`crate::algorithm::PublicKey::key_octets`]).
pub fn write_cert_id(digest: Digest, issuer_name_der: &[u8], issuer_key_octets: &[u8], serial: Serial) -> Vec<u8> {
    let mut writer = DerWriter::with_capacity(192);
    writer.sequence(|w| {
        w.sequence(|w| {
            w.oid(digest.oid());
            // RFC 5754 §2 prefers absent parameters; every OCSP client in use writes NULL, and some compare octets.
            w.primitive(Tag::NULL, &[]);
        });
        w.primitive(Tag::OCTET_STRING, &digest.of(issuer_name_der));
        w.primitive(Tag::OCTET_STRING, &digest.of(issuer_key_octets));
        w.integer(serial.get());
    });
    writer.finish()
}

/// An unsigned request in the making.
#[derive(Default)]
pub struct RequestWriter {
    list: DerWriter,
    extensions: DerWriter,
}

impl RequestWriter {
    /// A request about nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks about one certificate more, by its CertID in DER.
    #[must_use]
    pub fn cert_id(mut self, cert_id_der: &[u8]) -> Self {
        self.list.sequence(|w| w.raw(cert_id_der));
        self
    }

    /// Asks about one certificate more, with the singleRequestExtensions that `write` writes.
    #[must_use]
    pub fn cert_id_with(mut self, cert_id_der: &[u8], write: impl FnOnce(&mut DerWriter)) -> Self {
        self.list.sequence(|w| {
            w.raw(cert_id_der);
            w.constructed(Tag::context_constructed(0), |w| w.sequence(write));
        });
        self
    }

    /// Asks for that nonce to be echoed. Newer responders want 32 octets (N05).
    #[must_use]
    pub fn nonce(self, nonce: &[u8]) -> Self {
        self.extensions(|w| w.extension(oid::OCSP_NONCE, false, |w| w.primitive(Tag::OCTET_STRING, nonce)))
    }

    /// Adds the requestExtensions that `write` writes.
    #[must_use]
    pub fn extensions(mut self, write: impl FnOnce(&mut DerWriter)) -> Self {
        write(&mut self.extensions);
        self
    }

    /// The OCSPRequest in DER.
    pub fn finish(self) -> Vec<u8> {
        let Self { list, extensions } = self;
        let mut writer = DerWriter::with_capacity(list.as_slice().len() + extensions.as_slice().len() + 32);
        writer.sequence(|w| {
            w.sequence(|w| {
                w.sequence(|w| w.raw(list.as_slice()));
                if !extensions.as_slice().is_empty() {
                    w.constructed(Tag::context_constructed(2), |w| w.sequence(|w| w.raw(extensions.as_slice())));
                }
            });
        });
        writer.finish()
    }
}

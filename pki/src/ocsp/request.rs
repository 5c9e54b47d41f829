//! Reading an OCSPRequest (RFC 6960 §4.1.1).
use super::CERT_IDS_PER_REQUEST_MAX;
use crate::algorithm::{Algorithm, Digest};
use crate::der::{DerError, DerReader, Element, Tag, small_unsigned};
use crate::identity::Serial;
use crate::oid;

/// NULL, whole.
const NULL: [u8; 2] = [0x05, 0x00];

/// Why a request is malformed (R01). Each of them is answered `malformedRequest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not the DER of an OCSPRequest.
    #[error("the request is not an OCSPRequest in DER: {0}")]
    Der(#[from] DerError),
    /// Another version than v1, the only one there is.
    #[error("the request's version is not v1")]
    UnknownVersion,
    /// The request list is empty.
    #[error("the request asks about no certificate")]
    NoCertId,
    /// More than [`CERT_IDS_PER_REQUEST_MAX`] CertIDs.
    #[error("the request asks about more than {CERT_IDS_PER_REQUEST_MAX} certificates")]
    TooManyCertIds,
    /// A digest that we know, with parameters that it does not have.
    #[error("a CertID's digest has parameters other than NULL")]
    DigestParameters,
    /// A critical extension that we do not know (R11).
    #[error("the request has a critical extension that is not understood")]
    CriticalExtension,
    /// The nonce stands in the request twice.
    #[error("the request has two nonces")]
    RepeatedNonce,
    /// A nonce of no octets, or of more than 128 (N01).
    #[error("the nonce has {octets} octets; 1 to 128 are allowed")]
    NonceLength {
        /// How many octets the client sent.
        octets: usize,
    },
}

/// Which certificate is asked about, as it stands in the request.
///
/// ```text
/// CertID ::= SEQUENCE { hashAlgorithm AlgorithmIdentifier, issuerNameHash OCTET STRING,
///                       issuerKeyHash OCTET STRING, serialNumber CertificateSerialNumber }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertId<'a> {
    /// The whole element, for the answer to repeat octet by octet.
    pub der: &'a [u8],
    /// The digest of the two hashes; `None` if it is none of ours, and so names no issuer of ours.
    pub digest: Option<Digest>,
    /// Hash of the issuer's name (R10).
    pub issuer_name_hash: &'a [u8],
    /// Hash of the issuer's key (R10).
    pub issuer_key_hash: &'a [u8],
    /// Content octets of the serial number.
    pub serial_octets: &'a [u8],
}

impl<'a> CertId<'a> {
    /// The serial; `None` if it is one that no certificate of ours can have, that is negative, zero or too large.
    pub fn serial(&self) -> Option<Serial> {
        small_unsigned(self.serial_octets).and_then(Serial::new)
    }

    fn read(element: Element<'a>) -> Result<Self, RequestError> {
        let mut reader = element.reader();
        let mut identifier = reader.sequence()?;
        let issuer_name_hash = reader.expect(Tag::OCTET_STRING)?.contents;
        let issuer_key_hash = reader.expect(Tag::OCTET_STRING)?.contents;
        let serial_octets = reader.integer_octets()?;
        reader.finish()?;
        let oid = identifier.expect(Tag::OID)?.contents;
        let digest = Digest::ALL.into_iter().find(|digest| digest.oid().content() == oid);
        let parameters = if identifier.is_empty() { None } else { Some(identifier.element()?) };
        identifier.finish()?;
        // RFC 5754 §2: absent or NULL. Anything else would put octets of the asker's choice under our signature.
        let plain = parameters.is_none_or(|element| element.whole == NULL);
        if digest.is_some() && !plain {
            return Err(RequestError::DigestParameters);
        }
        Ok(Self { der: element.whole, digest, issuer_name_hash, issuer_key_hash, serial_octets })
    }
}

/// A request that is well-formed throughout, read in place.
///
/// A signature on the request and the requestor's name are skipped: nothing is decided by who asks (L03).
#[derive(Clone, Copy, Debug)]
pub struct OcspRequest<'a> {
    first: CertId<'a>,
    others: DerReader<'a>,
    cert_id_count: usize,
    nonce: Option<&'a [u8]>,
    preferred_signature_algorithms: DerReader<'a>,
}

impl<'a> OcspRequest<'a> {
    /// Reads a whole request.
    ///
    /// ```text
    /// OCSPRequest ::= SEQUENCE { tbsRequest TBSRequest, optionalSignature [0] EXPLICIT Signature OPTIONAL }
    /// TBSRequest  ::= SEQUENCE { version [0] EXPLICIT INTEGER DEFAULT v1, requestorName [1] EXPLICIT GeneralName OPTIONAL,
    ///                            requestList SEQUENCE OF Request, requestExtensions [2] EXPLICIT Extensions OPTIONAL }
    /// ```
    pub fn from_der(der: &'a [u8]) -> Result<Self, RequestError> {
        let mut outer = DerReader::new(der);
        let mut request = outer.sequence()?;
        outer.finish()?;
        let mut tbs = request.sequence()?;
        request.optional(Tag::context_constructed(0))?;
        request.finish()?;
        if let Some(version) = tbs.optional(Tag::context_constructed(0))? {
            // Written out although it is the default by some clients; harmless.
            if version.contents != [0x02, 0x01, 0x00] {
                return Err(RequestError::UnknownVersion);
            }
        }
        tbs.optional(Tag::context_constructed(1))?;
        let mut list = tbs.sequence()?;
        let extensions = tbs.optional(Tag::context_constructed(2))?;
        tbs.finish()?;
        if list.is_empty() {
            return Err(RequestError::NoCertId);
        }
        let first = read_single_request(&mut list)?;
        let others = list;
        let mut cert_id_count = 1;
        while !list.is_empty() {
            if cert_id_count == CERT_IDS_PER_REQUEST_MAX {
                return Err(RequestError::TooManyCertIds);
            }
            read_single_request(&mut list)?;
            cert_id_count += 1;
        }
        let mut request =
            Self { first, others, cert_id_count, nonce: None, preferred_signature_algorithms: DerReader::new(&[]) };
        if let Some(extensions) = extensions {
            request.read_extensions(extensions)?;
        }
        Ok(request)
    }

    fn read_extensions(&mut self, wrapper: Element<'a>) -> Result<(), RequestError> {
        let mut nonce_seen = false;
        read_extensions(wrapper, |extension| {
            if extension.oid == oid::OCSP_NONCE.content() {
                if nonce_seen {
                    return Err(RequestError::RepeatedNonce);
                }
                nonce_seen = true;
                self.nonce = read_nonce(extension.value)?;
            } else if extension.oid == oid::OCSP_PREFERRED_SIGNATURE_ALGORITHMS.content() {
                // A wish (RFC 6960 §4.4.7): one that cannot be read is no wish.
                self.preferred_signature_algorithms =
                    DerReader::new(extension.value).sequence().unwrap_or(DerReader::new(&[]));
            } else if extension.oid == oid::OCSP_RESPONSE_TYPES.content() {
                // Every client takes the basic type (RFC 6960 §4.4.3), and we give no other.
            } else if extension.critical {
                return Err(RequestError::CriticalExtension);
            }
            Ok(())
        })
    }

    /// The CertIDs in the order of the request: at least one, at most [`CERT_IDS_PER_REQUEST_MAX`].
    pub fn cert_ids(&self) -> impl Iterator<Item = CertId<'a>> + use<'a> {
        let mut others = self.others;
        std::iter::once(self.first).chain(std::iter::from_fn(move || {
            (!others.is_empty()).then(|| read_single_request(&mut others).expect("from_der has read them all"))
        }))
    }

    /// How many CertIDs there are.
    pub const fn cert_id_count(&self) -> usize {
        self.cert_id_count
    }

    /// The nonce to echo octet by octet (N04), if there is one of a length that is echoed: 16 to 32 octets (N02).
    pub const fn nonce(&self) -> Option<&'a [u8]> {
        self.nonce
    }

    /// What the client prefers to be answered with, best first (R19). Entries that cannot be read end the list.
    pub fn preferred_signature_algorithms(&self) -> impl Iterator<Item = PreferredSignatureAlgorithm<'a>> + use<'a> {
        let mut list = self.preferred_signature_algorithms;
        std::iter::from_fn(move || PreferredSignatureAlgorithm::read(&mut list).ok())
    }
}

/// One wish (RFC 6960 §4.4.7.1).
///
/// ```text
/// PreferredSignatureAlgorithm ::= SEQUENCE { sigIdentifier AlgorithmIdentifier, pubKeyAlgIdentifier SMIMECapability OPTIONAL }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreferredSignatureAlgorithm<'a> {
    signature: WishedIdentifier<'a>,
    public_key: Option<WishedIdentifier<'a>>,
}

/// An AlgorithmIdentifier or SMIMECapability: an object identifier and its parameters, if there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WishedIdentifier<'a> {
    oid: &'a [u8],
    parameters: Option<&'a [u8]>,
}

impl<'a> PreferredSignatureAlgorithm<'a> {
    fn read(list: &mut DerReader<'a>) -> Result<Self, DerError> {
        let mut wish = list.sequence()?;
        let signature = WishedIdentifier::read(&mut wish)?;
        let public_key = if wish.is_empty() { None } else { Some(WishedIdentifier::read(&mut wish)?) };
        wish.finish()?;
        Ok(Self { signature, public_key })
    }

    /// A key of that algorithm signs as is wished. Both ways in which clients write that there are no parameters will do;
    /// parameters of the key, such as a curve, must be its own if they are given.
    pub fn is_met_by(&self, algorithm: Algorithm) -> bool {
        let (key_oid, key_parameters) = algorithm.public_key_identifier();
        let plain = self.signature.parameters.is_none_or(|parameters| parameters == NULL);
        plain
            && self.signature.oid == algorithm.signature_oid().content()
            && self.public_key.is_none_or(|wished| {
                wished.oid == key_oid.content() && wished.parameters.is_none_or(|wished| wished == key_parameters)
            })
    }
}

impl<'a> WishedIdentifier<'a> {
    fn read(list: &mut DerReader<'a>) -> Result<Self, DerError> {
        let mut identifier = list.sequence()?;
        let oid = identifier.expect(Tag::OID)?.contents;
        let parameters = if identifier.is_empty() { None } else { Some(identifier.element()?.whole) };
        identifier.finish()?;
        Ok(Self { oid, parameters })
    }
}

/// `Request ::= SEQUENCE { reqCert CertID, singleRequestExtensions [0] EXPLICIT Extensions OPTIONAL }`
fn read_single_request<'a>(list: &mut DerReader<'a>) -> Result<CertId<'a>, RequestError> {
    let mut request = list.sequence()?;
    let cert_id = CertId::read(request.expect(Tag::SEQUENCE)?)?;
    if let Some(extensions) = request.optional(Tag::context_constructed(0))? {
        // We know none that concerns a single certificate; service locators are for responders that pass requests on.
        read_extensions(
            extensions,
            |extension| {
                if extension.critical { Err(RequestError::CriticalExtension) } else { Ok(()) }
            },
        )?;
    }
    request.finish()?;
    Ok(cert_id)
}

struct Extension<'a> {
    oid: &'a [u8],
    critical: bool,
    value: &'a [u8],
}

fn read_extensions<'a>(
    wrapper: Element<'a>,
    mut take: impl FnMut(Extension<'a>) -> Result<(), RequestError>,
) -> Result<(), RequestError> {
    let mut outer = wrapper.reader();
    let mut list = outer.sequence()?;
    outer.finish()?;
    while !list.is_empty() {
        let mut extension = list.sequence()?;
        let oid = extension.expect(Tag::OID)?.contents;
        // FALSE is the default and should be absent, but clients that write it out mean no harm.
        let critical = extension.peek() == Some(Tag::BOOLEAN) && extension.boolean()?;
        let value = extension.expect(Tag::OCTET_STRING)?.contents;
        extension.finish()?;
        take(Extension { oid, critical, value })?;
    }
    Ok(())
}

/// The rules of RFC 9654 §2.1 on lengths.
fn read_nonce(value: &[u8]) -> Result<Option<&[u8]>, RequestError> {
    let mut reader = DerReader::new(value);
    let nonce = reader.expect(Tag::OCTET_STRING)?.contents; // N04
    reader.finish()?;
    match nonce.len() {
        octets @ (0 | 129..) => Err(RequestError::NonceLength { octets }), // N01
        16..=32 => Ok(Some(nonce)),                                        // N02
        1..=15 | 33..=128 => Ok(None),                                     // N03
    }
}

#[cfg(test)]
mod tests;

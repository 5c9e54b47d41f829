//! CMS SignedData (RFC 5652 §5) with one signer and no content inside, read strictly.
use super::{SignatureError, SignerCertificate, digest_of};
use crate::algorithm::{Algorithm, Digest};
use crate::der::{DerError, DerReader, Element, Tag};
use crate::oid;

impl From<DerError> for SignatureError {
    fn from(_: DerError) -> Self {
        Self::Malformed
    }
}

pub(super) fn verify(signature: &[u8], content: &[u8], signer: &SignerCertificate) -> Result<(), SignatureError> {
    let digest = digest_of(signer.public_key.algorithm());
    let (data_version, mut signer_info) = only_signer(signature, digest)?;
    let version = signer_info.integer_octets()?;
    // RFC 5652 §5.1: both 1, or both 3 where the signer is named by its key identifier.
    if version != data_version {
        return Err(SignatureError::Malformed);
    }
    require_signer(&mut signer_info, version, signer)?;
    require_digest(signer_info.sequence()?, digest)?;
    let attributes = signer_info.optional(Tag::context_constructed(0))?;
    require_signature_algorithm(signer_info.expect(Tag::SEQUENCE)?, signer.public_key.algorithm())?;
    let value = signer_info.expect(Tag::OCTET_STRING)?.contents;
    // No unsigned attributes: nobody vouches for them.
    signer_info.finish()?;
    let signed = match attributes {
        None => signer.public_key.verify(content, value),
        Some(attributes) => {
            require_attributes(attributes, &digest.of(content))?;
            // RFC 5652 §5.4: what is signed is the SET OF, not the [0] that stands in its place.
            let mut set = attributes.whole.to_vec();
            set[0] = Tag::SET.0;
            signer.public_key.verify(&set, value)
        }
    };
    signed.map_err(|_| SignatureError::BadSignature)
}

/// The version of a detached SignedData over id-data, and the contents of its one SignerInfo.
fn only_signer(octets: &[u8], digest: Digest) -> Result<(&[u8], DerReader<'_>), SignatureError> {
    let mut outer = DerReader::new(octets);
    let mut content_info = outer.sequence()?;
    outer.finish()?;
    if content_info.expect(Tag::OID)?.contents != oid::CMS_SIGNED_DATA.content() {
        return Err(SignatureError::ContentType);
    }
    let mut explicit = content_info.expect(Tag::context_constructed(0))?.reader();
    content_info.finish()?;
    let mut signed_data = explicit.sequence()?;
    explicit.finish()?;
    let version = signed_data.integer_octets()?;
    let mut digests = signed_data.expect(Tag::SET)?.reader();
    require_digest(digests.sequence()?, digest)?;
    digests.finish()?;
    let mut encapsulated = signed_data.sequence()?;
    if encapsulated.expect(Tag::OID)?.contents != oid::CMS_DATA.content() {
        return Err(SignatureError::ContentType);
    }
    if !encapsulated.is_empty() {
        return Err(SignatureError::Attached);
    }
    // Certificates that came along are not looked at: the one sent beside the signature is.
    signed_data.optional(Tag::context_constructed(0))?;
    let mut signers = signed_data.expect(Tag::SET)?.reader();
    signed_data.finish()?;
    if signers.is_empty() {
        return Err(SignatureError::SignerCount);
    }
    let signer = signers.sequence()?;
    signers.finish().map_err(|_| SignatureError::SignerCount)?;
    Ok((version, signer))
}

/// sid: issuerAndSerialNumber in version 1, subjectKeyIdentifier in version 3 (RFC 5652 §5.3).
fn require_signer(
    signer_info: &mut DerReader<'_>,
    version: &[u8],
    signer: &SignerCertificate,
) -> Result<(), SignatureError> {
    let named = match version {
        [1] => {
            let mut sid = signer_info.sequence()?;
            let issuer = sid.expect(Tag::SEQUENCE)?.whole;
            let serial = sid.integer_octets()?;
            sid.finish()?;
            issuer == signer.issuer_der && serial == signer.serial
        }
        [3] => {
            let identifier = signer_info.expect(Tag::context(0))?.contents;
            signer.key_identifier.as_deref() == Some(identifier)
        }
        _ => return Err(SignatureError::Malformed),
    };
    if named { Ok(()) } else { Err(SignatureError::OtherSigner) }
}

/// The parameters are absent, or NULL (RFC 5754 §2).
fn require_digest(mut identifier: DerReader<'_>, digest: Digest) -> Result<(), SignatureError> {
    if identifier.expect(Tag::OID)?.contents != digest.oid().content() {
        return Err(SignatureError::DigestAlgorithm);
    }
    finish_with_null(identifier)
}

fn finish_with_null(mut parameters: DerReader<'_>) -> Result<(), SignatureError> {
    if parameters.optional(Tag::NULL)?.is_some_and(|null| !null.contents.is_empty()) {
        return Err(SignatureError::Malformed);
    }
    Ok(parameters.finish()?)
}

/// The algorithm's own identifier, or plain rsaEncryption, which CMS allows beside the digest (RFC 3370 §3.2).
fn require_signature_algorithm(identifier: Element<'_>, algorithm: Algorithm) -> Result<(), SignatureError> {
    if identifier.whole == algorithm.signature_identifier() {
        return Ok(());
    }
    let mut fields = identifier.reader();
    let named = fields.expect(Tag::OID)?.contents;
    match algorithm {
        Algorithm::Rsa2048Sha256 | Algorithm::Rsa3072Sha256 if named == oid::RSA_ENCRYPTION.content() => {
            finish_with_null(fields)
        }
        Algorithm::Rsa2048Sha256
        | Algorithm::Rsa3072Sha256
        | Algorithm::EcdsaP256Sha256
        | Algorithm::EcdsaP384Sha384 => Err(SignatureError::SignatureAlgorithm),
    }
}

/// One contentType with id-data and one messageDigest with that digest (RFC 5652 §11); others say nothing here.
fn require_attributes(attributes: Element<'_>, digest: &[u8]) -> Result<(), SignatureError> {
    let wrong = SignatureError::SignedAttributes;
    let (mut content_types, mut message_digests) = (Vec::new(), Vec::new());
    let mut before: &[u8] = &[];
    let mut reader = attributes.reader();
    while !reader.is_empty() {
        let attribute = reader.expect(Tag::SEQUENCE)?;
        // X.690 §11.6: ascending, so that none stands twice octet for octet either.
        if attribute.whole <= before {
            return Err(wrong);
        }
        before = attribute.whole;
        let mut fields = attribute.reader();
        let kind = fields.expect(Tag::OID)?.contents;
        let mut values = fields.expect(Tag::SET)?.reader();
        fields.finish()?;
        if kind == oid::CMS_CONTENT_TYPE.content() {
            content_types.push(values.expect(Tag::OID)?.contents);
            values.finish()?;
        } else if kind == oid::CMS_MESSAGE_DIGEST.content() {
            message_digests.push(values.expect(Tag::OCTET_STRING)?.contents);
            values.finish()?;
        }
    }
    let ([content_type], [message_digest]) = (&content_types[..], &message_digests[..]) else { return Err(wrong) };
    if *content_type != oid::CMS_DATA.content() {
        return Err(SignatureError::ContentType);
    }
    if *message_digest == digest { Ok(()) } else { Err(SignatureError::OtherContent) }
}

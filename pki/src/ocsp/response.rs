//! Writing an OCSPResponse (RFC 6960 §4.2.1).
use crate::algorithm::Algorithm;
use crate::der::{DerWriter, Tag, element_size};
use crate::oid;
use crate::revocation::{CertificateStatus, RevocationReason, Withdrawal};
use crate::time::UnixTime;

/// No answer is promised for longer than this: ten days, the outer bound of B02. The encoder refuses more (I14).
pub const VALIDITY_SECONDS_MAX: i64 = 10 * 86_400;

/// The answers that are not signed. They carry a status only (R05), so each is five octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorStatus {
    /// malformedRequest (1)
    MalformedRequest,
    /// internalError (2)
    InternalError,
    /// tryLater (3). There is no 4 (R05).
    TryLater,
    /// sigRequired (5)
    SigRequired,
    /// unauthorized (6): not ours to answer, or no authoritative record (L08).
    Unauthorized,
}

impl ErrorStatus {
    /// The whole OCSPResponse.
    pub const fn der(self) -> &'static [u8; 5] {
        match self {
            Self::MalformedRequest => &[0x30, 3, 0x0a, 1, 1],
            Self::InternalError => &[0x30, 3, 0x0a, 1, 2],
            Self::TryLater => &[0x30, 3, 0x0a, 1, 3],
            Self::SigRequired => &[0x30, 3, 0x0a, 1, 5],
            Self::Unauthorized => &[0x30, 3, 0x0a, 1, 6],
        }
    }
}

/// What is said of one certificate.
#[derive(Clone, Copy, Debug)]
pub struct SingleResponse<'a> {
    /// The CertID of the request, octet for octet.
    pub cert_id_der: &'a [u8],
    /// Its status; [`CertificateStatus::NotIssued`] is written `unknown`, never anything else (I22).
    pub status: CertificateStatus,
    /// The last instant at which this was known to be right (R06).
    pub this_update: UnixTime,
    /// By when newer information is there (R06, L09).
    pub next_update: UnixTime,
    /// The status is kept past expiry at least for certificates that expired after this instant (R18).
    pub archive_cutoff: Option<UnixTime>,
}

/// What a [`ResponseData`] is made of.
#[derive(Clone, Copy, Debug)]
pub struct ResponseContents<'a> {
    /// SHA-1 of the responder's key: ResponderID is always byKey (L07, R13).
    pub responder_key_hash: [u8; 20],
    /// When it is signed.
    pub produced_at: UnixTime,
    /// One for each CertID of the request, in its order (R16).
    pub responses: &'a [SingleResponse<'a>],
    /// The client's nonce, to be echoed (N04).
    pub nonce: Option<&'a [u8]>,
}

/// Contents that no answer may carry: our bug, stopped before it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseTimeError {
    /// There is nothing to say.
    #[error("a response without a single response")]
    Empty,
    /// thisUpdate after producedAt (I23).
    #[error("thisUpdate {this_update} is after producedAt {produced_at}")]
    UpdateAfterProduction {
        /// thisUpdate
        this_update: UnixTime,
        /// producedAt
        produced_at: UnixTime,
    },
    /// nextUpdate is not after producedAt, or more than [`VALIDITY_SECONDS_MAX`] after thisUpdate (I14).
    #[error("nextUpdate {next_update} is not within ten days after {this_update}")]
    NextUpdateOutOfBounds {
        /// thisUpdate
        this_update: UnixTime,
        /// nextUpdate
        next_update: UnixTime,
    },
}

/// tbsResponseData in DER: what an OCSP key signs. Only the encoder makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResponseData {
    der: Vec<u8>,
    has_nonce: bool,
}

impl ResponseData {
    /// Encodes the contents.
    ///
    /// ```text
    /// ResponseData ::= SEQUENCE { version DEFAULT v1 (left out), responderID [2] KeyHash, producedAt GeneralizedTime,
    ///                             responses SEQUENCE OF SingleResponse, responseExtensions [1] EXPLICIT OPTIONAL }
    /// ```
    pub fn encode(contents: &ResponseContents<'_>) -> Result<Self, ResponseTimeError> {
        let &ResponseContents { responder_key_hash, produced_at, responses, nonce } = contents;
        if responses.is_empty() {
            return Err(ResponseTimeError::Empty);
        }
        responses.iter().try_for_each(|response| response.check_times(produced_at))?;
        let octets = responses.iter().map(|response| response.cert_id_der.len() + 96).sum::<usize>() + 224;
        let mut writer = DerWriter::with_capacity(octets);
        writer.sequence(|w| {
            w.constructed(Tag::context_constructed(2), |w| w.primitive(Tag::OCTET_STRING, &responder_key_hash));
            write_time(w, produced_at);
            w.sequence(|w| responses.iter().for_each(|response| response.write(w)));
            if let Some(nonce) = nonce {
                w.constructed(Tag::context_constructed(1), |w| {
                    w.sequence(|w| {
                        // R11: nothing we set is critical.
                        w.extension(oid::OCSP_NONCE, false, |w| w.primitive(Tag::OCTET_STRING, nonce));
                    });
                });
            }
        });
        Ok(Self { der: writer.finish(), has_nonce: nonce.is_some() })
    }

    /// It echoes a nonce: it answers one request, and is of no use for another.
    pub const fn has_nonce(&self) -> bool {
        self.has_nonce
    }

    /// The octets to be signed.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }
}

impl SingleResponse<'_> {
    fn check_times(&self, produced_at: UnixTime) -> Result<(), ResponseTimeError> {
        let &Self { this_update, next_update, .. } = self;
        if this_update > produced_at {
            return Err(ResponseTimeError::UpdateAfterProduction { this_update, produced_at });
        }
        if next_update <= produced_at || next_update.seconds_since(this_update) > VALIDITY_SECONDS_MAX {
            return Err(ResponseTimeError::NextUpdateOutOfBounds { this_update, next_update });
        }
        Ok(())
    }

    /// ```text
    /// SingleResponse ::= SEQUENCE { certID CertID, certStatus CertStatus, thisUpdate GeneralizedTime,
    ///                               nextUpdate [0] EXPLICIT GeneralizedTime, singleExtensions [1] EXPLICIT OPTIONAL }
    /// ```
    fn write(&self, writer: &mut DerWriter) {
        writer.sequence(|w| {
            w.raw(self.cert_id_der);
            match self.status {
                CertificateStatus::Good => w.primitive(Tag::context(0), &[]),
                CertificateStatus::Withdrawn(withdrawal) => write_revoked_info(w, withdrawal),
                CertificateStatus::NotIssued => w.primitive(Tag::context(2), &[]),
            }
            write_time(w, self.this_update);
            w.constructed(Tag::context_constructed(0), |w| write_time(w, self.next_update));
            if let Some(cutoff) = self.archive_cutoff {
                w.constructed(Tag::context_constructed(1), |w| {
                    w.sequence(|w| w.extension(oid::OCSP_ARCHIVE_CUTOFF, false, |w| write_time(w, cutoff)));
                });
            }
        });
    }
}

/// `RevokedInfo ::= SEQUENCE { revocationTime GeneralizedTime, revocationReason [0] EXPLICIT CRLReason OPTIONAL }`, as `[1]`.
fn write_revoked_info(writer: &mut DerWriter, withdrawal: Withdrawal) {
    writer.constructed(Tag::context_constructed(1), |w| {
        write_time(w, withdrawal.since());
        // Left out instead of 0, as on CRLs (C14), so that both say the same (I3).
        if withdrawal.reason_code() != RevocationReason::Unspecified.code() {
            w.constructed(Tag::context_constructed(0), |w| w.primitive(Tag::ENUMERATED, &[withdrawal.reason_code()]));
        }
    });
}

/// Always GeneralizedTime here, with seconds, without fraction (R14, L09).
fn write_time(writer: &mut DerWriter, time: UnixTime) {
    writer.primitive(Tag::GENERALIZED_TIME, &time.generalized());
}

/// A whole successful OCSPResponse with a BasicOCSPResponse inside (R02).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BasicResponse {
    der: Vec<u8>,
}

impl BasicResponse {
    /// Puts the signed parts together. `certificate_der` is the delegate's certificate, which clients need beside the
    /// answer (L06). Sizes are computed first, so every octet is written once.
    ///
    /// ```text
    /// OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED, responseBytes [0] EXPLICIT SEQUENCE {
    ///     responseType OBJECT IDENTIFIER, response OCTET STRING OF BasicOCSPResponse } }
    /// BasicOCSPResponse ::= SEQUENCE { tbsResponseData ResponseData, signatureAlgorithm AlgorithmIdentifier,
    ///                                  signature BIT STRING, certs [0] EXPLICIT SEQUENCE OF Certificate }
    /// ```
    pub fn assemble(data: &ResponseData, algorithm: Algorithm, signature: &[u8], certificate_der: &[u8]) -> Self {
        let identifier = algorithm.signature_identifier();
        let certificates = element_size(certificate_der.len());
        let basic = data.der.len() + identifier.len() + element_size(1 + signature.len()) + element_size(certificates);
        let octet_string = element_size(basic);
        let response_bytes = element_size(oid::OCSP_BASIC.content().len()) + element_size(octet_string);
        let response = 3 + element_size(element_size(response_bytes));
        let mut w = DerWriter::with_capacity(element_size(response));
        w.header(Tag::SEQUENCE, response);
        w.primitive(Tag::ENUMERATED, &[0]);
        w.header(Tag::context_constructed(0), element_size(response_bytes));
        w.header(Tag::SEQUENCE, response_bytes);
        w.oid(oid::OCSP_BASIC);
        w.header(Tag::OCTET_STRING, octet_string);
        w.header(Tag::SEQUENCE, basic);
        w.raw(&data.der);
        w.raw(&identifier);
        w.bit_string(signature);
        w.header(Tag::context_constructed(0), certificates);
        w.primitive(Tag::SEQUENCE, certificate_der);
        Self { der: w.finish() }
    }

    /// The OCSPResponse in DER.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The OCSPResponse in DER.
    pub fn into_der(self) -> Vec<u8> {
        self.der
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::DerReader;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

    fn single(status: CertificateStatus) -> SingleResponse<'static> {
        let next_update = NOW.plus_seconds(60);
        SingleResponse { cert_id_der: &[0x30, 0], status, this_update: NOW, next_update, archive_cutoff: None }
    }

    fn encode(responses: &[SingleResponse<'_>], produced_at: UnixTime) -> Result<ResponseData, ResponseTimeError> {
        ResponseData::encode(&ResponseContents { responder_key_hash: [7; 20], produced_at, responses, nonce: None })
    }

    #[test]
    fn each_status_is_written_as_its_own_choice() {
        let since = NOW.plus_seconds(-5);
        let revoked = |reason| CertificateStatus::Withdrawn(Withdrawal::Revoked { since, reason });
        let cases: [(CertificateStatus, u8, Option<u8>); 5] = [
            (CertificateStatus::Good, 0x80, None),
            (CertificateStatus::NotIssued, 0x82, None),
            (CertificateStatus::Withdrawn(Withdrawal::Held { since }), 0xa1, Some(6)),
            (revoked(RevocationReason::AffiliationChanged), 0xa1, Some(3)),
            (revoked(RevocationReason::Unspecified), 0xa1, None),
        ];
        for (status, tag, reason) in cases {
            let mut writer = DerWriter::new();
            single(status).write(&mut writer);
            let der = writer.finish();
            let mut reader = DerReader::new(&der).sequence().unwrap();
            reader.sequence().unwrap();
            let element = reader.element().unwrap();
            assert_eq!(element.tag, Tag(tag), "{status:?}");
            if tag == 0xa1 {
                let mut revoked_info = element.reader();
                assert_eq!(revoked_info.time(), Ok(since));
                assert_eq!(revoked_info.rest(), reason.map_or(vec![], |code| vec![0xa0, 3, 0x0a, 1, code]));
            } else {
                assert!(element.contents.is_empty());
            }
        }
    }

    #[test]
    fn times_that_no_answer_may_carry_are_refused() {
        let good = single(CertificateStatus::Good);
        assert!(encode(&[good], NOW).is_ok());
        assert_eq!(encode(&[], NOW), Err(ResponseTimeError::Empty));
        let early = NOW.plus_seconds(-1);
        assert_eq!(
            encode(&[good], early),
            Err(ResponseTimeError::UpdateAfterProduction { this_update: NOW, produced_at: early })
        );
        let until = |seconds| encode(&[SingleResponse { next_update: NOW.plus_seconds(seconds), ..good }], NOW);
        assert!(until(VALIDITY_SECONDS_MAX).is_ok());
        assert!(until(VALIDITY_SECONDS_MAX + 1).is_err());
        assert!(until(0).is_err());
        assert!(until(1).is_ok());
    }

    #[test]
    fn sizes_computed_ahead_are_those_written_nested() {
        let data = encode(&[single(CertificateStatus::Good)], NOW).unwrap();
        for (signature_octets, certificate_octets) in [(72, 2), (256, 900), (384, 70_000)] {
            let (signature, certificate) = (vec![1; signature_octets], vec![2; certificate_octets]);
            let mut writer = DerWriter::new();
            writer.sequence(|w| {
                w.primitive(Tag::ENUMERATED, &[0]);
                w.constructed(Tag::context_constructed(0), |w| {
                    w.sequence(|w| {
                        w.oid(oid::OCSP_BASIC);
                        w.constructed(Tag::OCTET_STRING, |w| {
                            w.sequence(|w| {
                                w.raw(data.as_der());
                                Algorithm::Rsa2048Sha256.write_signature_identifier(w);
                                w.bit_string(&signature);
                                w.constructed(Tag::context_constructed(0), |w| w.sequence(|w| w.raw(&certificate)));
                            });
                        });
                    });
                });
            });
            let response = BasicResponse::assemble(&data, Algorithm::Rsa2048Sha256, &signature, &certificate);
            assert_eq!(response.as_der(), writer.as_slice());
        }
    }
}

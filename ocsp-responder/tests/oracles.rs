//! Foreign decoders read requests that were damaged or made by hand, and errors. Random shapes are in `foreign`.
mod support;

use der07::Decode;
use ocsp_responder::Answer;
use pki::algorithm::Digest;
use pki::der::{DerWriter, Tag};
use pki::identity::{Ca, Serial};
use pki::ocsp::{OcspRequest, RequestWriter, write_cert_id};
use pki::oid;
use proptest::prelude::*;
use support::*;

#[derive(Clone, Debug)]
struct Shape {
    cert_ids: Vec<(Digest, u64)>,
    nonce: Option<Vec<u8>>,
    preference: bool,
}

fn shape(digests: &'static [Digest]) -> impl Strategy<Value = Shape> {
    let cert_ids = prop::collection::vec((prop::sample::select(digests), 1..=Serial::MAX), 1..20);
    let nonce = prop::option::of(prop::collection::vec(any::<u8>(), 1..=128));
    (cert_ids, nonce, any::<bool>()).prop_map(|(cert_ids, nonce, preference)| Shape { cert_ids, nonce, preference })
}

impl Shape {
    fn der(&self) -> Vec<u8> {
        let mut writer = RequestWriter::new();
        for &(digest, number) in &self.cert_ids {
            writer = writer.cert_id(&write_cert_id(digest, b"issuer", b"key", serial(number)));
        }
        if self.preference {
            writer = writer.extensions(|w| {
                w.extension(oid::OCSP_RESPONSE_TYPES, false, |w| w.sequence(|w| w.oid(oid::OCSP_BASIC)));
            });
        }
        match &self.nonce {
            Some(nonce) => writer.nonce(nonce).finish(),
            None => writer.finish(),
        }
    }
}

proptest! {
    /// What we refuse, x509-ocsp may take (it has no rules on extensions, nonces or numbers); what it refuses as DER, we
    /// refuse too.
    #[test]
    fn a_damaged_request_that_we_take_is_taken_by_x509_ocsp(shape in shape(&Digest::ALL), at: prop::sample::Index, octet: u8) {
        let mut der = shape.der();
        let at = at.index(der.len());
        der[at] = octet;
        if OcspRequest::from_der(&der).is_ok() && !has_lenient_part(&der) {
            let theirs = x509_ocsp::OcspRequest::from_der(&der);
            prop_assert!(theirs.is_ok(), "{:?}", theirs);
        }
    }
}

/// A requestor's name, a signature or an OID is skipped or compared by us, but read by x509-ocsp.
fn has_lenient_part(der: &[u8]) -> bool {
    let whole = pki::der::DerReader::new(der).sequence().unwrap();
    let mut tbs = { whole }.sequence().unwrap();
    let skipped = [0, 1].map(Tag::context_constructed);
    let known = OcspRequest::from_der(der).unwrap().cert_ids().all(|cert_id| cert_id.digest.is_some());
    let version = tbs.peek().is_some_and(|tag| skipped.contains(&tag));
    let list = tbs.element().unwrap();
    let signed = { whole }.element().map(|first| first.whole.len()) != Ok(whole.rest().len());
    !known || version || signed || list.tag != Tag::SEQUENCE || !tbs.is_empty()
}

#[test]
fn both_foreign_decoders_take_a_request_made_by_hand() {
    // RFC 6960's grammar written out once without our writer: SHA-1, serial 0x1234.
    let mut cert_id = vec![0x30, 0x3b, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00];
    cert_id.extend([0x04, 0x14].into_iter().chain([0xaa; 20]));
    cert_id.extend([0x04, 0x14].into_iter().chain([0xbb; 20]));
    cert_id.extend([0x02, 0x02, 0x12, 0x34]);
    let length = u8::try_from(cert_id.len()).unwrap();
    cert_id[1] = length - 2;
    let mut der = vec![0x30, length + 6, 0x30, length + 4, 0x30, length + 2, 0x30, length];
    der.extend(&cert_id);
    assert_eq!(RequestWriter::new().cert_id(&cert_id).finish(), der);
    assert_eq!(OcspRequest::from_der(&der).unwrap().cert_ids().next().unwrap().serial(), Serial::new(0x1234));
    assert_eq!(x509_ocsp::OcspRequest::from_der(&der).unwrap().tbs_request.request_list.len(), 1);
    assert_eq!(ocsp::request::OcspRequest::parse(&der).unwrap().extract_certid().len(), 1);
}

#[test]
fn errors_are_read_as_what_they_are() {
    use pki::ocsp::ErrorStatus;
    use x509_ocsp::OcspResponseStatus as Theirs;
    for (ours, theirs) in [
        (ErrorStatus::MalformedRequest, Theirs::MalformedRequest),
        (ErrorStatus::InternalError, Theirs::InternalError),
        (ErrorStatus::TryLater, Theirs::TryLater),
        (ErrorStatus::SigRequired, Theirs::SigRequired),
        (ErrorStatus::Unauthorized, Theirs::Unauthorized),
    ] {
        let response = x509_ocsp::OcspResponse::from_der(Answer::Refused(ours).der()).unwrap();
        assert_eq!(response.response_status, theirs);
        assert!(response.response_bytes.is_none(), "R12");
    }
    assert_eq!(responder().answer(Ca::Sign, b"", NOW).der(), ErrorStatus::MalformedRequest.der());
    let mut writer = DerWriter::new();
    writer.integer(1);
    assert_eq!(responder().answer(Ca::Sign, writer.as_slice(), NOW).der(), ErrorStatus::MalformedRequest.der());
}

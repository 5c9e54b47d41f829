//! What an answer must say. It is read by a decoder that is not ours; what it ought to say follows from the scene's table.
use der07::{Decode, Encode};
use pki::algorithm::Digest;
use pki::identity::{Ca, Serial};
use pki::ocsp::OcspRequest;
use pki::revocation::{CertificateStatus, Withdrawal};
use x509_ocsp::{BasicOcspResponse, CertStatus, OcspResponse, OcspResponseStatus, SingleResponse};

use crate::Outcome;
use crate::scene::{NOW, SIGN, STATUSES, name, public_key};

/// The octets are an error that a request can earn, or a true answer to that request.
pub(crate) fn require(answer: &[u8], request: &[u8]) -> Outcome {
    let response = OcspResponse::from_der(answer).expect("an OCSPResponse");
    match response.response_status {
        OcspResponseStatus::Successful => {}
        OcspResponseStatus::MalformedRequest | OcspResponseStatus::Unauthorized => {
            assert!(response.response_bytes.is_none(), "R12");
            return Outcome::Refused;
        }
        status @ (OcspResponseStatus::InternalError
        | OcspResponseStatus::TryLater
        | OcspResponseStatus::SigRequired) => panic!("no request earns {status:?}"),
    }
    let bytes = response.response_bytes.expect("a successful one has them");
    let basic = BasicOcspResponse::from_der(bytes.response.as_bytes()).expect("a BasicOCSPResponse");
    let asked = OcspRequest::from_der(request).expect("what is answered can be read");
    let asked_about: Vec<_> = asked.cert_ids().map(|cert_id| cert_id.der).collect();
    let told = &basic.tbs_response_data.responses;
    assert_eq!(told.len(), asked_about.len(), "R16");
    for (single, cert_id) in told.iter().zip(asked_about) {
        assert_eq!(single.cert_id.to_der().expect("it was read"), cert_id, "R16");
        require_single(single);
    }
    let echoed = basic.nonce().map(|nonce| nonce.0.as_bytes().to_vec());
    assert_eq!(echoed.as_deref(), asked.nonce(), "N04");
    Outcome::Taken
}

fn require_single(single: &SingleResponse) {
    let this_update = single.this_update.0.to_unix_duration().as_secs();
    let next_update = single.next_update.expect("R06").0.to_unix_duration().as_secs();
    let now = u64::try_from(NOW.as_seconds()).expect("after 1970");
    assert!(this_update == now && next_update > now, "{this_update} {next_update}");
    let told = match single.cert_status {
        CertStatus::Good(_) => None,
        CertStatus::Revoked(info) => {
            let since = info.revocation_time.0.to_unix_duration().as_secs();
            Some((Some(since), info.revocation_reason.map(|reason| reason as u8)))
        }
        CertStatus::Unknown(_) => Some((None, None)),
    };
    let known = match status(single) {
        CertificateStatus::Good => None,
        CertificateStatus::Withdrawn(withdrawal @ (Withdrawal::Held { since } | Withdrawal::Revoked { since, .. })) => {
            Some((u64::try_from(since.as_seconds()).ok(), Some(withdrawal.reason_code())))
        }
        CertificateStatus::NotIssued => Some((None, None)),
    };
    assert_eq!(told, known, "{:?}", single.cert_id);
}

/// What the scene's table says of the certificate that a CertID names.
fn status(single: &SingleResponse) -> CertificateStatus {
    let cert_id = &single.cert_id;
    let digest = Digest::ALL.into_iter().find(|digest| digest.oid().content() == cert_id.hash_algorithm.oid.as_bytes());
    let digest = digest.expect("a digest of ours");
    assert!(
        [Ca::Sign, Ca::Auth].iter().any(|ca| digest.of(&name(*ca).to_der()) == cert_id.issuer_name_hash.as_bytes())
    );
    let is_known = digest.of(&name(SIGN.ca).to_der()) == cert_id.issuer_name_hash.as_bytes()
        && digest.of(public_key(1).key_octets()) == cert_id.issuer_key_hash.as_bytes();
    let serial = pki::der::small_unsigned(cert_id.serial_number.as_bytes()).and_then(Serial::new);
    let known = STATUSES.iter().find(|(number, _)| is_known && serial.is_some_and(|serial| serial.get() == *number));
    known.map_or(CertificateStatus::NotIssued, |(_, status)| *status)
}

//! The example of RFC 9919, appendix: its request is read and written again octet for octet, and its response is what we
//! would have written.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::algorithm::{Algorithm, Digest};
use crate::der::{DerReader, Tag};
use crate::identity::Serial;
use crate::revocation::CertificateStatus;
use crate::time::UnixTime;

const REQUEST: &str = "MGEwXzBdMFswWTANBglghkgBZQMEAgEFAAQgOplGd1aAc6cHv95QGGNF5M1hNNsI\
    Xrqh0QQl8DtvCOoEIEdKbKMB8j3J9/cHhwThx/X8lucWdfbtiC56tlw/WEVDAgQBqvAN";
const RESPONSE: &str = "MIIDjgoBAKCCA4cwggODBgkrBgEFBQcwAQEEggN0MIIDcDCBsKIWBBQK46D+ndQl\
    dpi163Lrygznvz318RgPMjAyNDAzMjkxMzQ4MzhaMIGEMIGBMFkwDQYJYIZIAWUD\
    BAIBBQAEIDqZRndWgHOnB7/eUBhjReTNYTTbCF66odEEJfA7bwjqBCBHSmyjAfI9\
    yff3B4cE4cf1/JbnFnX27YguerZcP1hFQwIEAarwDYAAGA8yMDI0MDMzMDEzNDgz\
    OFqgERgPMjAyNDA0MDYxMzQ4MzhaMAoGCCqGSM49BAMDA2kAMGYCMQCQhPNMOvmZ\
    1gZ2dOfmn69HlPHrAezVzXkSBZduV5yvBbdEu+21pWIfpHBX/dz0TssCMQD5VN8n\
    /9IDHqIy1BGXfKEskzK4l86ef9mw2atx5jbso2ztXT2Vzjd137jMhJsV2zqgggJC\
    MIICPjCCAjowggGboAMCAQICAQEwCgYIKoZIzj0EAwQwODELMAkGA1UEBhMCWFgx\
    FDASBgNVBAoMC0NlcnRzICdyIFVzMRMwEQYDVQQDDApJc3N1aW5nIENBMB4XDTI0\
    MDMyOTEzNDgzOFoXDTI1MDMyOTEzNDgzOFowPDELMAkGA1UEBhMCWFgxFDASBgNV\
    BAoMC0NlcnRzICdyIFVzMRcwFQYDVQQDDA5PQ1NQIFJlc3BvbmRlcjB2MBAGByqG\
    SM49AgEGBSuBBAAiA2IABFsJAbiFIyluuRnVD/oanLN0vE1AlYYoK/7KEbHZWtu1\
    RzSvVwv4K3IozyJrz0wl3bz+Oxo605Qw7/dj4daNLhUdkXILd5W1jaazRjlhOo+5\
    tajaSMZ0cRf5kZ6EJPN+yKN1MHMwHQYDVR0OBBYEFArjoP6d1CV2mLXrcuvKDOe/\
    PfXxMB8GA1UdIwQYMBaAFI7CFAlgduqQOOk5rhttUsQXfZ++MAwGA1UdEwEB/wQC\
    MAAwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMJMAoGCCqGSM49\
    BAMEA4GMADCBiAJCAYM7xi8t5dWcismjaZFkDsr7btGUqCpo8gwtzzideND6ZVk2\
    8KEW9D2qVSinMI73J8uuMIljWcWxA9HtJ3TLabOvAkIBcQLJM5D5i5JRsPmw2QkP\
    a9+3CpJwz6k/TzhkIsW+PXrB43EipUnpEPRWm272GofmjVrRYaWPFsWQylBLFh1zSf0=";

/// 2024-03-29 13:48:38 UTC
const PRODUCED_AT: UnixTime = UnixTime::from_seconds(1_711_720_118);
const DAY: i64 = 86_400;

fn octets(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).unwrap()
}

#[test]
fn the_request_is_read_and_written_again() {
    let der = octets(REQUEST);
    let request = OcspRequest::from_der(&der).unwrap();
    let cert_id = request.cert_ids().next().unwrap();
    assert_eq!((request.cert_id_count(), request.nonce()), (1, None));
    assert_eq!((cert_id.digest, cert_id.serial()), (Some(Digest::Sha256), Serial::new(27_979_789)));
    assert_eq!(cert_id.issuer_name_hash[..4], [0x3a, 0x99, 0x46, 0x77]);
    assert_eq!(cert_id.issuer_key_hash[..4], [0x47, 0x4a, 0x6c, 0xa3]);
    assert_eq!(RequestWriter::new().cert_id(cert_id.der).finish(), der);
}

#[test]
fn the_response_is_the_one_that_we_would_have_written() {
    let (request, published) = (octets(REQUEST), octets(RESPONSE));
    let cert_id = OcspRequest::from_der(&request).unwrap().cert_ids().next().unwrap();
    let responder_key_hash = published[41..61].try_into().unwrap();
    let single = |this_update| SingleResponse {
        cert_id_der: cert_id.der,
        status: CertificateStatus::Good,
        this_update,
        next_update: PRODUCED_AT.plus_seconds(8 * DAY),
        archive_cutoff: None,
    };
    let encode = |single| {
        let responses = &[single];
        ResponseData::encode(&ResponseContents { responder_key_hash, produced_at: PRODUCED_AT, responses, nonce: None })
    };
    // The example knows the status a day before it is so. We never do (R06).
    let tomorrow = PRODUCED_AT.plus_seconds(DAY);
    let refused = ResponseTimeError::UpdateAfterProduction { this_update: tomorrow, produced_at: PRODUCED_AT };
    assert_eq!(encode(single(tomorrow)), Err(refused));
    let data = encode(single(PRODUCED_AT)).unwrap();

    // The signature and the certificate behind it, as they stand there.
    let mut rest = DerReader::new(&published[30..]).sequence().unwrap();
    rest.sequence().unwrap();
    rest.sequence().unwrap();
    let signature = rest.bit_string().unwrap();
    let mut certificates = rest.expect(Tag::context_constructed(0)).unwrap().reader().sequence().unwrap();
    let certificate = certificates.expect(Tag::SEQUENCE).unwrap().whole;
    let written = BasicResponse::assemble(&data, Algorithm::EcdsaP384Sha384, signature, certificate).into_der();
    let mut with_todays_this_update = published;
    // GeneralizedTime at octet 177: 20240330…
    with_todays_this_update[179..187].copy_from_slice(b"20240329");
    assert!(written == with_todays_this_update, "another octet than in the example");
}

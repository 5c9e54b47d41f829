//! An OCSPRequest: malformed, not ours, or answered with the truth, whatever the octets.
use pki::algorithm::Digest;
use pki::identity::Ca;
use pki::ocsp::{REQUEST_OCTETS_MAX, RequestWriter};
use pki::oid;

use crate::Outcome;
use crate::scene::{NOW, RESPONDER, SIGN, cert_id};
use crate::truth;

pub(crate) fn run(octets: &[u8]) -> Outcome {
    let octets = &octets[..octets.len().min(REQUEST_OCTETS_MAX)];
    let at_auth = truth::require(RESPONDER.answer(Ca::Auth, octets, NOW).der(), octets);
    let at_sign = truth::require(RESPONDER.answer(Ca::Sign, octets, NOW).der(), octets);
    assert!(at_auth == Outcome::Refused || at_sign == Outcome::Refused, "of two CAs at once");
    at_sign
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = Digest::ALL.map(|digest| request(digest, &[10])).to_vec();
    seeds.push(request(Digest::Sha256, &[10, 11, 12, 13]));
    let with_extensions = RequestWriter::new().cert_id(&cert_id(SIGN, Digest::Sha1, 12)).extensions(|w| {
        w.extension(oid::OCSP_RESPONSE_TYPES, false, |w| w.sequence(|w| w.oid(oid::OCSP_BASIC)));
        w.extension(oid::OCSP_PREFERRED_SIGNATURE_ALGORITHMS, false, |w| {
            w.sequence(|w| w.sequence(|w| w.sequence(|w| w.oid(oid::ECDSA_WITH_SHA256))));
        });
    });
    seeds.push(with_extensions.nonce(&[7; 32]).finish());
    seeds
}

pub(crate) fn request(digest: Digest, numbers: &[u64]) -> Vec<u8> {
    let add = |writer: RequestWriter, number: &u64| writer.cert_id(&cert_id(SIGN, digest, *number));
    numbers.iter().fold(RequestWriter::new(), add).finish()
}

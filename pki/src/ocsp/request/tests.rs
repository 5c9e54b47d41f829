use super::*;
use crate::der::DerWriter;
use crate::ocsp::{RequestWriter, write_cert_id};
use crate::oid::Oid;
use proptest::prelude::*;

fn cert_id(digest: Digest, serial: u64) -> Vec<u8> {
    write_cert_id(digest, b"name", b"key", Serial::new(serial).unwrap())
}

fn request_with(extension: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    RequestWriter::new().cert_id(&cert_id(Digest::Sha256, 7)).extensions(extension).finish()
}

fn with_nonce(octets: usize) -> Vec<u8> {
    RequestWriter::new().cert_id(&cert_id(Digest::Sha1, 7)).nonce(&vec![0xa5; octets]).finish()
}

proptest! {
    #[test]
    fn every_cert_id_is_read_as_it_was_written(serials in prop::collection::vec((0..4_usize, 1..=Serial::MAX), 1..=100)) {
        let cert_ids: Vec<Vec<u8>> = serials.iter().map(|&(digest, serial)| cert_id(Digest::ALL[digest], serial)).collect();
        let der = cert_ids.iter().fold(RequestWriter::new(), |writer, cert_id| writer.cert_id(cert_id)).finish();
        let request = OcspRequest::from_der(&der).unwrap();
        prop_assert_eq!(request.cert_id_count(), serials.len());
        prop_assert_eq!(request.cert_ids().count(), serials.len());
        for ((read, written), &(digest, serial)) in request.cert_ids().zip(&cert_ids).zip(&serials) {
            let digest = Digest::ALL[digest];
            prop_assert_eq!(read.der, &written[..]);
            prop_assert_eq!(read.digest, Some(digest));
            prop_assert_eq!(read.serial().map(Serial::get), Some(serial));
            prop_assert_eq!(read.issuer_name_hash, &digest.of(b"name")[..]);
            prop_assert_eq!(read.issuer_key_hash, &digest.of(b"key")[..]);
        }
    }

    #[test]
    fn no_octets_make_it_panic(octets: Vec<u8>) {
        let _ = OcspRequest::from_der(&octets).map(|request| request.cert_ids().count());
    }

    #[test]
    fn a_request_cut_short_or_lengthened_is_refused(cut in 0_usize..60, added: u8) {
        let mut der = with_nonce(20);
        prop_assert!(OcspRequest::from_der(&der[..der.len() - 1 - cut]).is_err());
        der.push(added);
        prop_assert_eq!(OcspRequest::from_der(&der).unwrap_err(), RequestError::Der(DerError::TrailingOctets));
    }
}

#[test]
fn nonces_follow_rfc_9654_at_every_length() {
    for octets in 0..=140 {
        let der = with_nonce(octets);
        let read = OcspRequest::from_der(&der).map(|request| request.nonce().map(<[u8]>::len));
        let expected = match octets {
            0 | 129.. => Err(RequestError::NonceLength { octets }),
            16..=32 => Ok(Some(octets)),
            _ => Ok(None),
        };
        assert_eq!(read, expected, "{octets}");
    }
}

#[test]
fn a_nonce_that_is_no_octet_string_or_comes_twice_is_malformed() {
    let bare = request_with(|w| w.extension(oid::OCSP_NONCE, false, |w| w.raw(&[9; 20])));
    assert!(matches!(OcspRequest::from_der(&bare), Err(RequestError::Der(_))));
    let nonce = |w: &mut DerWriter| {
        w.extension(oid::OCSP_NONCE, false, |w| w.primitive(Tag::OCTET_STRING, &[9; 20]));
    };
    let twice = request_with(|w| {
        nonce(w);
        nonce(w);
    });
    assert_eq!(OcspRequest::from_der(&twice).unwrap_err(), RequestError::RepeatedNonce);
}

#[test]
fn unknown_extensions_matter_only_when_critical() {
    let unknown = |critical| request_with(|w| w.extension(oid::CRL_NUMBER, critical, |w| w.integer(1)));
    assert!(OcspRequest::from_der(&unknown(false)).is_ok());
    assert_eq!(OcspRequest::from_der(&unknown(true)).unwrap_err(), RequestError::CriticalExtension);
    let single = |critical| {
        let extension = |w: &mut DerWriter| w.extension(oid::CRL_NUMBER, critical, |w| w.integer(1));
        RequestWriter::new().cert_id_with(&cert_id(Digest::Sha1, 7), extension).finish()
    };
    assert!(OcspRequest::from_der(&single(false)).is_ok());
    assert_eq!(OcspRequest::from_der(&single(true)).unwrap_err(), RequestError::CriticalExtension);
    let types =
        request_with(|w| w.extension(oid::OCSP_RESPONSE_TYPES, true, |w| w.sequence(|w| w.oid(oid::OCSP_BASIC))));
    assert!(OcspRequest::from_der(&types).is_ok());
}

#[test]
fn preferences_are_read_as_far_as_they_can_be() {
    use crate::algorithm::Algorithm;
    let wishes = [Algorithm::EcdsaP256Sha256, Algorithm::Rsa2048Sha256];
    let der = request_with(|w| {
        w.extension(oid::OCSP_PREFERRED_SIGNATURE_ALGORITHMS, false, |w| {
            w.sequence(|w| wishes.iter().for_each(|wish| w.sequence(|w| wish.write_signature_identifier(w))));
        });
    });
    let request = OcspRequest::from_der(&der).unwrap();
    let read: Vec<_> = request.preferred_signature_algorithms().collect();
    assert_eq!(read.len(), 2);
    for (wish, read) in wishes.iter().zip(read) {
        let met: Vec<_> = Algorithm::ALL.into_iter().filter(|algorithm| read.is_met_by(*algorithm)).collect();
        // Both sizes of RSA sign with the same identifier.
        let meant = Algorithm::ALL.into_iter().filter(|any| any.signature_identifier() == wish.signature_identifier());
        assert_eq!(met, meant.collect::<Vec<_>>());
    }
    let der = request_with(|w| w.extension(oid::OCSP_PREFERRED_SIGNATURE_ALGORITHMS, true, |w| w.integer(1)));
    assert_eq!(OcspRequest::from_der(&der).unwrap().preferred_signature_algorithms().count(), 0);
}

#[test]
fn a_wish_may_name_the_kind_of_key_and_spell_no_parameters_in_two_ways() {
    use crate::algorithm::Algorithm;
    let met_by = |oid: Oid, null: bool, key: Option<(Oid, Option<Oid>)>| {
        let der = request_with(|w| {
            w.extension(oid::OCSP_PREFERRED_SIGNATURE_ALGORITHMS, false, |w| {
                w.sequence(|w| {
                    w.sequence(|w| {
                        w.sequence(|w| {
                            w.oid(oid);
                            if null {
                                w.primitive(Tag::NULL, &[]);
                            }
                        });
                        if let Some((key, curve)) = key {
                            w.sequence(|w| {
                                w.oid(key);
                                if let Some(curve) = curve {
                                    w.oid(curve);
                                }
                            });
                        }
                    });
                });
            });
        });
        let request = OcspRequest::from_der(&der).unwrap();
        let wish = request.preferred_signature_algorithms().next().unwrap();
        Algorithm::ALL.into_iter().filter(|algorithm| wish.is_met_by(*algorithm)).collect::<Vec<_>>()
    };
    let p256 = vec![Algorithm::EcdsaP256Sha256];
    let rsa = vec![Algorithm::Rsa2048Sha256, Algorithm::Rsa3072Sha256];
    assert_eq!(met_by(oid::ECDSA_WITH_SHA256, false, None), p256);
    assert_eq!(met_by(oid::ECDSA_WITH_SHA256, true, None), p256);
    assert_eq!(met_by(oid::SHA256_WITH_RSA, true, None), rsa);
    assert_eq!(met_by(oid::SHA256_WITH_RSA, false, None), rsa);
    assert_eq!(met_by(oid::ECDSA_WITH_SHA256, false, Some((oid::EC_PUBLIC_KEY, None))), p256);
    assert_eq!(met_by(oid::ECDSA_WITH_SHA256, false, Some((oid::EC_PUBLIC_KEY, Some(oid::P256)))), p256);
    assert_eq!(met_by(oid::ECDSA_WITH_SHA256, false, Some((oid::EC_PUBLIC_KEY, Some(oid::P384)))), vec![]);
    assert_eq!(met_by(oid::ECDSA_WITH_SHA256, false, Some((oid::RSA_ENCRYPTION, None))), vec![]);
    assert_eq!(met_by(oid::SHA256_WITH_RSA, true, Some((oid::RSA_ENCRYPTION, None))), rsa);
    // R21: what we have no name for is met by nothing.
    assert_eq!(met_by(oid::SHA1, true, None), vec![]);
}

#[test]
fn one_hundred_cert_ids_are_taken_and_one_more_is_not() {
    let largest = write_cert_id(Digest::Sha512, b"name", b"key", Serial::new(Serial::MAX).unwrap());
    let of = |count| (0..count).fold(RequestWriter::new(), |writer, _| writer.cert_id(&largest)).finish();
    let most = of(CERT_IDS_PER_REQUEST_MAX);
    assert!(most.len() < super::super::REQUEST_OCTETS_MAX);
    assert_eq!(OcspRequest::from_der(&most).unwrap().cert_ids().count(), CERT_IDS_PER_REQUEST_MAX);
    assert_eq!(OcspRequest::from_der(&of(CERT_IDS_PER_REQUEST_MAX + 1)).unwrap_err(), RequestError::TooManyCertIds);
    assert_eq!(OcspRequest::from_der(&of(0)).unwrap_err(), RequestError::NoCertId);
}

#[test]
fn requestor_name_and_signature_are_as_if_absent_and_versions_are_looked_at() {
    let cert_id = cert_id(Digest::Sha256, 7);
    let request = |version: Option<u64>| {
        let mut writer = DerWriter::new();
        writer.sequence(|w| {
            w.sequence(|w| {
                if let Some(version) = version {
                    w.constructed(Tag::context_constructed(0), |w| w.integer(version));
                }
                w.constructed(Tag::context_constructed(1), |w| crate::name::write_uri(w, "urn:asker"));
                w.sequence(|w| w.sequence(|w| w.raw(&cert_id)));
            });
            w.constructed(Tag::context_constructed(0), |w| w.sequence(|w| w.bit_string(b"signature")));
        });
        writer.finish()
    };
    for version in [None, Some(0)] {
        let der = request(version);
        assert_eq!(OcspRequest::from_der(&der).unwrap().cert_ids().next().unwrap().der, cert_id);
    }
    assert_eq!(OcspRequest::from_der(&request(Some(1))).unwrap_err(), RequestError::UnknownVersion);
}

#[test]
fn unknown_digests_are_no_error_but_odd_parameters_of_known_ones_are() {
    let cert_id = |oid: oid::Oid, parameters: &[u8]| {
        let mut writer = DerWriter::new();
        writer.sequence(|w| {
            w.sequence(|w| {
                w.oid(oid);
                w.raw(parameters);
            });
            w.primitive(Tag::OCTET_STRING, &[1; 20]);
            w.primitive(Tag::OCTET_STRING, &[2; 20]);
            w.primitive(Tag::INTEGER, &[0xff]);
        });
        RequestWriter::new().cert_id(&writer.finish()).finish()
    };
    let md5 = cert_id(oid::Oid::from_arcs(&[1, 2, 840, 113_549, 2, 5]), &[4, 1, 0]);
    let read = OcspRequest::from_der(&md5).unwrap().cert_ids().next().unwrap();
    assert_eq!((read.digest, read.serial()), (None, None));
    assert!(OcspRequest::from_der(&cert_id(oid::SHA256, &[])).is_ok());
    let odd = cert_id(oid::SHA256, &[4, 1, 0]);
    assert_eq!(OcspRequest::from_der(&odd).unwrap_err(), RequestError::DigestParameters);
}

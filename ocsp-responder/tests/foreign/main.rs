//! Our decoder of requests and two that are not ours take and refuse the same, and read the same, over random shapes: but for
//! a closed list of differences, each with its reason, and each of which occurs.
mod shape;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::catch_unwind;

use der07::{Decode, Encode};
use pki::algorithm::Digest;
use pki::ocsp::{OcspRequest, RequestError};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use shape::{AskedAbout, Kind, Parameters, Requestor, Shape, Signature, Wrapping, shape};

/// Where we and x509-ocsp differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// RFC 6960 §4.1.1 has a list of requests; one of none asks nothing, and we say so. It has no opinion.
    Empty,
    /// Our limit.
    TooMany,
    /// RFC 5754 §2: absent or NULL. It reads parameters of any kind.
    Parameters,
    /// R11: it leaves it to the caller what it knows of critical extensions.
    Critical,
    /// RFC 5280 §4.2: an extension stands once. It has no opinion.
    RepeatedNonce,
    /// RFC 9654 §2.1: 1 to 128 octets, in an OCTET STRING. It looks when it is asked for the nonce, and then gives none.
    Nonce,
    /// A requestor's name that is no GeneralName. Nothing is decided by who asks (L03), so we do not look.
    Requestor,
    /// A signature that is none, for the same reason.
    Signature,
}

impl Difference {
    const ALL: [Self; 8] = [
        Self::Empty,
        Self::TooMany,
        Self::Parameters,
        Self::Critical,
        Self::RepeatedNonce,
        Self::Nonce,
        Self::Requestor,
        Self::Signature,
    ];

    /// We refuse by a rule, and x509-ocsp has none. What is no DER, both refuse.
    fn of_refusal(error: RequestError, shape: &Shape) -> Option<Self> {
        match error {
            RequestError::NoCertId => Some(Self::Empty),
            RequestError::TooManyCertIds => Some(Self::TooMany),
            RequestError::DigestParameters => Some(Self::Parameters),
            RequestError::CriticalExtension => Some(Self::Critical),
            RequestError::RepeatedNonce => Some(Self::RepeatedNonce),
            RequestError::NonceLength { .. } => Some(Self::Nonce),
            RequestError::Der(_) => {
                let bare = |extension: &shape::Extension| matches!(extension.kind, Kind::Nonce { wrapped: false, .. });
                shape.extensions.iter().any(bare).then_some(Self::Nonce)
            }
            RequestError::UnknownVersion => None,
        }
    }

    /// We take it, and x509-ocsp looks where we do not.
    fn of_taking(shape: &Shape) -> Option<Self> {
        if shape.requestor == Some(Requestor::NoGeneralName) {
            Some(Self::Requestor)
        } else if shape.signature == Some(Signature::Unreadable) {
            Some(Self::Signature)
        } else {
            None
        }
    }
}

/// Runs over shapes that are the same each time.
fn over_shapes(judge: impl Fn(&Shape, &[u8]) -> Result<(), TestCaseError>) {
    let config = Config { cases: 6_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let outcome = runner.run(&shape(), |shape| judge(&shape, &shape.octets()));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// The shape is what we read of it.
fn require_read(shape: &Shape, ours: &OcspRequest<'_>) -> Result<(), TestCaseError> {
    prop_assert_eq!(ours.cert_id_count(), shape.cert_ids.len());
    for (our, asked) in ours.cert_ids().zip(&shape.cert_ids) {
        prop_assert_eq!(our.digest, asked.digest);
        prop_assert_eq!(our.issuer_name_hash, asked.name_hash());
        prop_assert_eq!(our.issuer_key_hash, asked.key_hash());
        prop_assert_eq!(our.serial_octets, &asked.serial[..]);
    }
    let nonce = shape.extensions.iter().find_map(|extension| match &extension.kind {
        Kind::Nonce { octets, .. } => Some(octets),
        Kind::ResponseTypes | Kind::Preferences | Kind::Strange => None,
    });
    let echoed = nonce.filter(|octets| (16..=32).contains(&octets.len()));
    if writes_no_bare_nonce(shape) {
        prop_assert_eq!(ours.nonce(), echoed.map(Vec::as_slice));
    }
    Ok(())
}

/// Bare octets may be an OCTET STRING by accident.
fn writes_no_bare_nonce(shape: &Shape) -> bool {
    shape.extensions.iter().all(|extension| !matches!(extension.kind, Kind::Nonce { wrapped: false, .. }))
}

#[test]
fn x509_ocsp_takes_and_refuses_what_we_do_but_for_eight_reasons() {
    let (seen, taken) = (RefCell::new(BTreeSet::new()), RefCell::new(0));
    over_shapes(|shape, octets| {
        let ours = OcspRequest::from_der(octets);
        let theirs = x509_ocsp::OcspRequest::from_der(octets);
        let difference = match (ours, theirs) {
            (Err(_), Err(_)) => return Ok(()),
            (Ok(ours), Ok(theirs)) => {
                *taken.borrow_mut() += 1;
                require_read(shape, &ours)?;
                return same(&ours, &theirs);
            }
            (Err(error), Ok(_)) => {
                let difference = Difference::of_refusal(error, shape);
                prop_assert!(difference.is_some(), "we alone refuse: {}", error);
                difference
            }
            (Ok(ours), Err(error)) => {
                require_read(shape, &ours)?;
                let difference = Difference::of_taking(shape);
                prop_assert!(difference.is_some(), "we alone take: {}", error);
                difference
            }
        };
        seen.borrow_mut().extend(difference);
        Ok(())
    });
    assert_eq!(seen.into_inner(), BTreeSet::from(Difference::ALL), "the list is closed, and each of it occurs");
    assert!(taken.into_inner() > 500);
}

fn same(ours: &OcspRequest<'_>, theirs: &x509_ocsp::OcspRequest) -> Result<(), TestCaseError> {
    prop_assert_eq!(ours.cert_id_count(), theirs.tbs_request.request_list.len());
    for (our, their) in ours.cert_ids().zip(&theirs.tbs_request.request_list) {
        let their = &their.req_cert;
        prop_assert_eq!(our.der, &their.to_der().unwrap()[..]);
        if let Some(digest) = our.digest {
            prop_assert_eq!(digest.oid().to_string(), their.hash_algorithm.oid.to_string());
        }
        prop_assert_eq!(our.issuer_name_hash, their.issuer_name_hash.as_bytes());
        prop_assert_eq!(our.issuer_key_hash, their.issuer_key_hash.as_bytes());
        prop_assert_eq!(our.serial_octets, their.serial_number.as_bytes());
    }
    let their_nonce = theirs.nonce().map(|nonce| nonce.0.as_bytes().to_vec());
    let echoed = their_nonce.filter(|nonce| (16..=32).contains(&nonce.len()));
    prop_assert_eq!(ours.nonce(), echoed.as_deref());
    Ok(())
}

/// The shape with nothing that the `ocsp` crate cannot judge: it panics at a version or a signer's certificates, and knows
/// SHA-1 with NULL alone and only some extensions and names.
fn simple(shape: &Shape) -> Shape {
    let asked = |asked: &AskedAbout| {
        let (digest, parameters, extension) = (Some(Digest::Sha1), Parameters::Null, None);
        AskedAbout { digest, parameters, serial: asked.serial.clone(), extension }
    };
    Shape {
        version: None,
        requestor: None,
        cert_ids: shape.cert_ids.iter().map(asked).collect(),
        extensions: Vec::new(),
        signature: None,
        wrapping: shape.wrapping,
    }
}

/// Where it takes what we refuse; nothing that we take it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum OcspCrate {
    /// As [`Difference::Empty`].
    Empty,
    /// As [`Difference::TooMany`].
    TooMany,
    /// X.690 §8.3.2: an INTEGER is as short as can be, and has an octet. It takes any.
    Serial,
    /// It looks at the first element, not whether something follows.
    OctetAfterwards,
}

impl OcspCrate {
    const ALL: [Self; 4] = [Self::Empty, Self::TooMany, Self::Serial, Self::OctetAfterwards];
}

#[test]
fn the_ocsp_crate_takes_and_refuses_what_we_do_where_it_can_judge_but_for_four_reasons() {
    let (seen, taken) = (RefCell::new(BTreeSet::new()), RefCell::new(0));
    over_shapes(|shape, _| {
        let shape = simple(shape);
        let octets = shape.octets();
        let ours = OcspRequest::from_der(&octets);
        let theirs = catch_unwind(|| ocsp::request::OcspRequest::parse(&octets)).ok().and_then(Result::ok);
        let difference = match (ours, theirs) {
            (Err(_), None) => return Ok(()),
            (Ok(ours), Some(theirs)) => {
                *taken.borrow_mut() += 1;
                let theirs = theirs.extract_certid();
                prop_assert_eq!(ours.cert_id_count(), theirs.len());
                for (our, their) in ours.cert_ids().zip(theirs) {
                    prop_assert_eq!(our.issuer_name_hash, &their.issuer_name_hash[..]);
                    prop_assert_eq!(our.issuer_key_hash, &their.issuer_key_hash[..]);
                    prop_assert_eq!(our.serial_octets, &their.serial_num[..]);
                }
                return Ok(());
            }
            (Err(RequestError::NoCertId), Some(_)) => OcspCrate::Empty,
            (Err(RequestError::TooManyCertIds), Some(_)) => OcspCrate::TooMany,
            (Err(_), Some(_)) if shape.wrapping == Wrapping::OctetAfterwards => OcspCrate::OctetAfterwards,
            (Err(error), Some(_)) => {
                let odd_serial = shape.cert_ids.iter().any(|asked| !is_der_integer(&asked.serial));
                prop_assert!(odd_serial, "we alone refuse: {}", error);
                OcspCrate::Serial
            }
            (Ok(_), None) => return Err(TestCaseError::fail("we alone take")),
        };
        seen.borrow_mut().insert(difference);
        Ok(())
    });
    assert_eq!(seen.into_inner(), BTreeSet::from(OcspCrate::ALL), "the list is closed, and each of it occurs");
    assert!(taken.into_inner() > 500);
}

fn is_der_integer(octets: &[u8]) -> bool {
    match octets {
        [] => false,
        [_] => true,
        [first, second, ..] => !(*first == 0 && *second < 0x80 || *first == 0xff && *second >= 0x80),
    }
}

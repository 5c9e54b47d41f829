//! For every lint of CRLs a bad example or more: a good CRL with one thing changed.
use super::crl::{COMPLETE, CrlExample, DELTA, WITH_DELTAS, scope};
use super::parts::{element, extension, replace};
use crate::algorithm::Algorithm;
use crate::certificate::Layout;
use crate::certificate::example::{issuer, utc};
use crate::crl::{CrlKind, CrlScope, DistributionPoint};
use crate::der::{DerWriter, Tag};
use crate::identity::Ca;
use crate::name::{self, DistinguishedName};
use crate::oid::{self, Oid};

/// A lint, and the change that it alone must find.
pub(super) type BadCrl = (&'static str, fn(&mut CrlExample));

const VERSION: usize = 0;
const SIGNATURE: usize = 1;
const ISSUER: usize = 2;
const THIS_UPDATE: usize = 3;
const NEXT_UPDATE: usize = 4;

const AUTHORITY_KEY: usize = 0;
const NUMBER: usize = 1;
const POINT: usize = 2;
/// In a complete CRL that has deltas.
const FRESHEST: usize = 3;
/// In a delta CRL, and the place of its issuingDistributionPoint.
const INDICATOR: usize = 2;
const POINT_OF_DELTA: usize = 3;

/// invalidityDate, which is known but not ours.
const FOREIGN: Oid = oid::INVALIDITY_DATE;

pub(super) const BAD: &[BadCrl] = &[
    // Stage 1 looks at what stands around the entries.
    ("encoding.elements", |e| e.extensions[NUMBER] = vec![0x30, 0x81, 1, 0]),
    ("encoding.nothing-empty", |e| e.fields[ISSUER] = vec![0x30, 0]),
    ("encoding.nothing-empty", |e| e.set(POINT, oid::ISSUING_DISTRIBUTION_POINT, true, |w| w.sequence(|_| {}))),
    ("encoding.utc-time", |e| replace(&mut e.fields[THIS_UPDATE], b"261121215500Z", b"261121215560Z")),
    ("encoding.time-type", |e| e.fields[NEXT_UPDATE] = generalized(b"20261123215500Z")),
    ("name.country", |e| replace(&mut e.fields[ISSUER], b"\x13\x02JP", b"\x0c\x02JP")),
    ("algorithm.rsa-parameters", |e| e.fields[SIGNATURE] = element(|w| w.sequence(|w| w.oid(oid::SHA256_WITH_RSA)))),
    // head
    ("crl.fields", |e| e.fields.swap(VERSION, ISSUER)),
    ("crl.fields", |e| e.fields.push(vec![5, 0])),
    ("crl.fields", |e| e.fields[THIS_UPDATE] = vec![4, 1, 0]),
    ("crl.version", |e| e.fields[VERSION] = vec![2, 1, 0]),
    ("crl.version", |e| drop(e.fields.remove(VERSION))),
    ("crl.next-update", |e| drop(e.fields.remove(NEXT_UPDATE))),
    ("crl.list-filled", |e| e.entries.clear()),
    ("crl.decodable", |e| e.extensions[NUMBER] = element(|w| w.sequence(|w| w.oid(oid::CRL_NUMBER)))),
    ("crl.defaults", |e| {
        // BOOLEAN FALSE written out where it is the DEFAULT.
        e.extensions[NUMBER] = element(|w| {
            w.sequence(|w| {
                w.oid(oid::CRL_NUMBER);
                w.primitive(Tag::BOOLEAN, &[0]);
                w.constructed(Tag::OCTET_STRING, |w| w.integer(77));
            });
        });
    }),
    ("crl.extensions-once", |e| e.extensions.push(e.extensions[POINT].clone())),
    ("crl.extension-values", |e| e.set(NUMBER, oid::CRL_NUMBER, false, |w| w.primitive(Tag::NULL, &[]))),
    ("crl.extension-values", |e| {
        e.set(AUTHORITY_KEY, oid::AUTHORITY_KEY_IDENTIFIER, false, |w| w.primitive(Tag::NULL, &[]));
    }),
    ("crl.extension-values", |e| {
        e.set(POINT, oid::ISSUING_DISTRIBUTION_POINT, true, |w| w.sequence(|w| w.primitive(Tag::NULL, &[])));
    }),
    ("crl.extension-defaults", |e| point_with(e, &[1], &[(4, &[0])])),
    ("crl.authority-key-present", |e| drop(e.extensions.remove(AUTHORITY_KEY))),
    ("crl.number-present", |e| drop(e.extensions.remove(NUMBER))),
    ("crl.point-present", |e| drop(e.extensions.remove(POINT))),
    ("crl.extensions-foreign", |e| {
        e.extensions.push(extension(FOREIGN, false, |w| w.primitive(Tag::GENERALIZED_TIME, b"20501121215500Z")));
    }),
    ("crl.extension-values", |e| indicator(e, true, |w| w.primitive(Tag::NULL, &[]))),
    ("crl.extension-values", |e| freshest(e, false, |w| w.sequence(|w| w.primitive(Tag::NULL, &[])))),
    ("crl.delta-planned", |e| {
        e.turn(DELTA);
        e.kind = COMPLETE;
    }),
    ("crl.delta-planned", |e| e.kind = DELTA),
    ("crl.freshest-no-delta", |e| {
        e.turn(DELTA);
        e.extensions.push(extension(oid::FRESHEST_CRL, false, |w| one_point(w, DELTAS, |_| {})));
    }),
    ("crl.freshest-planned", |e| e.kind = WITH_DELTAS),
    ("crl.freshest-planned", |e| {
        e.turn(WITH_DELTAS);
        e.kind = COMPLETE;
    }),
    ("crl.extension-order", |e| e.extensions.swap(NUMBER, POINT)),
    ("crl.extension-order", |e| {
        e.turn(DELTA);
        e.extensions.swap(INDICATOR, POINT_OF_DELTA);
    }),
    ("crl.extension-order", |e| {
        e.turn(WITH_DELTAS);
        e.extensions.swap(POINT, FRESHEST);
    }),
    ("crl.delta-critical", |e| indicator(e, false, |w| w.integer(76))),
    ("crl.freshest-not-critical", |e| freshest(e, true, |w| one_point(w, DELTAS, |_| {}))),
    ("crl.authority-key-not-critical", |e| {
        let key = e.issuer.public_key.key_identifier();
        e.set(AUTHORITY_KEY, oid::AUTHORITY_KEY_IDENTIFIER, true, |w| {
            w.sequence(|w| w.primitive(Tag::context(0), &key));
        });
    }),
    ("crl.number-not-critical", |e| e.set(NUMBER, oid::CRL_NUMBER, true, |w| w.integer(77))),
    ("crl.point-critical", |e| {
        let point = e.scope.to_issuing_distribution_point();
        e.set(POINT, oid::ISSUING_DISTRIBUTION_POINT, false, |w| w.raw(&point));
    }),
    ("crl.algorithm", |e| e.fields[SIGNATURE] = Algorithm::EcdsaP256Sha256.signature_identifier()),
    ("crl.issuer", |e| {
        // The same text as another string type is another name; so is the distribution point's, which agrees.
        e.issuer.name = issuer(Ca::Sign).name.with(oid::COMMON_NAME, "another");
    }),
    ("crl.this-update", |e| e.this_update = e.this_update.plus_seconds(1)),
    ("crl.next-update-planned", |e| e.next_update = e.next_update.plus_seconds(-1)),
    ("crl.validity-least", |e| updates(e, "20261122000000Z", "20261122005959Z")),
    ("crl.validity-least", |e| updates(e, "20261122000000Z", "20261121235959Z")),
    ("crl.validity-most", |e| updates(e, "20261122000000Z", "20261202000001Z")),
    ("crl.authority-key", |e| {
        e.set(AUTHORITY_KEY, oid::AUTHORITY_KEY_IDENTIFIER, false, |w| {
            w.sequence(|w| w.primitive(Tag::context(0), &[0; 20]));
        });
    }),
    ("crl.authority-key-alone", |e| authority(e, true, false)),
    ("crl.authority-key-alone", |e| authority(e, false, true)),
    ("crl.number-positive", |e| number(e, &[0])),
    ("crl.number-octets", |e| number(e, &[1; 21])),
    ("crl.number", |e| number(e, &[78])),
    ("crl.number", |e| number(e, &[1, 77])),
    ("crl.number", |e| number(e, &[[1].as_slice(), &[0; 18], &[77]].concat())),
    ("crl.base-number", |e| indicator(e, true, |w| w.integer(75))),
    ("crl.base-number", |e| indicator(e, true, |w| w.primitive(Tag::INTEGER, &[1; 21]))),
    ("crl.base-number-range", |e| e.turn(CrlKind::Delta { base_crl_number: 0 })),
    ("crl.base-number-range", |e| e.turn(CrlKind::Delta { base_crl_number: 78 })),
    ("crl.freshest-point", |e| {
        freshest(e, false, |w| one_point(w, "http://127.0.0.1:8080/crl/sign/2/delta.crl", |_| {}));
    }),
    ("crl.freshest-point", |e| {
        // Two, each of them right.
        freshest(e, false, |w| {
            w.sequence(|w| {
                for _ in 0..2 {
                    w.sequence(|w| full_name(w, |w| name::write_uri(w, DELTAS)));
                }
            });
        });
    }),
    ("crl.freshest-point", |e| {
        freshest(e, false, |w| {
            w.sequence(|w| {
                w.sequence(|w| {
                    full_name(w, |w| {
                        name::write_uri(w, DELTAS);
                        name::write_uri(w, DELTAS);
                    });
                });
            });
        });
    }),
    ("crl.freshest-point-alone", |e| {
        freshest(e, false, |w| one_point(w, DELTAS, |w| w.primitive(Tag::context(1), &[6, 0x40])));
    }),
    ("crl.freshest-point-alone", |e| {
        let name = e.issuer.name.clone();
        freshest(e, false, |w| {
            one_point(w, DELTAS, |w| {
                w.constructed(Tag::context_constructed(2), |w| name.write_directory_name(w));
            });
        });
    }),
    ("crl.point-user-certificates", |e| point_with(e, &[], &[])),
    ("crl.point-user-certificates", |e| point_of_cas(e, &[1, 2])),
    ("crl.point-ca-certificates", |e| point_with(e, &[1, 2], &[])),
    ("crl.point-no-attribute-certificates", |e| point_with(e, &[1, 5], &[])),
    ("crl.point-all-reasons", |e| point_with(e, &[1], &[(3, &[6, 0x40])])),
    ("crl.point-direct", |e| point_with(e, &[1, 4], &[])),
    // The names differ, the URI is missing, or the one list is taken for the other.
    ("crl.point-name", |e| replace(&mut e.extensions[POINT], b"Kiyose-shi CRLDP", b"Higash-shi CRLDP")),
    ("crl.point-name", |e| replace(&mut e.extensions[POINT], b"/13221.crl", b"/13222.crl")),
    ("crl.point-name", |e| e.scope = scope(Layout::JpkiExact)),
    ("crl.point-name", |e| {
        e.scope = scope(Layout::JpkiExact);
        e.write();
        e.scope = scope(Layout::Default);
    }),
    ("crl.point-name", |e| e.scope = CrlScope::Full),
    ("crl.point-name", |e| {
        let partition = std::mem::replace(&mut e.scope, CrlScope::Full);
        e.write();
        e.scope = partition;
    }),
    ("crl.point-of-issuer", |e| {
        // The plan itself takes the point of another CA.
        let uri = Some("http://127.0.0.1:8080/crl/sign/1/13221.crl".to_owned());
        let other = DistributionPoint::of_municipality(Ca::Auth, "JPKI-TEST", "Tokyo-to", "Kiyose-shi", uri);
        e.scope = CrlScope::Partition(other);
        e.write();
    }),
    ("crl.point-of-issuer", |e| {
        e.issuer.name = DistinguishedName::japan().with(oid::ORGANIZATION, "JPKI");
        e.write();
    }),
    // entries
    ("crl-entry.fields", |e| e.entries.push(vec![5, 0])),
    ("crl-entry.fields", |e| e.entries.push(vec![0x30, 3, 2, 1, 5])),
    ("crl-entry.fields", |e| {
        e.last_entry(|w| {
            since(w);
            w.primitive(Tag::NULL, &[]);
        });
    }),
    ("crl-entry.fields", |e| entry_extensions(e, |w| w.sequence(|w| w.oid(oid::REASON_CODE)))),
    ("crl-entry.fields", |e| {
        entry_extensions(e, |w| {
            w.sequence(|w| {
                w.oid(oid::REASON_CODE);
                w.constructed(Tag::OCTET_STRING, |w| w.primitive(Tag::ENUMERATED, &[1]));
                w.primitive(Tag::NULL, &[]);
            });
        });
    }),
    ("crl-entry.serial-shortest", |e| serial(e, &[0, 0x7f, 0xff, 0xff])),
    ("crl-entry.serial-positive", |e| e.entries = vec![entry_of(&[])]),
    ("crl-entry.serial-positive", |e| e.entries = vec![entry_of(&[0])]),
    ("crl-entry.serial-positive", |e| serial(e, &[0xff, 0x7f, 0xff, 0xff])),
    ("crl-entry.serial-range", |e| serial(e, &[1; 9])),
    ("crl-entry.ascending", |e| e.entries.swap(0, 1)),
    ("crl-entry.ascending", |e| e.entries.insert(1, e.entries[0].clone())),
    ("crl-entry.ascending", |e| serial(e, &[0x7f])),
    ("crl-entry.date", |e| replace(&mut e.entries[0], b"261121215500Z", b"261131215500Z")),
    ("crl-entry.date", |e| replace(&mut e.entries[0], b"261121215500Z", b"261121215500+")),
    ("crl-entry.date", |e| e.last_entry(|w| w.primitive(Tag::OCTET_STRING, b"261121215500Z"))),
    ("crl-entry.date-type", |e| e.last_entry(|w| w.raw(&generalized(b"20261121215500Z")))),
    ("crl-entry.date-past", |e| replace(&mut e.entries[0], b"261121215500Z", b"261121215501Z")),
    ("crl-entry.date-past", |e| {
        // Two wrongs are no right.
        replace(&mut e.entries[0], b"261121215500Z", b"261121215501Z");
        replace(&mut e.entries[1], b"261121215500Z", b"261121215501Z");
    }),
    ("crl-entry.extensions-filled", |e| entry_extensions(e, |_| {})),
    ("crl-entry.extensions-foreign", |e| {
        entry_extensions(e, |w| {
            w.extension(FOREIGN, false, |w| w.primitive(Tag::GENERALIZED_TIME, b"20261121215500Z"));
        });
    }),
    ("crl-entry.extensions-foreign", |e| {
        entry_extensions(e, |w| {
            reason(w, false, 1);
            w.extension(FOREIGN, false, |w| w.primitive(Tag::GENERALIZED_TIME, b"20261121215500Z"));
        });
    }),
    ("crl-entry.reason-once", |e| {
        entry_extensions(e, |w| {
            reason(w, false, 1);
            reason(w, false, 1);
        });
    }),
    ("crl-entry.reason-not-critical", |e| entry_extensions(e, |w| reason(w, true, 1))),
    ("crl-entry.defaults", |e| written_flag(e, &[0])),
    ("crl-entry.defaults", |e| written_flag(e, &[1])),
    ("crl-entry.reason-value", |e| {
        entry_extensions(e, |w| w.extension(oid::REASON_CODE, false, |w| w.primitive(Tag::ENUMERATED, &[0, 1])));
    }),
    ("crl-entry.reason-value", |e| {
        entry_extensions(e, |w| w.extension(oid::REASON_CODE, false, |w| w.primitive(Tag::INTEGER, &[1])));
    }),
    ("crl-entry.reason-stated", |e| entry_extensions(e, |w| reason(w, false, 0))),
    ("crl-entry.reason-not-removed", |e| entry_extensions(e, |w| reason(w, false, 8))),
    ("crl-entry.reason-known", |e| entry_extensions(e, |w| reason(w, false, 7))),
    ("crl-entry.reason-known", |e| {
        e.turn(DELTA);
        entry_extensions(e, |w| reason(w, false, 7));
    }),
    ("crl-entry.reason-known", |e| entry_extensions(e, |w| reason(w, false, 9))),
    ("crl-entry.reason-known", |e| entry_extensions(e, |w| reason(w, false, 10))),
];

fn generalized(text: &[u8]) -> Vec<u8> {
    element(|w| w.primitive(Tag::GENERALIZED_TIME, text))
}

/// Plan and CRL with these times, and nothing revoked after them.
fn updates(example: &mut CrlExample, this_update: &str, next_update: &str) {
    (example.this_update, example.next_update) = (utc(this_update), utc(next_update));
    example.fields[THIS_UPDATE] = element(|w| utc(this_update).write_der(w));
    example.fields[NEXT_UPDATE] = element(|w| utc(next_update).write_der(w));
}

fn number(example: &mut CrlExample, octets: &[u8]) {
    example.set(NUMBER, oid::CRL_NUMBER, false, |w| w.primitive(Tag::INTEGER, octets));
}

/// The example as a delta, with this deltaCRLIndicator.
fn indicator(example: &mut CrlExample, critical: bool, write: impl FnOnce(&mut DerWriter)) {
    example.turn(DELTA);
    example.set(INDICATOR, oid::DELTA_CRL_INDICATOR, critical, write);
}

/// Where the deltas are.
const DELTAS: &str = "http://127.0.0.1:8080/crl/sign/1/delta.crl";

/// The example as a CRL with deltas, with this freshestCRL.
fn freshest(example: &mut CrlExample, critical: bool, write: impl FnOnce(&mut DerWriter)) {
    example.turn(WITH_DELTAS);
    example.set(FRESHEST, oid::FRESHEST_CRL, critical, write);
}

/// One distribution point with that URI, and what follows in it.
fn one_point(writer: &mut DerWriter, uri: &str, more: impl FnOnce(&mut DerWriter)) {
    writer.sequence(|w| {
        w.sequence(|w| {
            full_name(w, |w| name::write_uri(w, uri));
            more(w);
        });
    });
}

fn full_name(writer: &mut DerWriter, names: impl FnOnce(&mut DerWriter)) {
    writer.constructed(Tag::context_constructed(0), |w| w.constructed(Tag::context_constructed(0), names));
}

/// The right key identifier, and these parts besides.
fn authority(example: &mut CrlExample, name: bool, serial: bool) {
    let issuer = issuer(Ca::Sign);
    example.set(AUTHORITY_KEY, oid::AUTHORITY_KEY_IDENTIFIER, false, |w| {
        w.sequence(|w| {
            w.primitive(Tag::context(0), &issuer.public_key.key_identifier());
            if name {
                w.constructed(Tag::context_constructed(1), |w| issuer.name.write_directory_name(w));
            }
            if serial {
                w.primitive(Tag::context(2), &[5]);
            }
        });
    });
}

/// The right distribution point with these flags set, and these fields as they are given.
fn point_with(example: &mut CrlExample, flags: &[u8], fields: &[(u8, &[u8])]) {
    let CrlScope::Partition(point) = example.scope.clone() else { unreachable!("the good example is a partition") };
    let flags = flags.iter().map(|&flag| (flag, [0xff].as_slice()));
    let mut all: Vec<_> = flags.chain(fields.iter().copied()).collect();
    all.sort_unstable();
    example.set(POINT, oid::ISSUING_DISTRIBUTION_POINT, true, |w| {
        w.sequence(|w| {
            point.write_distribution_point_name(w);
            for (number, contents) in all {
                w.primitive(Tag::context(number), contents);
            }
        });
    });
}

/// The example as a CRL of CA certificates, with these flags and no distribution point.
fn point_of_cas(example: &mut CrlExample, flags: &[u8]) {
    example.scope = CrlScope::CaCertificates;
    example.write();
    example.set(POINT, oid::ISSUING_DISTRIBUTION_POINT, true, |w| {
        w.sequence(|w| flags.iter().for_each(|flag| w.primitive(Tag::context(*flag), &[0xff])));
    });
}

fn since(writer: &mut DerWriter) {
    writer.primitive(Tag::UTC_TIME, b"261121215500Z");
}

fn entry_of(serial: &[u8]) -> Vec<u8> {
    element(|w| {
        w.sequence(|w| {
            w.primitive(Tag::INTEGER, serial);
            since(w);
        });
    })
}

/// One entry more, with that serial.
fn serial(example: &mut CrlExample, octets: &[u8]) {
    example.entries.push(entry_of(octets));
}

fn entry_extensions(example: &mut CrlExample, write: impl FnOnce(&mut DerWriter)) {
    example.last_entry(|w| {
        since(w);
        w.sequence(write);
    });
}

fn reason(writer: &mut DerWriter, critical: bool, code: u8) {
    writer.extension(oid::REASON_CODE, critical, |w| w.primitive(Tag::ENUMERATED, &[code]));
}

/// A reasonCode with a critical flag of these contents.
fn written_flag(example: &mut CrlExample, flag: &[u8]) {
    entry_extensions(example, |w| {
        w.sequence(|w| {
            w.oid(oid::REASON_CODE);
            w.primitive(Tag::BOOLEAN, flag);
            w.constructed(Tag::OCTET_STRING, |w| w.primitive(Tag::ENUMERATED, &[1]));
        });
    });
}

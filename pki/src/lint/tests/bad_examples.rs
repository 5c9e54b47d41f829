//! For every lint of certificates a bad example or more: a good certificate with one thing changed.
use super::parts::{
    Example, ISSUER, PUBLIC_KEY, Parts, SERIAL, SIGNATURE, SUBJECT, VALIDITY, VERSION, element, extension, replace,
    validity,
};
use super::{AUTH, SIGN, good};
use crate::algorithm::Algorithm;
use crate::certificate::example::{CARD_KEY, TestKey, auth_tbs, issuer, kiyose, newer_issuer, profile, settings, utc};
use crate::certificate::{Layout, Profile, ProfileSettings};
use crate::der::{DerReader, DerWriter, Tag};
use crate::identity::Ca;
use crate::lint::CertificateKind;
use crate::name::DistinguishedName;
use crate::oid::{self, Oid};
use CertificateKind::{Link, OcspResponder, Root};

/// A lint, the kind of certificate, and the change that it alone must find.
pub(super) type BadExample = (&'static str, CertificateKind, fn(&mut Example));

pub(super) const BAD: &[BadExample] = &[
    // encoding
    ("encoding.elements", AUTH, |e| {
        // A length in two octets where one will do.
        let serial = e.parts.fields[SERIAL].clone();
        e.parts.fields[SERIAL] = [&[2, 0x81], &serial[1..]].concat();
    }),
    ("encoding.elements", AUTH, |e| e.parts.fields[SERIAL][1] = 5),
    ("encoding.elements", AUTH, |e| {
        // Deeper than anything in a certificate.
        let deep = (0..20).fold(vec![5, 0], |inner, _| element(|w| w.sequence(|w| w.raw(&inner))));
        e.parts.set(oid::KEY_USAGE, true, |w| w.raw(&deep));
    }),
    ("encoding.boolean", AUTH, |e| e.parts.replace(oid::KEY_USAGE, &[1, 1, 0xff], &[1, 1, 1])),
    ("encoding.boolean", Root, |e| {
        e.parts.set(oid::BASIC_CONSTRAINTS, true, |w| w.sequence(|w| w.primitive(Tag::BOOLEAN, &[0xff, 0xff])));
    }),
    ("encoding.integer", AUTH, |e| e.parts.fields[SERIAL] = vec![2, 2, 0, 5]),
    ("encoding.integer", AUTH, |e| e.parts.fields[SERIAL] = vec![2, 2, 0, 0x7f]),
    ("encoding.integer", AUTH, |e| e.parts.fields[SERIAL] = vec![2, 2, 0xff, 0x80]),
    ("encoding.integer", AUTH, |e| e.parts.fields[SERIAL] = vec![2, 0]),
    ("encoding.integer", AUTH, |e| {
        e.parts.set(oid::KEY_USAGE, true, |w| w.primitive(Tag::ENUMERATED, &[0, 1]));
    }),
    ("encoding.null", OcspResponder, |e| {
        e.parts.set(oid::OCSP_NOCHECK, false, |w| w.primitive(Tag::NULL, &[0]));
    }),
    ("encoding.oid", AUTH, |e| e.parts.replace(oid::EXT_KEY_USAGE, &[7, 3, 2], &[0x80, 3, 2])),
    ("encoding.oid", AUTH, |e| e.parts.replace(oid::EXT_KEY_USAGE, &[7, 3, 2], &[7, 3, 0x82])),
    ("encoding.oid", AUTH, |e| e.parts.replace(oid::EXT_KEY_USAGE, &[7, 3, 2], &[7, 0x81, 0x80])),
    ("encoding.oid", AUTH, |e| {
        e.parts.set(oid::EXT_KEY_USAGE, false, |w| w.sequence(|w| w.primitive(Tag::OID, &[0x80, 1])));
    }),
    ("encoding.oid", AUTH, |e| {
        e.parts.set(oid::EXT_KEY_USAGE, false, |w| w.sequence(|w| w.primitive(Tag::OID, &[])));
    }),
    ("encoding.bit-string", AUTH, |e| usage_bits(e, &[6, 0xa0])),
    ("encoding.bit-string", AUTH, |e| usage_bits(e, &[8, 0x80])),
    ("encoding.bit-string", AUTH, |e| usage_bits(e, &[1])),
    ("encoding.bit-string", AUTH, |e| usage_bits(e, &[])),
    ("encoding.named-bits", AUTH, |e| usage_bits(e, &[6, 0x80])),
    ("encoding.named-bits", AUTH, |e| usage_bits(e, &[0, 0x80, 0])),
    ("encoding.utf8-string", SIGN, |e| replace(&mut e.parts.fields[SUBJECT], b"Kiyose-shi", b"Kiyose-\xffhi")),
    ("encoding.printable-string", SIGN, |e| replace(&mut e.parts.fields[SUBJECT], b"JP", b"J*")),
    ("encoding.ia5-string", SIGN, |e| e.parts.replace(oid::CERTIFICATE_POLICIES, b"cps.html", b"cps.htm\xe9")),
    ("encoding.ia5-string", SIGN, |e| e.parts.replace(oid::CRL_DISTRIBUTION_POINTS, b".crl", b".cr\xe9")),
    ("encoding.utc-time", AUTH, |e| replace(&mut e.parts.fields[VALIDITY], b"300217145959Z", b"300217145960Z")),
    ("encoding.utc-time", AUTH, |e| replace(&mut e.parts.fields[VALIDITY], b"300217145959Z", b"300230145959Z")),
    ("encoding.utc-time", AUTH, |e| times(e, (Tag::UTC_TIME, b"251027013542Z"), (Tag::UTC_TIME, b"3002171459Z"))),
    ("encoding.utc-time", AUTH, |e| {
        times(e, (Tag::UTC_TIME, b"251027013542Z"), (Tag::UTC_TIME, b"300217145959+0900"));
    }),
    ("encoding.generalized-time", AUTH, |e| {
        times(e, (Tag::UTC_TIME, b"251027013542Z"), (Tag::GENERALIZED_TIME, b"20500217145959.5Z"));
    }),
    ("encoding.generalized-time", AUTH, |e| {
        times(e, (Tag::UTC_TIME, b"251027013542Z"), (Tag::GENERALIZED_TIME, b"20501317145959Z"));
    }),
    ("encoding.time-type", AUTH, |e| {
        times(e, (Tag::UTC_TIME, b"251027013542Z"), (Tag::GENERALIZED_TIME, b"20300217145959Z"));
    }),
    ("encoding.time-type", AUTH, |e| {
        times(e, (Tag::GENERALIZED_TIME, b"20491231235959Z"), (Tag::GENERALIZED_TIME, b"20500101000000Z"));
    }),
    ("encoding.nothing-empty", AUTH, |e| e.parts.fields[ISSUER] = vec![0x30, 0]),
    ("encoding.nothing-empty", AUTH, |e| e.parts.fields[SUBJECT] = vec![0x30, 0]),
    ("encoding.nothing-empty", AUTH, |e| e.parts.set(oid::EXT_KEY_USAGE, false, |w| w.sequence(|_| {}))),
    ("encoding.nothing-empty", AUTH, |e| e.parts.extensions.clear()),
    // name, algorithm
    ("name.one-attribute", AUTH, |e| {
        // C and CN in one RDN, sorted as DER demands.
        e.parts.fields[SUBJECT] = name(|w| {
            attribute(w, oid::COMMON_NAME, Tag::UTF8_STRING, b"997794E9AGCIEG13221003A");
            attribute(w, oid::COUNTRY, Tag::PRINTABLE_STRING, b"JP");
        });
    }),
    ("name.string-type", AUTH, |e| replace(&mut e.parts.fields[ISSUER], b"\x0c\x09JPKI-TEST", b"\x14\x09JPKI-TEST")),
    ("name.country", AUTH, |e| replace(&mut e.parts.fields[ISSUER], b"\x13\x02JP", b"\x0c\x02JP")),
    ("name.country", AUTH, |e| {
        e.parts.fields[SUBJECT] = name(|w| attribute(w, oid::COUNTRY, Tag::PRINTABLE_STRING, b"JPN"));
    }),
    ("name.length", AUTH, |e| common_name(e, &"A".repeat(65))),
    ("name.length", AUTH, |e| common_name(e, "")),
    ("name.length", SIGN, |e| {
        e.parts.fields[SUBJECT] = DistinguishedName::japan().with(oid::LOCALITY, "A".repeat(129)).to_der();
    }),
    ("name.length", SIGN, |e| {
        e.parts.fields[SUBJECT] = DistinguishedName::japan().with(oid::ORGANIZATION, "あ".repeat(65)).to_der();
    }),
    ("name.uri", SIGN, |e| e.parts.replace(oid::CRL_DISTRIBUTION_POINTS, b"http://127", b"/////////1")),
    ("name.uri", SIGN, |e| e.parts.replace(oid::CRL_DISTRIBUTION_POINTS, b"http://127", b"http:///27")),
    ("name.uri", AUTH, |e| e.parts.replace(oid::AUTHORITY_INFO_ACCESS, b"http://127", b"ldap://127")),
    ("name.uri", AUTH, |e| {
        e.parts.set(oid::AUTHORITY_INFO_ACCESS, false, |w| w.sequence(|w| w.primitive(Tag::context(6), b"http://")));
    }),
    ("algorithm.rsa-parameters", AUTH, |e| {
        e.parts.fields[SIGNATURE] = element(|w| w.sequence(|w| w.oid(oid::SHA256_WITH_RSA)));
    }),
    ("algorithm.rsa-parameters", AUTH, |e| {
        let key = e.parts.fields[PUBLIC_KEY].clone();
        let bits = key[key.windows(2).position(|part| part == [3, 0x82]).unwrap()..].to_vec();
        e.parts.fields[PUBLIC_KEY] = element(|w| {
            w.sequence(|w| {
                w.sequence(|w| w.oid(oid::RSA_ENCRYPTION));
                w.raw(&bits);
            });
        });
    }),
    ("algorithm.ecdsa-parameters", AUTH, |e| {
        e.parts.fields[SIGNATURE] = element(|w| {
            w.sequence(|w| {
                w.oid(oid::ECDSA_WITH_SHA384);
                w.primitive(Tag::NULL, &[]);
            });
        });
    }),
    ("algorithm.curve", AUTH, |e| ec_key(e, |w| w.primitive(Tag::NULL, &[]))),
    ("algorithm.curve", AUTH, |e| {
        ec_key(e, |w| {
            w.oid(oid::P384);
            w.primitive(Tag::NULL, &[]);
        });
    }),
    // form
    ("form.decodable", AUTH, |e| e.parts.fields.swap(SERIAL, SIGNATURE)),
    ("form.defaults", AUTH, |e| {
        // BOOLEAN FALSE written out where it is the DEFAULT.
        let at = e.parts.position(oid::EXT_KEY_USAGE);
        e.parts.extensions[at] = element(|w| {
            w.sequence(|w| {
                w.oid(oid::EXT_KEY_USAGE);
                w.primitive(Tag::BOOLEAN, &[0]);
                w.constructed(Tag::OCTET_STRING, |w| w.sequence(|w| w.oid(oid::KP_CLIENT_AUTH)));
            });
        });
    }),
    ("form.defaults", SIGN, |e| {
        // v1 written out is no v3, too.
        replace(&mut e.parts.fields[VERSION], &[2, 1, 2], &[2, 1, 0]);
        e.also = &["form.version"];
    }),
    ("form.version", SIGN, |e| replace(&mut e.parts.fields[VERSION], &[2, 1, 2], &[2, 1, 1])),
    ("form.serial-positive", SIGN, |e| e.parts.fields[SERIAL] = vec![2, 1, 0]),
    ("form.serial-positive", AUTH, |e| e.parts.fields[SERIAL] = vec![2, 1, 0xff]),
    ("form.serial-positive", AUTH, |e| e.parts.fields[SERIAL] = vec![2, 2, 0xff, 0x7f]),
    ("form.serial-positive", AUTH, |e| e.parts.fields[SERIAL] = vec![2, 1, 0x80]),
    ("form.serial-octets", AUTH, |e| e.parts.fields[SERIAL] = [vec![2, 21], vec![1; 21]].concat()),
    ("form.validity-order", AUTH, |e| {
        e.parts.fields[VALIDITY] = validity(utc("20300217150000Z"), utc("20300217145959Z"));
    }),
    ("form.unique-identifiers", AUTH, |e| e.parts.fields.push(vec![0x81, 2, 0, 1])),
    ("form.unique-identifiers", AUTH, |e| e.parts.fields.push(vec![0x82, 2, 0, 1])),
    ("form.extensions-once", SIGN, |e| e.parts.extensions.push(e.parts.extensions[0].clone())),
    ("form.extension-values", AUTH, |e| {
        e.parts.set(oid::EXT_KEY_USAGE, false, |w| w.sequence(|w| w.primitive(Tag::NULL, &[])));
    }),
    ("form.extension-values", AUTH, |e| no_value(e, oid::KEY_USAGE)),
    ("form.extension-values", SIGN, |e| no_value(e, oid::SUBJECT_ALT_NAME)),
    ("form.extension-values", SIGN, |e| no_value(e, oid::ISSUER_ALT_NAME)),
    ("form.extension-values", SIGN, |e| no_value(e, oid::CERTIFICATE_POLICIES)),
    ("form.extension-values", SIGN, |e| no_value(e, oid::CRL_DISTRIBUTION_POINTS)),
    ("form.extension-values", SIGN, |e| no_value(e, oid::AUTHORITY_INFO_ACCESS)),
    ("form.extension-values", SIGN, |e| no_value(e, oid::AUTHORITY_KEY_IDENTIFIER)),
    ("form.extension-values", SIGN, |e| no_value(e, oid::SUBJECT_KEY_IDENTIFIER)),
    ("form.extension-defaults", AUTH, |e| {
        e.parts.extensions.push(extension(oid::BASIC_CONSTRAINTS, true, |w| {
            w.sequence(|w| w.primitive(Tag::BOOLEAN, &[0]));
        }));
    }),
    ("form.key-usage-set", AUTH, |e| usage_bits(e, &[0])),
    ("form.ca-signs-certificates", AUTH, |e| usage_bits(e, &[2, 0x84])),
    ("form.ca-signs-certificates", Root, |e| usage_bits(e, &[1, 0x02])),
    ("form.path-length", AUTH, |e| {
        e.parts.extensions.push(extension(oid::BASIC_CONSTRAINTS, true, |w| w.sequence(|w| w.integer(0))));
    }),
    ("form.policies-once", SIGN, |e| {
        let policy = profile(Layout::Default).policy(Ca::Sign);
        e.parts.set(oid::CERTIFICATE_POLICIES, true, |w| {
            w.sequence(|w| {
                w.sequence(|w| w.oid(policy));
                w.sequence(|w| w.oid(policy));
            });
        });
    }),
    ("form.points-named", SIGN, |e| {
        e.parts.set(oid::CRL_DISTRIBUTION_POINTS, false, |w| {
            w.sequence(|w| w.sequence(|w| w.primitive(Tag::context(1), &[6, 0x40])));
        });
    }),
    ("form.authority-pair", SIGN, |e| authority(e, true, true, false)),
    ("form.authority-pair", SIGN, |e| authority(e, true, false, true)),
    // layout
    ("layout.extensions-present", SIGN, |e| drop(e.parts.extensions.remove(5))),
    ("layout.extensions-foreign", OcspResponder, |e| {
        let of_leaf = Parts::of(&good(AUTH, Layout::Default));
        e.parts.extensions.push(of_leaf.extensions[of_leaf.position(oid::AUTHORITY_INFO_ACCESS)].clone());
    }),
    ("layout.extensions-foreign", AUTH, |e| {
        // The 4 info in a user certificate.
        let of_sign = Parts::of(&good(SIGN, Layout::Default));
        e.parts.extensions.insert(2, of_sign.extensions[of_sign.position(oid::SUBJECT_ALT_NAME)].clone());
    }),
    ("layout.extension-order", SIGN, |e| e.parts.extensions.swap(1, 2)),
    ("layout.extension-criticality", AUTH, |e| {
        e.parts.set(oid::KEY_USAGE, false, |w| w.primitive(Tag::BIT_STRING, &[7, 0x80]));
    }),
    ("layout.extension-criticality", OcspResponder, |e| {
        e.parts.set(oid::OCSP_NOCHECK, true, |w| w.primitive(Tag::NULL, &[]));
    }),
    // issued
    ("serial.range", AUTH, |e| e.parts.fields[SERIAL] = vec![2, 9, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]),
    ("issuer.algorithm", SIGN, |e| e.parts.fields[SIGNATURE] = Algorithm::EcdsaP256Sha256.signature_identifier()),
    ("issuer.name", AUTH, |e| e.parts.fields[ISSUER] = issuer(Ca::Sign).name.to_der()),
    ("issuer.name", AUTH, |e| {
        // The same text as another string type is another name.
        replace(&mut e.parts.fields[ISSUER], b"\x0c\x09JPKI-TEST", b"\x13\x09JPKI-TEST");
    }),
    ("issuer.name-settled", Root, |e| {
        let other = ProfileSettings { organization: "JPKI".to_owned(), ..settings(Layout::Default) };
        e.profile = Profile::new(other).unwrap();
    }),
    ("validity.inside-issuers", OcspResponder, |e| {
        let last = e.issuer.not_after;
        e.parts.fields[VALIDITY] = validity(last, last.plus_seconds(1));
    }),
    ("validity.inside-issuers", OcspResponder, |e| {
        let first = e.issuer.not_before;
        e.parts.fields[VALIDITY] = validity(first.plus_seconds(-1), first);
    }),
    ("key.known", AUTH, |e| {
        let mut other = e.parts.fields[PUBLIC_KEY].clone();
        replace(&mut other, &[2, 3, 1, 0, 1], &[2, 3, 1, 0, 3]);
        e.parts.set_public_key(&other);
    }),
    ("key.identifier", AUTH, |e| {
        e.parts.fields[PUBLIC_KEY] = TestKey::rsa_2048().public_key().spki_der().to_vec();
    }),
    ("serial.not-issuers", SIGN, |e| e.parts.fields[SERIAL] = element(|w| w.integer(e.issuer.ca_serial.get()))),
    ("key.not-issuers", AUTH, |e| e.parts.set_public_key(issuer(Ca::Auth).public_key.spki_der())),
    ("key.not-issuers", OcspResponder, |e| e.parts.set_public_key(issuer(Ca::Sign).public_key.spki_der())),
    ("authority.key", OcspResponder, |e| {
        e.parts.replace(oid::AUTHORITY_KEY_IDENTIFIER, &issuer(Ca::Sign).public_key.key_identifier(), &[0; 20]);
    }),
    ("authority.key", SIGN, |e| {
        exact(e, SIGN);
        authority(e, false, true, true);
    }),
    ("authority.key", AUTH, |e| e.issuer.public_key = TestKey::rsa_2048().public_key()),
    ("authority.key", Link, |e| {
        let linked = e.linked.public_key.key_identifier();
        e.parts.replace(oid::AUTHORITY_KEY_IDENTIFIER, &e.issuer.public_key.key_identifier(), &linked);
    }),
    ("authority.alone", SIGN, |e| authority(e, true, true, true)),
    ("authority.alone", OcspResponder, |e| {
        e.profile = profile(Layout::JpkiExact);
        authority(e, true, true, true);
    }),
    ("authority.name", AUTH, |e| {
        exact(e, AUTH);
        e.parts.replace(oid::AUTHORITY_KEY_IDENTIFIER, b"JPKI-TEST", b"JPKI-OHNE");
    }),
    ("authority.serial", AUTH, |e| {
        exact(e, AUTH);
        e.parts.replace(
            oid::AUTHORITY_KEY_IDENTIFIER,
            &[0x82, 4, 0x06, 0x7c, 0x6a, 0x21],
            &[0x82, 4, 0x06, 0x7c, 0x6a, 0x22],
        );
    }),
    ("point.only-one", AUTH, |e| {
        let right = e.profile.distribution_point(e.issuer.issuer, kiyose());
        e.parts.set(oid::CRL_DISTRIBUTION_POINTS, false, |w| {
            w.sequence(|w| {
                w.sequence(|w| right.write_distribution_point_name(w));
                w.sequence(|w| right.write_distribution_point_name(w));
            });
        });
    }),
    ("point.all-reasons", AUTH, |e| point_with(e, |w| w.primitive(Tag::context(1), &[6, 0x40]))),
    ("point.no-crl-issuer", AUTH, |e| {
        point_with(e, |w| {
            w.constructed(Tag::context_constructed(2), |w| issuer(Ca::Auth).name.write_directory_name(w));
        });
    }),
    // root
    ("root.serial", Root, |e| e.parts.fields[SERIAL] = vec![2, 1, 5]),
    ("ca.subject", Root, |e| e.parts.fields[SUBJECT] = issuer(Ca::Auth).name.to_der()),
    ("root.key", Root, |e| e.parts.set_public_key(CARD_KEY.public_key().spki_der())),
    ("root.validity-settled", Root, |e| {
        // Both ends a second later are ten years as well.
        e.parts.fields[VALIDITY] = validity(utc("20230716005028Z"), utc("20330715145959Z"));
    }),
    ("root.validity-settled", Root, |e| {
        e.issuer.not_after = e.issuer.not_after.plus_seconds(1);
    }),
    ("root.ten-years", Root, |e| {
        let (not_before, not_after) = (utc("20230716005027Z"), utc("20330714145959Z"));
        e.issuer.not_after = not_after;
        e.parts.fields[VALIDITY] = validity(not_before, not_after);
    }),
    ("ca.key-usage", Root, |e| usage_bits(e, &[1, 0x86])),
    ("ca.subject-alt-name", Root, |e| {
        let other = profile(Layout::Default).ca_alternative_name(Ca::Auth).clone();
        e.parts.set(oid::SUBJECT_ALT_NAME, false, |w| w.sequence(|w| other.write_directory_name(w)));
    }),
    ("ca.no-path-length", Root, |e| {
        e.parts.set(oid::BASIC_CONSTRAINTS, true, |w| {
            w.sequence(|w| {
                w.boolean_true();
                w.integer(0);
            });
        });
    }),
    ("root.distribution-point", Root, |e| e.parts.replace(oid::CRL_DISTRIBUTION_POINTS, b"JPKI-TEST", b"JPKI-OHNE")),
    // link
    ("ca.key-usage", Link, |e| usage_bits(e, &[2, 0x04])),
    ("link.one-ca", Link, |e| {
        e.linked = newer_issuer(Ca::PhoneSign);
    }),
    ("link.two-keys", Link, |e| e.linked.issuer = e.issuer.issuer),
    ("link.serial", Link, |e| e.parts.fields[SERIAL] = element(|w| w.integer(e.linked.ca_serial.get()))),
    ("serial.not-issuers", Link, |e| e.parts.fields[SERIAL] = element(|w| w.integer(e.issuer.ca_serial.get()))),
    ("link.key", Link, |e| e.parts.set_public_key(CARD_KEY.public_key().spki_der())),
    ("link.validity", Link, |e| {
        e.parts.fields[VALIDITY] = validity(utc("20250716005026Z"), utc("20330715145959Z"));
    }),
    ("link.validity", Link, |e| {
        e.parts.fields[VALIDITY] = validity(utc("20250716005027Z"), utc("20330715145958Z"));
    }),
    // leaf
    ("leaf.hierarchy", AUTH, |e| {
        e.issuer = issuer(Ca::Sign);
        e.parts = Parts::of(&auth_tbs(&e.issuer, &e.profile));
    }),
    ("leaf.hierarchy", AUTH, |e| {
        e.issuer = issuer(Ca::PhoneAuth);
        e.parts = Parts::of(&auth_tbs(&e.issuer, &e.profile));
    }),
    ("leaf.day-end", SIGN, |e| {
        e.parts.fields[VALIDITY] = validity(utc("20251027013557Z"), utc("20300217145958Z"));
    }),
    ("leaf.sixth-birthday", AUTH, |e| {
        e.parts.fields[VALIDITY] = validity(utc("20251027013557Z"), utc("20311029145959Z"));
    }),
    ("leaf.key-algorithm", SIGN, |e| e.parts.set_public_key(TestKey::ecdsa_p384().public_key().spki_der())),
    ("leaf.desk", SIGN, |e| replace(&mut e.parts.fields[SUBJECT], b"13221003A", b"13221003a")),
    ("leaf.desk", AUTH, |e| replace(&mut e.parts.fields[SUBJECT], b"13221003A", b"13221 03A")),
    ("leaf.desk", AUTH, |e| replace(&mut e.parts.fields[SUBJECT], b"13221003A", b"99999003A")),
    ("policy.only-one", SIGN, |e| {
        let at = e.parts.position(oid::CERTIFICATE_POLICIES);
        let policies = Parts::value(&e.parts.extensions[at]);
        let contents = DerReader::new(&policies).element().unwrap().contents;
        e.parts.set(oid::CERTIFICATE_POLICIES, true, |w| {
            w.sequence(|w| {
                w.raw(contents);
                w.sequence(|w| w.oid(profile(Layout::Default).policy(Ca::Auth)));
            });
        });
    }),
    ("policy.settled", SIGN, |e| {
        let [from, to] = [Ca::Sign, Ca::Auth].map(|ca| profile(Layout::Default).policy(ca));
        e.parts.replace(oid::CERTIFICATE_POLICIES, from.content(), to.content());
    }),
    ("policy.practice-statement", AUTH, |e| {
        // The qualifier as UTF8String.
        e.parts.replace(oid::CERTIFICATE_POLICIES, &[0x16, 0x1e], &[0x0c, 0x1e]);
    }),
    ("policy.practice-statement", AUTH, |e| e.parts.replace(oid::CERTIFICATE_POLICIES, b"/cps.html", b"/csp.html")),
    ("policy.practice-statement", AUTH, |e| {
        // id-qt-unotice instead of id-qt-cps.
        e.parts.replace(oid::CERTIFICATE_POLICIES, &[5, 5, 7, 2, 1], &[5, 5, 7, 2, 2]);
    }),
    ("policy.practice-statement", AUTH, |e| {
        let policy = profile(Layout::Default).policy(Ca::Auth);
        e.parts.set(oid::CERTIFICATE_POLICIES, true, |w| w.sequence(|w| w.sequence(|w| w.oid(policy))));
    }),
    ("leaf.issuer-alt-name", SIGN, |e| {
        let other = profile(Layout::Default).ca_alternative_name(Ca::Auth).clone();
        e.parts.set(oid::ISSUER_ALT_NAME, false, |w| w.sequence(|w| other.write_directory_name(w)));
    }),
    ("leaf.distribution-point", SIGN, |e| e.parts.replace(oid::CRL_DISTRIBUTION_POINTS, b"/13221.crl", b"/13222.crl")),
    ("leaf.distribution-point", AUTH, |e| {
        e.parts.replace(oid::CRL_DISTRIBUTION_POINTS, b"Kiyose-shi CRLDP", b"Higash-shi CRLDP");
    }),
    ("leaf.distribution-point", AUTH, |e| {
        // Without the URI.
        let name = e.profile.distribution_point(e.issuer.issuer, kiyose()).directory_name;
        point(e, |w| fill_point(w, |w| name.write_directory_name(w)));
    }),
    ("leaf.distribution-point-of-issuer", AUTH, |e| {
        // An issuer of another name, and a certificate that agrees with it.
        let name = DistinguishedName::japan().with(oid::ORGANIZATION, "JPKI-TEST").with(oid::ORGANIZATIONAL_UNIT, "X");
        e.issuer.name = name.clone();
        e.parts = Parts::of(&auth_tbs(&e.issuer, &e.profile));
        e.also = &["issuer.name-settled"];
    }),
    ("leaf.authority-info-access", SIGN, |e| e.parts.replace(oid::AUTHORITY_INFO_ACCESS, b"/ocsp/sign", b"/ocsp/auth")),
    ("leaf.authority-info-access", AUTH, |e| {
        // caIssuers as a second OCSP.
        e.parts.replace(oid::AUTHORITY_INFO_ACCESS, &[7, 0x30, 2], &[7, 0x30, 1]);
    }),
    ("leaf.authority-info-access", AUTH, |e| {
        let url = e.profile.ocsp_url(Ca::Auth);
        e.parts.set(oid::AUTHORITY_INFO_ACCESS, false, |w| {
            w.sequence(|w| {
                w.sequence(|w| {
                    w.oid(oid::AD_OCSP);
                    crate::name::write_uri(w, url);
                });
            });
        });
    }),
    // sign
    ("sign.subject", SIGN, |e| replace(&mut e.parts.fields[SUBJECT], b"Kiyose-shi", b"Kiyose-cho")),
    ("sign.subject", SIGN, |e| replace(&mut e.parts.fields[SUBJECT], b"\x0c\x08Tokyo-to", b"\x13\x08Tokyo-to")),
    ("sign.subject", SIGN, |e| {
        // The subject of a user certificate, with the CN of a signature certificate.
        common_name(e, "202510161035570012313221003A");
    }),
    ("sign.common-name", SIGN, |e| replace(&mut e.parts.fields[SUBJECT], b"00123", b"0O123")),
    ("sign.common-name", SIGN, |e| sign_name(e, "2025101610355700123013221003A")),
    ("sign.common-name-time", SIGN, |e| replace(&mut e.parts.fields[SUBJECT], b"20251016103557", b"20251316103557")),
    ("sign.key-usage", SIGN, |e| usage_bits(e, &[7, 0x80])),
    // auth
    ("auth.subject", AUTH, |e| {
        let cn = "997794E9AGCIEG13221003A";
        e.parts.fields[SUBJECT] =
            DistinguishedName::japan().with(oid::LOCALITY, "Tokyo-to").with(oid::COMMON_NAME, cn.to_owned()).to_der();
    }),
    ("auth.common-name", AUTH, |e| common_name(e, "997794E9AGCIEg13221003A")),
    ("auth.common-name", AUTH, |e| common_name(e, "997794E9AGCIEGX13221003A")),
    ("auth.common-name", AUTH, |e| common_name(e, "997794E9AGCI-G13221003A")),
    ("auth.key-usage", AUTH, |e| usage_bits(e, &[6, 0xc0])),
    ("auth.ext-key-usage", AUTH, |e| {
        e.parts.set(oid::EXT_KEY_USAGE, false, |w| w.sequence(|w| w.oid(oid::KP_OCSP_SIGNING)));
    }),
    ("auth.ext-key-usage", AUTH, |e| {
        // A large arc, rightly encoded, of another purpose.
        let purpose = &[0x2b, 0x81, 0x80, 0x80, 1];
        e.parts.set(oid::EXT_KEY_USAGE, false, |w| w.sequence(|w| w.primitive(Tag::OID, purpose)));
    }),
    // responder
    ("responder.subject", OcspResponder, |e| replace(&mut e.parts.fields[SUBJECT], b"JPKI-TEST", b"JPKI-OHNE")),
    ("responder.common-name", OcspResponder, |e| replace(&mut e.parts.fields[SUBJECT], b"Responder 7", b"Responder +")),
    ("responder.common-name", OcspResponder, |e| replace(&mut e.parts.fields[SUBJECT], b"Responder 7", b"Responser 7")),
    ("responder.common-name", OcspResponder, |e| {
        let name = e.profile.ca_name(Ca::Sign).clone().with(oid::COMMON_NAME, "OCSP Responder 07");
        e.parts.fields[SUBJECT] = name.to_der();
    }),
    ("responder.days", OcspResponder, |e| {
        let not_before = utc("20251027013542Z");
        e.parts.fields[VALIDITY] = validity(not_before, not_before.plus_seconds(31 * 86_400 + 1));
    }),
    ("responder.key-usage", OcspResponder, |e| usage_bits(e, &[6, 0xc0])),
    ("responder.ext-key-usage", OcspResponder, |e| {
        e.parts.set(oid::EXT_KEY_USAGE, false, |w| {
            w.sequence(|w| {
                w.oid(oid::KP_OCSP_SIGNING);
                w.oid(oid::KP_CLIENT_AUTH);
            });
        });
    }),
    ("responder.nocheck", OcspResponder, |e| {
        e.parts.set(oid::OCSP_NOCHECK, false, |w| w.primitive(Tag::UTF8_STRING, &[]));
    }),
    // four-info
    ("four-info.names", SIGN, |e| {
        e.parts.replace(oid::SUBJECT_ALT_NAME, oid::JPKI_SEX.content(), oid::JPKI_BIRTH_DATE.content());
    }),
    ("four-info.names", SIGN, |e| {
        let at = e.parts.position(oid::SUBJECT_ALT_NAME);
        let names = Parts::value(&e.parts.extensions[at]);
        let contents = DerReader::new(&names).element().unwrap().contents;
        let uri = element(|w| crate::name::write_uri(w, "http://example.jp"));
        e.parts.set(oid::SUBJECT_ALT_NAME, false, |w| {
            w.sequence(|w| {
                w.raw(contents);
                w.raw(&uri);
            });
        });
    }),
    ("four-info.strings", SIGN, |e| e.parts.replace(oid::SUBJECT_ALT_NAME, &[0x0c, 1, b'2'], &[0x16, 1, b'2'])),
    ("four-info.name", SIGN, |e| e.parts.replace(oid::SUBJECT_ALT_NAME, "清".as_bytes(), b"abc")),
    ("four-info.name-flags", SIGN, |e| e.parts.replace(oid::SUBJECT_ALT_NAME, b"10000", b"20000")),
    ("four-info.sex", SIGN, |e| e.parts.replace(oid::SUBJECT_ALT_NAME, &[0x0c, 1, b'2'], &[0x0c, 1, b'0'])),
    ("four-info.birth-date", SIGN, |e| e.parts.replace(oid::SUBJECT_ALT_NAME, b"319800217", b"919800217")),
    ("four-info.birth-date", SIGN, |e| e.parts.replace(oid::SUBJECT_ALT_NAME, b"319800217", b"319800230")),
    ("four-info.address", SIGN, |e| e.parts.replace(oid::SUBJECT_ALT_NAME, "都".as_bytes(), b"abc")),
    ("four-info.address-flags", SIGN, |e| e.parts.replace(oid::SUBJECT_ALT_NAME, b"0000000000000", b"000000000000x")),
    ("four-info.age", SIGN, |e| e.parts.replace(oid::SUBJECT_ALT_NAME, b"319800217", b"420101028")),
    ("four-info.last-birthday", SIGN, |e| {
        e.parts.fields[VALIDITY] = validity(utc("20251027013557Z"), utc("20310218145959Z"));
    }),
];

/// NULL in the place of the extension's value, which is no extension's of ours but nocheck's.
fn no_value(example: &mut Example, extension: Oid) {
    example.parts.set(extension, false, |w| w.primitive(Tag::NULL, &[]));
}

fn usage_bits(example: &mut Example, contents: &[u8]) {
    example.parts.set(oid::KEY_USAGE, true, |w| w.primitive(Tag::BIT_STRING, contents));
}

fn times(example: &mut Example, not_before: (Tag, &[u8]), not_after: (Tag, &[u8])) {
    example.parts.fields[VALIDITY] = element(|w| {
        w.sequence(|w| {
            w.primitive(not_before.0, not_before.1);
            w.primitive(not_after.0, not_after.1);
        });
    });
}

/// A name of one RDN.
fn name(write: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    element(|w| w.sequence(|w| w.constructed(Tag::SET, write)))
}

fn attribute(writer: &mut DerWriter, kind: Oid, tag: Tag, value: &[u8]) {
    writer.sequence(|w| {
        w.oid(kind);
        w.primitive(tag, value);
    });
}

fn common_name(example: &mut Example, cn: &str) {
    example.parts.fields[SUBJECT] = DistinguishedName::japan().with(oid::COMMON_NAME, cn.to_owned()).to_der();
}

fn sign_name(example: &mut Example, cn: &str) {
    let place = DistinguishedName::japan().with(oid::LOCALITY, "Tokyo-to").with(oid::LOCALITY, "Kiyose-shi");
    example.parts.fields[SUBJECT] = place.with(oid::COMMON_NAME, cn.to_owned()).to_der();
}

/// A key on P-384 whose algorithm has these parameters.
fn ec_key(example: &mut Example, parameters: impl FnOnce(&mut DerWriter)) {
    example.parts.fields[PUBLIC_KEY] = element(|w| {
        w.sequence(|w| {
            w.sequence(|w| {
                w.oid(oid::EC_PUBLIC_KEY);
                parameters(w);
            });
            w.bit_string(&[4; 97]);
        });
    });
}

/// A good example in the layout of the test card.
fn exact(example: &mut Example, kind: CertificateKind) {
    example.profile = profile(Layout::JpkiExact);
    example.parts = Parts::of(&good(kind, Layout::JpkiExact));
}

/// An authorityKeyIdentifier with these of its three parts.
fn authority(example: &mut Example, key: bool, name: bool, serial: bool) {
    let issuer = issuer(Ca::Sign);
    example.parts.set(oid::AUTHORITY_KEY_IDENTIFIER, false, |w| {
        w.sequence(|w| {
            if key {
                w.primitive(Tag::context(0), &issuer.public_key.key_identifier());
            }
            if name {
                w.constructed(Tag::context_constructed(1), |w| issuer.name.write_directory_name(w));
            }
            if serial {
                w.primitive(Tag::context(2), &[0x06, 0x7c, 0x6a, 0x21]);
            }
        });
    });
}

/// One distribution point with these contents.
fn point(example: &mut Example, write: impl FnOnce(&mut DerWriter)) {
    example.parts.set(oid::CRL_DISTRIBUTION_POINTS, false, |w| w.sequence(|w| w.sequence(write)));
}

/// distributionPoint with these general names.
fn fill_point(writer: &mut DerWriter, names: impl FnOnce(&mut DerWriter)) {
    writer.constructed(Tag::context_constructed(0), |w| w.constructed(Tag::context_constructed(0), names));
}

/// The distribution point that belongs there, and something after it.
fn point_with(example: &mut Example, after: impl FnOnce(&mut DerWriter)) {
    let right = example.profile.distribution_point(example.issuer.issuer, kiyose());
    point(example, |w| {
        right.write_distribution_point_name(w);
        after(w);
    });
}

//! For every lint a bad example or more: a good certificate with one thing changed.
use super::parts::{
    ISSUER, PUBLIC_KEY, Parts, SERIAL, SIGNATURE, SUBJECT, VALIDITY, VERSION, element, replace, validity,
};
use super::{AUTH, SIGN, good};
use crate::algorithm::Algorithm;
use crate::certificate::Layout;
use crate::certificate::example::{CARD_KEY, TestKey, issuer, newer_issuer, profile, utc};
use crate::der::Tag;
use crate::identity::Ca;
use crate::lint::CertificateKind;
use crate::oid;

/// A lint, the kind of certificate, and the change that it must find.
pub(super) type BadExample = (&'static str, CertificateKind, fn(&mut Parts));

pub(super) const BAD: &[BadExample] = &[
    // form
    ("form.der", AUTH, |parts| {
        // BOOLEAN FALSE written out where it is the DEFAULT.
        let at = parts.position(oid::EXT_KEY_USAGE);
        parts.extensions[at] = element(|w| {
            w.sequence(|w| {
                w.oid(oid::EXT_KEY_USAGE);
                w.primitive(Tag::BOOLEAN, &[0]);
                w.constructed(Tag::OCTET_STRING, |w| w.sequence(|w| w.oid(oid::KP_CLIENT_AUTH)));
            });
        });
    }),
    ("form.extension-values-der", CertificateKind::Root, |parts| {
        // cA FALSE written out.
        parts.set(oid::BASIC_CONSTRAINTS, true, |w| w.sequence(|w| w.primitive(Tag::BOOLEAN, &[0])));
    }),
    ("form.version", SIGN, |parts| replace(&mut parts.fields[VERSION], &[2, 1, 2], &[2, 1, 1])),
    ("form.serial", SIGN, |parts| parts.fields[SERIAL] = vec![2, 1, 0]),
    ("form.serial", AUTH, |parts| parts.fields[SERIAL] = vec![2, 1, 0xff]),
    ("form.serial", AUTH, |parts| parts.fields[SERIAL] = vec![2, 9, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]),
    ("form.serial-of-issuer", CertificateKind::Root, |parts| parts.fields[SERIAL] = vec![2, 1, 5]),
    ("form.serial-of-issuer", SIGN, |parts| {
        parts.fields[SERIAL] = element(|w| w.integer(issuer(Ca::Sign).ca_serial.get()));
    }),
    ("form.signature-algorithm", SIGN, |parts| {
        parts.fields[SIGNATURE] = Algorithm::EcdsaP256Sha256.signature_identifier();
    }),
    ("form.issuer-name", AUTH, |parts| parts.fields[ISSUER] = issuer(Ca::Sign).name.to_der()),
    ("form.issuer-name", AUTH, |parts| {
        // The same text as another string type is another name.
        replace(&mut parts.fields[ISSUER], b"\x0c\x09JPKI-TEST", b"\x13\x09JPKI-TEST");
    }),
    ("form.validity-encoding", AUTH, |parts| {
        parts.fields[VALIDITY] = element(|w| {
            w.sequence(|w| {
                w.primitive(Tag::UTC_TIME, b"251027013542Z");
                w.primitive(Tag::GENERALIZED_TIME, b"20300217145959Z");
            });
        });
    }),
    ("form.validity-order", AUTH, |parts| {
        parts.fields[VALIDITY] = validity(utc("20300218000000Z"), utc("20300217145959Z"));
    }),
    ("form.validity-inside-issuers", AUTH, |parts| {
        parts.fields[VALIDITY] = validity(utc("20310716000000Z"), utc("20330716145959Z"));
    }),
    ("form.validity-inside-issuers", AUTH, |parts| {
        parts.fields[VALIDITY] = validity(utc("20230716005026Z"), utc("20280217145959Z"));
    }),
    ("form.unique-identifiers", AUTH, |parts| parts.fields.push(vec![0x81, 2, 0, 1])),
    ("form.public-key", AUTH, |parts| parts.fields[PUBLIC_KEY] = issuer(Ca::Auth).public_key.spki_der().to_vec()),
    ("form.public-key", AUTH, |parts| replace(&mut parts.fields[PUBLIC_KEY], &[2, 3, 1, 0, 1], &[2, 3, 1, 0, 3])),
    ("form.public-key", SIGN, |parts| {
        parts.fields[PUBLIC_KEY] = TestKey::ecdsa_p384().public_key().spki_der().to_vec();
    }),
    ("form.public-key", CertificateKind::Root, |parts| {
        parts.fields[PUBLIC_KEY] = CARD_KEY.public_key().spki_der().to_vec();
    }),
    ("form.serial-of-issuer", CertificateKind::Link, |parts| {
        parts.fields[SERIAL] = element(|w| w.integer(newer_issuer(Ca::Sign).ca_serial.get()));
    }),
    ("form.serial-of-issuer", CertificateKind::Link, |parts| {
        parts.fields[SERIAL] = element(|w| w.integer(issuer(Ca::Sign).ca_serial.get()));
    }),
    ("form.public-key", CertificateKind::Link, |parts| {
        parts.fields[PUBLIC_KEY] = issuer(Ca::Sign).public_key.spki_der().to_vec();
    }),
    ("form.validity-inside-issuers", CertificateKind::Link, |parts| {
        parts.fields[VALIDITY] = validity(utc("20250716005027Z"), utc("20350715145959Z"));
    }),
    // layout
    ("layout.extensions-once", SIGN, |parts| parts.extensions.push(parts.extensions[0].clone())),
    ("layout.extensions-present", SIGN, |parts| drop(parts.extensions.remove(5))),
    ("layout.extensions-foreign", CertificateKind::OcspResponder, |parts| {
        let of_leaf = Parts::of(&good(AUTH, Layout::Default));
        parts.extensions.push(of_leaf.extensions[of_leaf.position(oid::AUTHORITY_INFO_ACCESS)].clone());
    }),
    ("layout.extensions-foreign", AUTH, |parts| {
        // The 4 info in a user certificate.
        let of_sign = Parts::of(&good(SIGN, Layout::Default));
        parts.extensions.insert(2, of_sign.extensions[of_sign.position(oid::SUBJECT_ALT_NAME)].clone());
    }),
    ("layout.extension-order", SIGN, |parts| parts.extensions.swap(1, 2)),
    ("layout.extension-criticality", AUTH, |parts| {
        parts.set(oid::KEY_USAGE, false, |w| w.primitive(Tag::BIT_STRING, &[7, 0x80]));
    }),
    ("layout.extension-criticality", CertificateKind::OcspResponder, |parts| {
        parts.set(oid::OCSP_NOCHECK, true, |w| w.primitive(Tag::NULL, &[]));
    }),
    // subject
    ("subject.root", CertificateKind::Root, |parts| parts.fields[SUBJECT] = issuer(Ca::Auth).name.to_der()),
    ("subject.root-validity", CertificateKind::Root, |parts| {
        parts.fields[VALIDITY] = validity(utc("20230716005027Z"), utc("20330714145959Z"));
    }),
    ("subject.sign", SIGN, |parts| replace(&mut parts.fields[SUBJECT], b"Kiyose-shi", b"Kiyose-cho")),
    ("subject.sign", SIGN, |parts| replace(&mut parts.fields[SUBJECT], b"20251016103557", b"20251316103557")),
    ("subject.sign", SIGN, |parts| replace(&mut parts.fields[SUBJECT], b"13221003A", b"13221003a")),
    ("subject.sign", SIGN, |parts| replace(&mut parts.fields[SUBJECT], b"13221003A", b"14101003A")),
    ("subject.sign", SIGN, |parts| {
        parts.fields[SUBJECT] = Parts::of(&good(AUTH, Layout::Default)).fields[SUBJECT].clone();
    }),
    ("subject.auth", AUTH, |parts| {
        parts.fields[SUBJECT] = Parts::of(&good(SIGN, Layout::Default)).fields[SUBJECT].clone();
    }),
    ("subject.auth", AUTH, |parts| replace(&mut parts.fields[SUBJECT], b"13221003A", b"13221 03A")),
    ("subject.leaf-validity", SIGN, |parts| {
        parts.fields[VALIDITY] = validity(utc("20251027013557Z"), utc("20300217150000Z"));
    }),
    ("subject.leaf-validity", SIGN, |parts| {
        parts.fields[VALIDITY] = validity(utc("20251027013557Z"), utc("20311029145959Z"));
    }),
    ("subject.ocsp-responder", CertificateKind::OcspResponder, |parts| {
        replace(&mut parts.fields[SUBJECT], b"Responder 7", b"Responder +");
    }),
    ("subject.ocsp-responder-validity", CertificateKind::OcspResponder, |parts| {
        let not_before = utc("20251027013542Z");
        parts.fields[VALIDITY] = validity(not_before, not_before.plus_seconds(31 * 86_400 + 1));
    }),
    ("subject.link-validity", CertificateKind::Link, |parts| {
        parts.fields[VALIDITY] = validity(utc("20250716005026Z"), utc("20330715145959Z"));
    }),
    ("subject.link-validity", CertificateKind::Link, |parts| {
        parts.fields[VALIDITY] = validity(utc("20250716005027Z"), utc("20330715145958Z"));
    }),
    // values
    ("values.key-usage", CertificateKind::Link, |parts| {
        parts.set(oid::KEY_USAGE, true, |w| w.primitive(Tag::BIT_STRING, &[7, 0x80]));
    }),
    ("values.key-usage", SIGN, |parts| parts.set(oid::KEY_USAGE, true, |w| w.primitive(Tag::BIT_STRING, &[7, 0x80]))),
    ("values.key-usage", AUTH, |parts| parts.set(oid::KEY_USAGE, true, |w| w.primitive(Tag::BIT_STRING, &[1, 0x86]))),
    ("values.subject-key-identifier", AUTH, |parts| {
        parts.fields[PUBLIC_KEY] = TestKey::rsa_2048().public_key().spki_der().to_vec();
    }),
    ("values.ca-subject-alt-name", CertificateKind::Root, |parts| {
        let other = profile(Layout::Default).ca_alternative_name(Ca::Auth);
        parts.set(oid::SUBJECT_ALT_NAME, false, |w| w.sequence(|w| other.write_directory_name(w)));
    }),
    ("values.basic-constraints", CertificateKind::Root, |parts| {
        parts.set(oid::BASIC_CONSTRAINTS, true, |w| {
            w.sequence(|w| {
                w.boolean_true();
                w.integer(0);
            });
        });
    }),
    ("values.ca-distribution-point", CertificateKind::Root, |parts| {
        parts.replace(oid::CRL_DISTRIBUTION_POINTS, b"JPKI-TEST", b"JPKI-OHNE");
    }),
    ("values.ext-key-usage-client", AUTH, |parts| {
        parts.set(oid::EXT_KEY_USAGE, false, |w| w.sequence(|w| w.oid(oid::KP_OCSP_SIGNING)));
    }),
    ("values.ext-key-usage-ocsp", CertificateKind::OcspResponder, |parts| {
        parts.set(oid::EXT_KEY_USAGE, false, |w| {
            w.sequence(|w| {
                w.oid(oid::KP_OCSP_SIGNING);
                w.oid(oid::KP_CLIENT_AUTH);
            });
        });
    }),
    ("values.ocsp-nocheck", CertificateKind::OcspResponder, |parts| {
        parts.set(oid::OCSP_NOCHECK, false, |w| w.sequence(|_| {}));
    }),
    ("values.certificate-policy", SIGN, |parts| {
        let [from, to] = [Ca::Sign, Ca::Auth].map(|ca| profile(Layout::Default).policy(ca));
        parts.replace(oid::CERTIFICATE_POLICIES, from.content(), to.content());
    }),
    ("values.certificate-policy", AUTH, |parts| {
        // The qualifier as UTF8String.
        parts.replace(oid::CERTIFICATE_POLICIES, &[0x16, 0x1e], &[0x0c, 0x1e]);
    }),
    ("values.issuer-alt-name", SIGN, |parts| {
        let other = profile(Layout::Default).ca_alternative_name(Ca::Auth);
        parts.set(oid::ISSUER_ALT_NAME, false, |w| w.sequence(|w| other.write_directory_name(w)));
    }),
    ("values.leaf-distribution-point", SIGN, |parts| {
        parts.replace(oid::CRL_DISTRIBUTION_POINTS, b"/13221.crl", b"/13222.crl");
    }),
    ("values.leaf-distribution-point", AUTH, |parts| {
        parts.replace(oid::CRL_DISTRIBUTION_POINTS, b"Kiyose-shi CRLDP", b"Higash-shi CRLDP");
    }),
    ("values.authority-info-access", SIGN, |parts| {
        parts.replace(oid::AUTHORITY_INFO_ACCESS, b"/ocsp/sign", b"/ocsp/auth");
    }),
    ("values.authority-key-identifier", SIGN, |parts| {
        // The issuer's own certificate is named, so that no link would do.
        let of_exact = Parts::of(&good(SIGN, Layout::JpkiExact));
        let at = parts.position(oid::AUTHORITY_KEY_IDENTIFIER);
        parts.extensions[at] = of_exact.extensions[of_exact.position(oid::AUTHORITY_KEY_IDENTIFIER)].clone();
    }),
    ("values.authority-key-identifier", AUTH, |parts| {
        parts.set(oid::AUTHORITY_KEY_IDENTIFIER, false, |w| w.sequence(|_| {}));
    }),
    ("values.authority-key-identifier", CertificateKind::Link, |parts| {
        let linked = newer_issuer(Ca::Sign).public_key.key_identifier();
        parts.replace(oid::AUTHORITY_KEY_IDENTIFIER, &issuer(Ca::Sign).public_key.key_identifier(), &linked);
    }),
    ("values.authority-key-identifier", CertificateKind::OcspResponder, |parts| {
        parts.replace(oid::AUTHORITY_KEY_IDENTIFIER, &issuer(Ca::Sign).public_key.key_identifier(), &[0; 20]);
    }),
    // four-info
    ("four-info.other-names", SIGN, |parts| {
        parts.replace(oid::SUBJECT_ALT_NAME, oid::JPKI_SEX.content(), oid::JPKI_BIRTH_DATE.content());
    }),
    ("four-info.other-names", SIGN, |parts| parts.replace(oid::SUBJECT_ALT_NAME, &[0x0c, 1, b'2'], &[0x16, 1, b'2'])),
    ("four-info.name", SIGN, |parts| parts.replace(oid::SUBJECT_ALT_NAME, b"10000", b"20000")),
    ("four-info.name", SIGN, |parts| parts.replace(oid::SUBJECT_ALT_NAME, "清".as_bytes(), b"abc")),
    ("four-info.sex", SIGN, |parts| parts.replace(oid::SUBJECT_ALT_NAME, &[0x0c, 1, b'2'], &[0x0c, 1, b'0'])),
    ("four-info.birth-date", SIGN, |parts| parts.replace(oid::SUBJECT_ALT_NAME, b"319800217", b"919800217")),
    ("four-info.birth-date", SIGN, |parts| parts.replace(oid::SUBJECT_ALT_NAME, b"319800217", b"319800230")),
    ("four-info.age", SIGN, |parts| parts.replace(oid::SUBJECT_ALT_NAME, b"319800217", b"420101028")),
    ("four-info.last-birthday", SIGN, |parts| {
        parts.fields[VALIDITY] = validity(utc("20251027013557Z"), utc("20310218145959Z"));
    }),
    ("four-info.address", SIGN, |parts| parts.replace(oid::SUBJECT_ALT_NAME, "東".as_bytes(), b"abc")),
];

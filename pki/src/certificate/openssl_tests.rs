//! OpenSSL judges what we build: an implementation that shares nothing with ours.
use std::path::Path;

use super::example::{AUTH_CA_KEY, CARD_KEY, TestKey, auth_tbs, issuer, issuer_with_key, ocsp_tbs, openssl, profile};
use super::example::{NEWER_CA_KEY, ca_key, link_tbs, newer_issuer, root_tbs, settings, sign_tbs};
use super::*;
use crate::identity::Ca;
use crate::lint;

/// Within the life of all example certificates: 2025-10-28.
const WITHIN: &str = "1761609600";
/// After it: 2030-02-18T00:00:00 in Japan, one second after notAfter.
const AFTER: &str = "1897570800";

fn sign(linted: lint::LintedCertificate, key: &TestKey) -> Certificate {
    let public_key = key.public_key();
    let signature = key.sign(linted.tbs_der());
    linted.into_certificate(public_key.algorithm(), &signature, &public_key).unwrap()
}

fn write(folder: &Path, name: &str, certificate: &Certificate) {
    std::fs::write(folder.join(name), pem(certificate.der())).unwrap();
}

/// A root and its leaf, in a folder.
fn chain(ca: Ca, layout: Layout) -> tempfile::TempDir {
    let (issuer, profile) = (issuer(ca), profile(layout));
    let root = lint::root(root_tbs(&issuer, &profile), &issuer, &profile).unwrap();
    let leaf_tbs = match ca {
        Ca::Sign | Ca::PhoneSign => sign_tbs(&issuer, &profile),
        Ca::Auth | Ca::PhoneAuth => auth_tbs(&issuer, &profile),
    };
    let leaf = lint::leaf(ca, leaf_tbs, &issuer, &profile).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "root.pem", &sign(root, ca_key(ca)));
    write(folder.path(), "leaf.pem", &sign(leaf, ca_key(ca)));
    folder
}

fn verify(folder: &Path, time: &str, more: &[&str]) -> (bool, String) {
    let fixed = ["verify", "-x509_strict", "-check_ss_sig", "-CAfile", "root.pem", "-attime", time];
    openssl(folder, &[&fixed, more, &["leaf.pem"]].concat())
}

#[test]
fn openssl_verifies_both_kinds_in_both_layouts_until_their_last_day_in_japan_ends() {
    for layout in Layout::ALL {
        for ca in Ca::ALL {
            let folder = chain(ca, layout);
            let policy = profile(layout).policy(ca).to_string();
            let (success, text) = verify(folder.path(), WITHIN, &["-policy", &policy, "-explicit_policy"]);
            assert!(success, "{ca} {layout:?}: {text}");
            // RFC 5280 §4.1.2.5 includes notAfter itself; OpenSSL's X509_cmp_time takes an equal time for past.
            let before_last_second = (AFTER.parse::<i64>().unwrap() - 2).to_string();
            assert!(verify(folder.path(), &before_last_second, &[]).0);
            let (success, text) = verify(folder.path(), AFTER, &[]);
            assert!(!success && text.contains("expired"), "{text}");
        }
    }
}

#[test]
fn openssl_takes_a_user_certificate_for_client_authentication_and_finds_it_under_no_other_key() {
    let folder = chain(Ca::Auth, Layout::Default);
    let (success, text) = verify(folder.path(), WITHIN, &["-purpose", "sslclient"]);
    assert!(success, "{text}");
    assert!(!verify(folder.path(), WITHIN, &["-purpose", "sslserver"]).0);

    // Another key generation has the same name (facts 1.1); AKI tells them apart (I18).
    let other_key = TestKey::rsa_2048();
    let (other, profile) = (issuer_with_key(Ca::Auth, other_key.public_key()), profile(Layout::Default));
    let root = lint::root(root_tbs(&other, &profile), &other, &profile).unwrap();
    write(folder.path(), "root.pem", &sign(root, &other_key));
    assert!(!verify(folder.path(), WITHIN, &[]).0);
}

/// Both roots of a CA, a leaf of each and both links, in a folder.
fn generations(ca: Ca, layout: Layout) -> tempfile::TempDir {
    let (old, new, profile) = (issuer(ca), newer_issuer(ca), profile(layout));
    let (old_key, new_key): (&TestKey, &TestKey) = (ca_key(ca), &NEWER_CA_KEY);
    let folder = tempfile::tempdir().unwrap();
    for (name, own, key, other) in [("old", &old, old_key, &new), ("new", &new, new_key, &old)] {
        let root = lint::root(root_tbs(own, &profile), own, &profile).unwrap();
        let leaf = lint::leaf(ca, auth_tbs(own, &profile), own, &profile).unwrap();
        let link = lint::link(link_tbs(own, other, &profile), own, other, &profile).unwrap();
        write(folder.path(), &format!("{name}-root.pem"), &sign(root, key));
        write(folder.path(), &format!("{name}-leaf.pem"), &sign(leaf, key));
        write(folder.path(), &format!("with-{name}.pem"), &sign(link, key));
    }
    folder
}

#[test]
fn who_has_one_root_verifies_what_the_other_key_signed_through_the_link_and_not_without_it() {
    let policy = profile(Layout::Default).policy(Ca::Auth).to_string();
    for layout in Layout::ALL {
        let folder = generations(Ca::Auth, layout);
        for (trusted, other) in [("old", "new"), ("new", "old")] {
            let (root, link) = (format!("{trusted}-root.pem"), format!("with-{trusted}.pem"));
            let (own, others) = (format!("{trusted}-leaf.pem"), format!("{other}-leaf.pem"));
            let verify = |more: &[&str]| {
                let fixed = ["verify", "-x509_strict", "-CAfile", &root, "-attime", WITHIN];
                openssl(folder.path(), &[&fixed, more].concat())
            };
            assert!(verify(&[&own]).0, "{layout:?} {trusted}");
            assert!(!verify(&[&others]).0, "{layout:?} {trusted}: without the link");
            let (success, text) = verify(&["-untrusted", &link, "-policy", &policy, "-explicit_policy", &others]);
            // The test card's authorityKeyIdentifier names the serial of the self-signed certificate, which a link is not.
            assert_eq!(success, layout == Layout::Default, "{layout:?} {trusted}: {text}");
        }
    }
}

#[test]
fn openssl_prints_the_fields_of_the_test_card() {
    let folder = chain(Ca::Sign, Layout::Default);
    let (success, text) =
        openssl(folder.path(), &["x509", "-in", "leaf.pem", "-noout", "-text", "-nameopt", "RFC2253"]);
    assert!(success, "{text}");
    for line in [
        "Version: 3 (0x2)",
        "Signature Algorithm: sha256WithRSAEncryption",
        "Subject: CN=202510161035570012313221003A,L=Kiyose-shi,L=Tokyo-to,C=JP",
        "Not Before: Oct 27 01:35:57 2025 GMT",
        "Not After : Feb 17 14:59:59 2030 GMT",
        "X509v3 Key Usage: critical",
        "Digital Signature, Non Repudiation",
        "Policy: 1.2.392.200149.8.5.1.0.20",
        "CPS: http://www.jpki.go.jp/cps.html",
        "URI:http://127.0.0.1:8080/crl/sign/1/13221.crl",
        "OCSP - URI:http://127.0.0.1:8080/ocsp/sign",
        "CA Issuers - URI:http://127.0.0.1:8080/certs/sign/1.cer",
        "CN = Kiyose-shi CRLDP",
        "othername: 1.2.392.200149.8.5.5.1",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}

#[test]
fn openssl_takes_an_ocsp_certificate_for_its_purpose() {
    let (issuer, profile) = (issuer(Ca::Auth), profile(Layout::Default));
    let folder = chain(Ca::Auth, Layout::Default);
    let linted = lint::ocsp_responder(ocsp_tbs(&issuer), &issuer, &profile).unwrap();
    write(folder.path(), "leaf.pem", &sign(linted, &AUTH_CA_KEY));
    let (success, text) = verify(folder.path(), WITHIN, &["-purpose", "ocsphelper"]);
    assert!(success, "{text}");
    let (_, text) = openssl(folder.path(), &["x509", "-in", "leaf.pem", "-noout", "-ext", "extendedKeyUsage,noCheck"]);
    assert!(text.contains("OCSP Signing") && text.contains("OCSP No Check"), "{text}");
}

#[test]
fn openssl_verifies_a_hierarchy_on_p_384() {
    // Facts 1.8: the announced next card.
    let ca_key = TestKey::ecdsa_p384();
    let algorithm = ca_key.public_key().algorithm();
    let profile = Profile::new(ProfileSettings { algorithm, ..settings(Layout::Default) }).unwrap();
    let issuer = issuer_with_key(Ca::Auth, ca_key.public_key());
    let card_key = TestKey::ecdsa_p384().public_key();
    let auth = AuthLeaf {
        serial: super::example::serial(),
        public_key: &card_key,
        municipality: super::example::kiyose(),
        common_name: AuthCommonName::from_random([7; 16], super::example::desk()),
        not_before: super::example::utc("20251027013542Z"),
        not_after: super::example::utc("20300217145959Z"),
    };
    let folder = tempfile::tempdir().unwrap();
    let root = lint::root(root_tbs(&issuer, &profile), &issuer, &profile).unwrap();
    write(folder.path(), "root.pem", &sign(root, &ca_key));
    let leaf = lint::leaf(Ca::Auth, auth.tbs_der(&issuer, &profile), &issuer, &profile).unwrap();
    write(folder.path(), "leaf.pem", &sign(leaf, &ca_key));
    let (success, text) = verify(folder.path(), WITHIN, &[]);
    assert!(success, "{text}");
}

#[test]
fn a_certificate_comes_out_only_for_a_signature_by_the_key_that_was_linted() {
    let (issuer, profile) = (issuer(Ca::Sign), profile(Layout::Default));
    let linted = lint::leaf(Ca::Sign, sign_tbs(&issuer, &profile), &issuer, &profile).unwrap();
    let algorithm = issuer.public_key.algorithm();
    let signature = ca_key(Ca::Sign).sign(linted.tbs_der());

    let mut broken = signature.clone();
    broken[100] ^= 1;
    let (linted, _) = linted.into_certificate(algorithm, &broken, &issuer.public_key).unwrap_err();
    // A true signature of another key, offered together with that key.
    let foreign = CARD_KEY.sign(linted.tbs_der());
    let (linted, _) = linted.into_certificate(algorithm, &foreign, &CARD_KEY.public_key()).unwrap_err();
    let other = Algorithm::Rsa3072Sha256;
    let (linted, _) = linted.into_certificate(other, &signature, &issuer.public_key).unwrap_err();
    // What came back is as good as before.
    assert!(linted.into_certificate(algorithm, &signature, &issuer.public_key).is_ok());
}

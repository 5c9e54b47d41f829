use super::example::{
    auth_tbs, issuer, kiyose, link_tbs, newer_issuer, ocsp_tbs, person, profile, root_tbs, serial, settings, sign_tbs,
};
use super::*;
use crate::identity::Ca;
use crate::person::FourInfo;
use der::{Decode, Encode};
use proptest::prelude::*;
use x509_cert::certificate::TbsCertificate;

fn decode(tbs_der: &[u8]) -> TbsCertificate {
    let decoded = TbsCertificate::from_der(tbs_der).unwrap();
    assert_eq!(decoded.to_der().unwrap(), tbs_der, "encoded again by x509-cert");
    decoded
}

/// The extensions as `keyUsage!`, with an exclamation mark on critical ones.
fn outline(tbs: &TbsCertificate) -> String {
    let word = |oid: der::asn1::ObjectIdentifier| match &*oid.to_string() {
        "2.5.29.14" => "subjectKeyIdentifier",
        "2.5.29.15" => "keyUsage",
        "2.5.29.17" => "subjectAltName",
        "2.5.29.18" => "issuerAltName",
        "2.5.29.19" => "basicConstraints",
        "2.5.29.31" => "cRLDistributionPoints",
        "2.5.29.32" => "certificatePolicies",
        "2.5.29.35" => "authorityKeyIdentifier",
        "2.5.29.37" => "extendedKeyUsage",
        "1.3.6.1.5.5.7.1.1" => "authorityInfoAccess",
        "1.3.6.1.5.5.7.48.1.5" => "nocheck",
        other => panic!("{other} is in none of the tables"),
    };
    let extensions = tbs.extensions().unwrap().iter();
    extensions
        .map(|e| format!("{}{}", word(e.extn_id), if e.critical { "!" } else { "" }))
        .collect::<Vec<_>>()
        .join(" ")
}

fn value<'a>(tbs: &'a TbsCertificate, oid: &str) -> &'a [u8] {
    let extension = tbs.extensions().unwrap().iter().find(|extension| extension.extn_id.to_string() == oid).unwrap();
    extension.extn_value.as_bytes()
}

fn contains(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_root_has_the_extensions_of_facts_1_2() {
    for ca in Ca::ALL {
        let tbs_der = root_tbs(&issuer(ca), &profile(Layout::Default));
        let tbs = decode(&tbs_der);
        assert_eq!(
            outline(&tbs),
            "keyUsage! subjectAltName basicConstraints! cRLDistributionPoints subjectKeyIdentifier"
        );
        assert_eq!(value(&tbs, "2.5.29.15"), [3, 2, 1, 6]);
        assert_eq!(value(&tbs, "2.5.29.19"), [0x30, 3, 1, 1, 0xff]);
        assert_eq!(tbs.subject(), tbs.issuer());
        assert!(contains(&tbs_der, b"\x17\x0d230716005027Z\x17\x0d330715145959Z"));
        assert_eq!(tbs_der, root_tbs(&issuer(ca), &profile(Layout::JpkiExact)), "a root is the same in both layouts");
    }
}

#[test]
fn a_root_names_itself_in_japanese() {
    for (ca, purpose) in [(Ca::Sign, "公的個人認証サービス署名用"), (Ca::Auth, "公的個人認証サービス利用者証明用")]
    {
        let tbs_der = root_tbs(&issuer(ca), &profile(Layout::Default));
        for text in ["公的個人認証サービス", purpose, "地方公共団体情報システム機構"] {
            let length = u8::try_from(text.len()).unwrap();
            assert!(
                contains(value(&decode(&tbs_der), "2.5.29.17"), &[&[0x0c, length], text.as_bytes()].concat()),
                "{text}"
            );
        }
    }
}

#[test]
fn a_signature_certificate_is_laid_out_as_the_test_card() {
    let tbs_der = sign_tbs(&issuer(Ca::Sign), &profile(Layout::JpkiExact));
    let tbs = decode(&tbs_der);
    assert_eq!(tbs.subject().to_string(), "CN=202510161035570012313221003A,L=Kiyose-shi,L=Tokyo-to,C=JP");
    assert_eq!(
        tbs.issuer().to_string(),
        "OU=Japan Agency for Local Authority Information Systems,OU=JPKI for digital signature,O=JPKI-TEST,C=JP"
    );
    assert!(contains(&tbs_der, b"\x17\x0d251027013557Z\x17\x0d300217145959Z"));
    assert_eq!(
        outline(&tbs),
        "keyUsage! subjectAltName certificatePolicies! issuerAltName cRLDistributionPoints authorityKeyIdentifier \
         subjectKeyIdentifier"
    );
    assert_eq!(value(&tbs, "2.5.29.15"), [3, 2, 6, 0xc0]);
    // The CPS URI, IA5String, as on the card.
    assert!(contains(value(&tbs, "2.5.29.32"), b"\x16\x1ehttp://www.jpki.go.jp/cps.html"));
    assert!(contains(value(&tbs, "2.5.29.31"), "Kiyose-shi CRLDP".as_bytes()));
}

#[test]
fn the_six_other_names_stand_in_the_order_1_4_3_5_2_6() {
    let tbs = decode(&sign_tbs(&issuer(Ca::Sign), &profile(Layout::Default)));
    let san = value(&tbs, "2.5.29.17");
    let mut names = DerReader::new(san).sequence().unwrap();
    let mut read = Vec::new();
    while !names.is_empty() {
        let mut name = names.expect(Tag::context_constructed(0)).unwrap().reader();
        let suffix = *name.expect(Tag::OID).unwrap().contents.last().unwrap();
        let mut explicit = name.expect(Tag::context_constructed(0)).unwrap().reader();
        let text = explicit.expect(Tag::UTF8_STRING).unwrap().contents;
        read.push((suffix, String::from_utf8(text.to_vec()).unwrap()));
    }
    let FourInfo { name, sex: _, birth_date: _, address } = person();
    let expected = [
        (1, name.text()),
        (4, "319800217"),
        (3, "2"),
        (5, address.text()),
        (2, name.substitutions()),
        (6, address.substitutions()),
    ];
    assert_eq!(read, expected.map(|(suffix, text)| (suffix, text.to_owned())));
}

#[test]
fn the_default_layout_adds_aia_after_the_distribution_point_and_a_uri_inside_it() {
    let tbs = decode(&sign_tbs(&issuer(Ca::Sign), &profile(Layout::Default)));
    assert_eq!(
        outline(&tbs),
        "keyUsage! subjectAltName certificatePolicies! issuerAltName cRLDistributionPoints authorityInfoAccess \
         authorityKeyIdentifier subjectKeyIdentifier"
    );
    assert!(contains(value(&tbs, "2.5.29.31"), b"http://127.0.0.1:8080/crl/sign/1/13221.crl"));
    assert!(contains(value(&tbs, "1.3.6.1.5.5.7.1.1"), b"http://127.0.0.1:8080/ocsp/sign"));
    assert!(contains(value(&tbs, "1.3.6.1.5.5.7.1.1"), b"http://127.0.0.1:8080/certs/sign/1.cer"));
}

#[test]
fn a_user_certificate_has_the_extensions_of_facts_1_4_and_no_person() {
    for layout in Layout::ALL {
        let tbs_der = auth_tbs(&issuer(Ca::Auth), &profile(layout));
        let tbs = decode(&tbs_der);
        assert_eq!(tbs.subject().to_string().len(), "CN=,C=JP".len() + 23);
        assert_eq!(
            outline(&tbs),
            "keyUsage! extendedKeyUsage certificatePolicies! issuerAltName cRLDistributionPoints authorityInfoAccess \
             authorityKeyIdentifier subjectKeyIdentifier"
        );
        assert_eq!(value(&tbs, "2.5.29.15"), [3, 2, 7, 0x80]);
        let access = value(&tbs, "1.3.6.1.5.5.7.1.1");
        assert!(contains(access, b"http://127.0.0.1:8080/ocsp/auth"));
        assert_eq!(contains(access, b"/certs/"), layout == Layout::Default);
        assert_eq!(contains(value(&tbs, "2.5.29.31"), b"http://"), layout == Layout::Default);
    }
}

#[test]
fn a_link_is_a_ca_certificate_of_the_other_key_with_the_policy_and_names_its_signer_by_key_alone() {
    let (old, new) = (issuer(Ca::Sign), newer_issuer(Ca::Sign));
    let tbs = decode(&link_tbs(&old, &new, &profile(Layout::Default)));
    assert_eq!(tbs.subject(), tbs.issuer());
    assert_eq!(
        outline(&tbs),
        "keyUsage! subjectAltName basicConstraints! certificatePolicies! authorityKeyIdentifier subjectKeyIdentifier"
    );
    let of_old = [&[0x30, 22, 0x80, 20][..], &old.public_key.key_identifier()].concat();
    assert_eq!(value(&tbs, "2.5.29.35"), of_old);
    assert!(contains(value(&tbs, "2.5.29.14"), &new.public_key.key_identifier()));
}

#[test]
fn a_leaf_of_the_default_layout_names_its_issuer_by_key_alone_and_the_test_cards_by_all_three_parts() {
    for layout in Layout::ALL {
        for tbs in [sign_tbs(&issuer(Ca::Sign), &profile(layout)), auth_tbs(&issuer(Ca::Auth), &profile(layout))] {
            let tbs = decode(&tbs);
            let value = value(&tbs, "2.5.29.35");
            let in_full =
                [value.len() > 24, contains(value, b"JPKI-TEST"), contains(value, &[0x82, 4, 6, 0x7c, 0x6a, 0x21])];
            assert_eq!(in_full, [layout == Layout::JpkiExact; 3]);
        }
    }
}

#[test]
fn an_ocsp_certificate_leads_to_no_status_of_its_own() {
    let tbs = decode(&ocsp_tbs(&issuer(Ca::Auth)));
    assert_eq!(outline(&tbs), "keyUsage! extendedKeyUsage nocheck authorityKeyIdentifier subjectKeyIdentifier");
    assert_eq!(value(&tbs, "1.3.6.1.5.5.7.48.1.5"), [5, 0]);
    assert!(tbs.subject().to_string().starts_with("CN=OCSP Responder 7,OU=Japan Agency"));
}

#[test]
fn settings_of_which_no_correct_certificate_comes_are_refused() {
    let good = || settings(Layout::Default);
    let bad = |change: fn(&mut ProfileSettings)| {
        let mut settings = good();
        change(&mut settings);
        Profile::new(settings).unwrap_err()
    };
    assert!(Profile::new(good()).is_ok());
    assert_eq!(bad(|s| s.organization.clear()), ProfileError::Organization);
    assert_eq!(bad(|s| s.organization = "組".repeat(65)), ProfileError::Organization);
    assert_eq!(bad(|s| s.organization = "a\nb".to_owned()), ProfileError::Organization);
    assert_eq!(bad(|s| s.cps_uri = "http://証.jp/".to_owned()), ProfileError::CpsUri);
    assert_eq!(bad(|s| s.cps_uri = "cps.html".to_owned()), ProfileError::CpsUri);
    assert_eq!(bad(|s| s.auth_policy = s.sign_policy), ProfileError::SamePolicy);
    for url in
        ["", "http://", "https://ca.example", "http://ca.example/", "http://ca.example?x", "http:///x", "http://a b"]
    {
        let settings = ProfileSettings { public_base_url: url.to_owned(), ..good() };
        assert_eq!(Profile::new(settings), Err(ProfileError::PublicBaseUrl), "{url}");
    }
}

#[test]
fn layouts_are_found_again_by_their_words() {
    for layout in Layout::ALL {
        assert_eq!(Layout::from_word(layout.word()), Some(layout));
    }
    assert_eq!(Layout::from_word("jpki"), None);
}

proptest! {
    #[test]
    fn every_certificate_is_read_and_written_again_by_x509_cert(
        number in 1..=Serial::MAX,
        start in 0_i64..=UnixTime::MAX.as_seconds(),
        seconds in 0_i64..400_000_000,
        random: [u8; 16],
        exact: bool,
    ) {
        let profile = profile(if exact { Layout::JpkiExact } else { Layout::Default });
        let serial = Serial::new(number).unwrap();
        let not_before = UnixTime::from_seconds(start);
        let not_after = not_before.plus_seconds(seconds);
        let public_key = &super::example::CARD_KEY.public_key();
        let desk = super::example::desk();
        for ca in Ca::ALL {
            let issuer = Issuer { ca_serial: serial, not_before, not_after, ..issuer(ca) };
            decode(&root_tbs(&issuer, &profile));
            let municipality = kiyose();
            let common_name = AuthCommonName::from_random(random, desk);
            decode(&AuthLeaf { serial, public_key, municipality, common_name, not_before, not_after }.tbs_der(&issuer, &profile));
            let common_name = SignCommonName::new(not_before, number, desk);
            let person = &person();
            decode(&SignLeaf { serial, public_key, person, municipality, common_name, not_before, not_after }.tbs_der(&issuer, &profile));
            let number = u32::from(random[0]);
            decode(&OcspResponderLeaf { serial, public_key, number, not_before, not_after }.tbs_der(&issuer));
        }
    }
}

#[test]
fn a_certificate_shows_its_issuer_and_serial_and_nothing_else() {
    let issuer = issuer(Ca::Sign);
    let tbs = sign_tbs(&issuer, &profile(Layout::Default));
    let algorithm = issuer.public_key.algorithm();
    let certificate = Certificate::assemble(issuer.issuer, serial(), &tbs, algorithm, &[0]);
    assert_eq!(format!("{certificate:?}"), "Certificate(sign/1 serial 131196423)");
    assert_eq!(tbs_of(certificate.der()), Some(&tbs[..]));
    assert_eq!(joined(&tbs, certificate.after_tbs()), certificate.der());
    assert_eq!(certificate.serial(), serial());
}

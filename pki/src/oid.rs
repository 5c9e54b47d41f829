//! Object identifiers, kept as the content octets of their DER form.
use std::fmt;

/// An OBJECT IDENTIFIER, by its content octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Oid {
    octets: [u8; Self::OCTETS_MAX],
    length: u8,
}

impl Oid {
    /// The longest we use is 11 octets; those read from settings may take a few more.
    const OCTETS_MAX: usize = 23;

    /// From arcs, for example `&[2, 5, 29, 15]`. Panics, at compile time when used in a constant, on fewer than two
    /// arcs or too many octets.
    pub const fn from_arcs(arcs: &[u32]) -> Self {
        assert!(arcs.len() >= 2 && arcs[0] <= 2, "an OID has two arcs or more, the first below 3");
        let mut oid = Self { octets: [0; Self::OCTETS_MAX], length: 0 };
        let mut at = 1;
        while at < arcs.len() {
            let arc = if at == 1 { arcs[0] * 40 + arcs[1] } else { arcs[at] };
            let mut shift = 28;
            while shift > 0 {
                if arc >> shift != 0 {
                    oid = oid.push(0x80 | (arc >> shift & 0x7f));
                }
                shift -= 7;
            }
            oid = oid.push(arc & 0x7f);
            at += 1;
        }
        oid
    }

    const fn push(mut self, octet: u32) -> Self {
        assert!(octet <= 0xff, "one octet");
        #[expect(clippy::cast_possible_truncation, reason = "asserted above; TryFrom is not const")]
        {
            self.octets[self.length as usize] = octet as u8;
        }
        self.length += 1;
        self
    }

    /// From its dotted form, as in settings; `None` if it is not one or takes more than 23 octets.
    pub fn from_dotted(text: &str) -> Option<Self> {
        let arcs: Vec<u32> = text.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        let fits = arcs.len() >= 2 && arcs.len() <= 1 + Self::OCTETS_MAX / 5 * 2 && arcs[0] <= 2 && arcs[1] < 40;
        let octets: usize = arcs.iter().skip(1).map(|arc| (32 - arc.leading_zeros()).div_ceil(7).max(1) as usize).sum();
        (fits && octets < Self::OCTETS_MAX).then(|| Self::from_arcs(&arcs))
    }

    /// The content octets.
    pub fn content(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arc = 0_u64;
        let mut first = true;
        for &octet in self.content() {
            arc = arc << 7 | u64::from(octet & 0x7f);
            if octet < 0x80 {
                if first {
                    let root = (arc / 40).min(2);
                    write!(f, "{root}.{}", arc - root * 40)?;
                } else {
                    write!(f, ".{arc}")?;
                }
                (first, arc) = (false, 0);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! oids {
    ($($(#[$doc:meta])* $name:ident = [$($arc:literal),*];)*) => {
        $($(#[$doc])* pub const $name: Oid = Oid::from_arcs(&[$($arc),*]);)*
    };
}

oids! {
    /// countryName
    COUNTRY = [2, 5, 4, 6];
    /// organizationName
    ORGANIZATION = [2, 5, 4, 10];
    /// organizationalUnitName
    ORGANIZATIONAL_UNIT = [2, 5, 4, 11];
    /// localityName
    LOCALITY = [2, 5, 4, 7];
    /// commonName
    COMMON_NAME = [2, 5, 4, 3];

    /// subjectKeyIdentifier
    SUBJECT_KEY_IDENTIFIER = [2, 5, 29, 14];
    /// keyUsage
    KEY_USAGE = [2, 5, 29, 15];
    /// subjectAltName
    SUBJECT_ALT_NAME = [2, 5, 29, 17];
    /// issuerAltName
    ISSUER_ALT_NAME = [2, 5, 29, 18];
    /// basicConstraints
    BASIC_CONSTRAINTS = [2, 5, 29, 19];
    /// cRLNumber
    CRL_NUMBER = [2, 5, 29, 20];
    /// reasonCode
    REASON_CODE = [2, 5, 29, 21];
    /// invalidityDate
    INVALIDITY_DATE = [2, 5, 29, 24];
    /// deltaCRLIndicator
    DELTA_CRL_INDICATOR = [2, 5, 29, 27];
    /// issuingDistributionPoint
    ISSUING_DISTRIBUTION_POINT = [2, 5, 29, 28];
    /// cRLDistributionPoints
    CRL_DISTRIBUTION_POINTS = [2, 5, 29, 31];
    /// certificatePolicies
    CERTIFICATE_POLICIES = [2, 5, 29, 32];
    /// authorityKeyIdentifier
    AUTHORITY_KEY_IDENTIFIER = [2, 5, 29, 35];
    /// extKeyUsage
    EXT_KEY_USAGE = [2, 5, 29, 37];
    /// freshestCRL
    FRESHEST_CRL = [2, 5, 29, 46];

    /// id-qt-cps
    QUALIFIER_CPS = [1, 3, 6, 1, 5, 5, 7, 2, 1];
    /// id-kp-clientAuth
    KP_CLIENT_AUTH = [1, 3, 6, 1, 5, 5, 7, 3, 2];
    /// id-kp-OCSPSigning
    KP_OCSP_SIGNING = [1, 3, 6, 1, 5, 5, 7, 3, 9];
    /// id-pe-authorityInfoAccess
    AUTHORITY_INFO_ACCESS = [1, 3, 6, 1, 5, 5, 7, 1, 1];
    /// id-ad-ocsp
    AD_OCSP = [1, 3, 6, 1, 5, 5, 7, 48, 1];
    /// id-ad-caIssuers
    AD_CA_ISSUERS = [1, 3, 6, 1, 5, 5, 7, 48, 2];
    /// id-pkix-ocsp-basic
    OCSP_BASIC = [1, 3, 6, 1, 5, 5, 7, 48, 1, 1];
    /// id-pkix-ocsp-nonce
    OCSP_NONCE = [1, 3, 6, 1, 5, 5, 7, 48, 1, 2];
    /// id-pkix-ocsp-response: the response types a client understands
    OCSP_RESPONSE_TYPES = [1, 3, 6, 1, 5, 5, 7, 48, 1, 4];
    /// id-pkix-ocsp-nocheck
    OCSP_NOCHECK = [1, 3, 6, 1, 5, 5, 7, 48, 1, 5];
    /// id-pkix-ocsp-archive-cutoff
    OCSP_ARCHIVE_CUTOFF = [1, 3, 6, 1, 5, 5, 7, 48, 1, 6];
    /// id-pkix-ocsp-pref-sig-algs
    OCSP_PREFERRED_SIGNATURE_ALGORITHMS = [1, 3, 6, 1, 5, 5, 7, 48, 1, 8];

    /// id-data
    CMS_DATA = [1, 2, 840, 113_549, 1, 7, 1];
    /// id-signedData
    CMS_SIGNED_DATA = [1, 2, 840, 113_549, 1, 7, 2];
    /// id-contentType
    CMS_CONTENT_TYPE = [1, 2, 840, 113_549, 1, 9, 3];
    /// id-messageDigest
    CMS_MESSAGE_DIGEST = [1, 2, 840, 113_549, 1, 9, 4];

    /// id-sha1
    SHA1 = [1, 3, 14, 3, 2, 26];
    /// id-sha256
    SHA256 = [2, 16, 840, 1, 101, 3, 4, 2, 1];
    /// id-sha384
    SHA384 = [2, 16, 840, 1, 101, 3, 4, 2, 2];
    /// id-sha512
    SHA512 = [2, 16, 840, 1, 101, 3, 4, 2, 3];
    /// rsaEncryption
    RSA_ENCRYPTION = [1, 2, 840, 113_549, 1, 1, 1];
    /// sha256WithRSAEncryption
    SHA256_WITH_RSA = [1, 2, 840, 113_549, 1, 1, 11];
    /// id-ecPublicKey
    EC_PUBLIC_KEY = [1, 2, 840, 10_045, 2, 1];
    /// prime256v1
    P256 = [1, 2, 840, 10_045, 3, 1, 7];
    /// secp384r1
    P384 = [1, 3, 132, 0, 34];
    /// ecdsa-with-SHA256
    ECDSA_WITH_SHA256 = [1, 2, 840, 10_045, 4, 3, 2];
    /// ecdsa-with-SHA384
    ECDSA_WITH_SHA384 = [1, 2, 840, 10_045, 4, 3, 3];

    /// 氏名 (facts 1.5)
    JPKI_NAME = [1, 2, 392, 200_149, 8, 5, 5, 1];
    /// 氏名の代替文字使用位置情報 (facts 1.5)
    JPKI_NAME_SUBSTITUTIONS = [1, 2, 392, 200_149, 8, 5, 5, 2];
    /// 性別 (facts 1.5)
    JPKI_SEX = [1, 2, 392, 200_149, 8, 5, 5, 3];
    /// 生年月日 (facts 1.5)
    JPKI_BIRTH_DATE = [1, 2, 392, 200_149, 8, 5, 5, 4];
    /// 住所 (facts 1.5)
    JPKI_ADDRESS = [1, 2, 392, 200_149, 8, 5, 5, 5];
    /// 住所の代替文字使用位置情報 (facts 1.5)
    JPKI_ADDRESS_SUBSTITUTIONS = [1, 2, 392, 200_149, 8, 5, 5, 6];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_those_of_the_der_crate() {
        for text in
            ["2.5.29.15", "1.2.392.200149.8.5.1.0.20", "1.2.840.113549.1.1.11", "1.3.132.0.34", "0.0", "1.3.4294967295"]
        {
            let oid = Oid::from_dotted(text).unwrap();
            assert_eq!(oid.content(), der::oid::ObjectIdentifier::new(text).unwrap().as_bytes());
            assert_eq!(oid.to_string(), text);
        }
        for text in ["", "1", "3.1", "1.40", "1.2.", "1.2.a", "1.2.4294967296", "1.2.-3"] {
            assert_eq!(Oid::from_dotted(text), None, "{text:?}");
        }
    }
}

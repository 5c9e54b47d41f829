//! The name of one municipality's CRL. The same octets stand in the certificate (cRLDistributionPoints) and in the CRL
//! (issuingDistributionPoint), or a verifier refuses the pair (C11, B07); so both are written here.
use crate::der::{DerWriter, Tag};
use crate::identity::Ca;
use crate::name::{self, DistinguishedName};
use crate::oid;

/// Where the CRL of one municipality is found: a directoryName as JPKI has it (facts 1.3) and, in the default layout,
/// an HTTP URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistributionPoint {
    /// `C=JP, O=…, OU=JPKI for …, OU=CRL Distribution Points, OU=<Prefecture>, CN=<Municipality> CRLDP`.
    pub directory_name: DistinguishedName,
    /// Where one DER CRL is answered over HTTP (C17); absent in the layout that is exactly JPKI's.
    pub uri: Option<String>,
}

impl DistributionPoint {
    /// The distribution point of a municipality, from the DN texts of its prefecture and its own (`Tokyo-to`,
    /// `Kiyose-shi`).
    pub fn of_municipality(
        ca: Ca,
        organization: &str,
        prefecture: &str,
        municipality: &str,
        uri: Option<String>,
    ) -> Self {
        let purpose = match ca {
            Ca::Sign => "JPKI for digital signature",
            Ca::Auth => "JPKI for user authentication",
            Ca::PhoneSign => "JPKI for digital signature on mobile devices",
            Ca::PhoneAuth => "JPKI for user authentication on mobile devices",
        };
        let directory_name = DistinguishedName::japan()
            .with(oid::ORGANIZATION, organization.to_owned())
            .with(oid::ORGANIZATIONAL_UNIT, purpose)
            .with(oid::ORGANIZATIONAL_UNIT, "CRL Distribution Points")
            .with(oid::ORGANIZATIONAL_UNIT, prefecture.to_owned())
            .with(oid::COMMON_NAME, [municipality, " CRLDP"].concat());
        Self { directory_name, uri }
    }

    /// Writes the elements of `GeneralNames`, without tag and length around them.
    pub fn write_general_names(&self, writer: &mut DerWriter) {
        let Self { directory_name, uri } = self;
        directory_name.write_directory_name(writer);
        if let Some(uri) = uri {
            name::write_uri(writer, uri);
        }
    }

    /// Writes `distributionPoint [0]` with the `fullName [0]`, as both extensions hold it (RFC 5280 §4.2.1.13, §5.2.5).
    pub fn write_distribution_point_name(&self, writer: &mut DerWriter) {
        // DistributionPointName is a CHOICE, so the outer [0] is EXPLICIT.
        writer.constructed(Tag::context_constructed(0), |w| {
            w.constructed(Tag::context_constructed(0), |w| self.write_general_names(w));
        });
    }

    /// Writes `CRLDistributionPoints`, the value of the certificate's extension, with this one distribution point.
    pub fn write_crl_distribution_points(&self, writer: &mut DerWriter) {
        writer.sequence(|w| w.sequence(|w| self.write_distribution_point_name(w)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::{Decode, Encode};
    use proptest::prelude::*;
    use x509_cert::ext::pkix::CrlDistributionPoints;
    use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};

    #[test]
    fn the_directory_name_is_that_of_the_test_card() {
        let point = DistributionPoint::of_municipality(Ca::Auth, "JPKI-TEST", "Tokyo-to", "Kiyose-shi", None);
        let theirs = x509_cert::name::Name::from_der(&point.directory_name.to_der()).unwrap();
        assert_eq!(
            theirs.to_string(),
            "CN=Kiyose-shi CRLDP,OU=Tokyo-to,OU=CRL Distribution Points,OU=JPKI for user authentication,O=JPKI-TEST,C=JP"
        );
    }

    proptest! {
        #[test]
        fn the_extension_is_read_and_written_again_by_x509_cert(municipality in "[A-Z][a-z]{1,120}-shi", uri in proptest::option::of("http://[a-z]{1,200}/crl")) {
            let point = DistributionPoint::of_municipality(Ca::Sign, "JPKI-TEST", "Tokyo-to", &municipality, uri.clone());
            let mut writer = DerWriter::new();
            point.write_crl_distribution_points(&mut writer);
            let ours = writer.finish();
            let theirs = CrlDistributionPoints::from_der(&ours).unwrap();
            prop_assert_eq!(theirs.to_der().unwrap(), ours);
            let Some(DistributionPointName::FullName(names)) = &theirs.0[0].distribution_point else { panic!("a fullName was written") };
            prop_assert!(matches!(names[0], GeneralName::DirectoryName(_)));
            let read_uri = names.get(1).map(|name| match name {
                GeneralName::UniformResourceIdentifier(text) => text.as_str().to_owned(),
                other => panic!("a URI was written, {other:?} was read"),
            });
            prop_assert_eq!(read_uri, uri);
        }
    }
}

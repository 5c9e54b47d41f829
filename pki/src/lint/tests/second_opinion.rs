//! What the lints read is what `x509-cert` reads: a decoder that is not ours, and knows as little of the writer.
use der::{Decode, Encode};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, CrlDistributionPoints,
    ExtendedKeyUsage, IssuerAltName, KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};

/// `x509-cert` reads the certificate and the value of each extension, and writes the same octets again.
pub(super) fn agrees(tbs_der: &[u8]) -> bool {
    let Ok(tbs) = TbsCertificate::from_der(tbs_der) else { return false };
    let same = tbs.to_der().is_ok_and(|again| again == tbs_der);
    same && tbs.extensions().is_none_or(|extensions| extensions.iter().all(agrees_with_value))
}

fn agrees_with_value(extension: &Extension) -> bool {
    let value = extension.extn_value.as_bytes();
    match &*extension.extn_id.to_string() {
        "2.5.29.14" => read_again::<SubjectKeyIdentifier>(value),
        "2.5.29.15" => read_again::<KeyUsage>(value),
        "2.5.29.17" => read_again::<SubjectAltName>(value),
        "2.5.29.18" => read_again::<IssuerAltName>(value),
        "2.5.29.19" => read_again::<BasicConstraints>(value),
        "2.5.29.31" => read_again::<CrlDistributionPoints>(value),
        "2.5.29.32" => read_again::<CertificatePolicies>(value),
        "2.5.29.35" => read_again::<AuthorityKeyIdentifier>(value),
        "2.5.29.37" => read_again::<ExtendedKeyUsage>(value),
        "1.3.6.1.5.5.7.1.1" => read_again::<AuthorityInfoAccessSyntax>(value),
        _ => true,
    }
}

fn read_again<T: for<'a> Decode<'a> + Encode>(value: &[u8]) -> bool {
    T::from_der(value).is_ok_and(|read| read.to_der().is_ok_and(|again| again == value))
}

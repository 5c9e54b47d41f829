//! PEM (RFC 7468), written: the textual form of what is public anyway, so without the care that private keys need.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// RFC 7468 §2: every line but the last has so many characters.
const LINE_CHARACTERS: usize = 64;

/// The octets between the boundaries with that label, lines ended by LF.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = String::with_capacity(body.len() + body.len() / LINE_CHARACTERS + 2 * label.len() + 34);
    text.extend(["-----BEGIN ", label, "-----\n"]);
    for start in (0..body.len()).step_by(LINE_CHARACTERS) {
        text.push_str(&body[start..body.len().min(start + LINE_CHARACTERS)]);
        text.push('\n');
    }
    text.extend(["-----END ", label, "-----\n"]);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_what_the_der_crate_writes_and_reads(der in proptest::collection::vec(any::<u8>(), 1..300)) {
            let ours = super::encode("CERTIFICATE", &der);
            let theirs = der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &der);
            prop_assert_eq!(&ours, &theirs.unwrap());
            prop_assert_eq!(der::pem::decode_vec(ours.as_bytes()), Ok(("CERTIFICATE", der)));
        }
    }
}

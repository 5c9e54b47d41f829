//! The request inside a GET path: base64 of the DER, percent-encoded or not (R22, L11).
use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;

/// RFC 4648 §4. Some clients leave the padding out, others have it stripped on the way.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The octets that were encoded; `None` if it is not base64. The length of the request line bounds their number.
///
/// Slashes in front come from URLs that end in one: the base64 of a SEQUENCE begins with `M`, so they are never data.
/// All other slashes, double ones too, are data.
pub(super) fn decode(encoded: &str) -> Option<Vec<u8>> {
    let text: Cow<'_, [u8]> = percent_decode_str(encoded).into();
    let slashes = text.iter().take_while(|&&octet| octet == b'/').count();
    BASE64.decode(&text[slashes..]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_spelling_of_a_request_is_read(contents in prop::collection::vec(any::<u8>(), 0..200), slashes in 0_usize..3) {
            let mut der = vec![0x30, 0x82, 0x01, 0x00];
            der.extend(contents);
            let padded = base64::engine::general_purpose::STANDARD.encode(&der);
            let bare = padded.trim_end_matches('=');
            for text in [&padded, bare] {
                let front = "/".repeat(slashes);
                prop_assert_eq!(decode(&format!("{front}{text}")), Some(der.clone()));
                prop_assert_eq!(decode(&format!("{front}{}", utf8_percent_encode(text, NON_ALPHANUMERIC))), Some(der.clone()));
                prop_assert_eq!(decode(&text.replace('+', "%2b").replace('/', "%2f")), Some(der.clone()));
            }
        }

        #[test]
        fn any_text_is_read_or_not_and_nothing_else(text: String) {
            let _ = decode(&text);
        }
    }

    #[test]
    fn double_slashes_inside_are_data() {
        assert_eq!(decode("MP///w=="), Some(vec![0x30, 0xff, 0xff, 0xff]));
        assert_eq!(decode("//MP///w"), Some(vec![0x30, 0xff, 0xff, 0xff]));
        assert_eq!(decode("M*=="), None);
        assert_eq!(decode("MP%ZZ"), None);
    }
}

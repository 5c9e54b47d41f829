//! Names of keys.
use std::fmt;

/// The longest label: with a suffix it stays well inside every file system's 255 octets, and inside a PKCS#11 label.
pub const LABEL_OCTETS_MAX: usize = 64;

/// The name of one key in a token: 1 to 64 of `a`–`z`, `0`–`9` and `-`. It is part of a file name, so nothing else is
/// let in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyLabel(String);

/// The text is no label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key label has 1 to 64 characters out of a-z, 0-9 and '-'; {text:?} has not")]
pub struct LabelError {
    /// What was offered.
    pub text: String,
}

impl KeyLabel {
    /// Judges a label.
    pub fn new(text: &str) -> Result<Self, LabelError> {
        let allowed = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
        if (1..=LABEL_OCTETS_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(LabelError { text: text.to_owned() })
        }
    }

    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_allowed_characters_are_taken_up_to_their_limit() {
        for text in ["a", "sign-ca-1", "wrap-2031", &"z".repeat(LABEL_OCTETS_MAX)] {
            assert_eq!(KeyLabel::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn anything_that_could_leave_the_folder_or_clash_with_a_suffix_is_refused() {
        for text in ["", "..", "a/b", "a.key", "A", "証", "a b", "a\0", &"z".repeat(LABEL_OCTETS_MAX + 1)] {
            assert_eq!(KeyLabel::new(text), Err(LabelError { text: text.to_owned() }));
        }
    }
}

//! The words everything else is named by.
use std::fmt;
use std::num::{NonZeroU16, NonZeroU64};
use std::str::FromStr;

/// A certificate authority. Each has one distinguished name, one serial counter and, over the years, several keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ca {
    /// 署名用: signature certificates, which carry the 4 info (facts 1.3).
    Sign,
    /// 利用者証明用: user authentication certificates, which carry none of them (facts 1.4).
    Auth,
    /// 移動端末設備用署名用: signature certificates in phones (facts 5). That they have a CA of their own is taken (facts 1.1).
    PhoneSign,
    /// 移動端末設備用利用者証明用: user authentication certificates in phones.
    PhoneAuth,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Signing documents (署名用). Carries the 4 info.
    Signature,
    /// Logging in (利用者証明用).
    Authentication,
}

/// Where a person's private key lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Device {
    /// 個人番号カード.
    Card,
    /// 移動端末設備: a phone, of which a person has one (facts 5).
    Phone,
}

impl Device {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Card, Self::Phone];

    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Phone => "phone",
        }
    }
}

impl Ca {
    /// Every CA, in the order in which they are listed everywhere.
    pub const ALL: [Self; 4] = [Self::Sign, Self::Auth, Self::PhoneSign, Self::PhoneAuth];

    /// Those of the card.
    pub const CARD: [Self; 2] = [Self::Sign, Self::Auth];

    /// The CA for that purpose on that device.
    pub const fn of(device: Device, purpose: Purpose) -> Self {
        match (device, purpose) {
            (Device::Card, Purpose::Signature) => Self::Sign,
            (Device::Card, Purpose::Authentication) => Self::Auth,
            (Device::Phone, Purpose::Signature) => Self::PhoneSign,
            (Device::Phone, Purpose::Authentication) => Self::PhoneAuth,
        }
    }

    /// What its certificates are for.
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::Sign | Self::PhoneSign => Purpose::Signature,
            Self::Auth | Self::PhoneAuth => Purpose::Authentication,
        }
    }

    /// Where the keys of its certificates live.
    pub const fn device(self) -> Device {
        match self {
            Self::Sign | Self::Auth => Device::Card,
            Self::PhoneSign | Self::PhoneAuth => Device::Phone,
        }
    }

    /// The word for it in URLs, JSON, metrics and file names.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Auth => "auth",
            Self::PhoneSign => "phone-sign",
            Self::PhoneAuth => "phone-auth",
        }
    }

    /// The number for it in stored keys and events; never reused.
    pub const fn code(self) -> u8 {
        match self {
            Self::Sign => 1,
            Self::Auth => 2,
            Self::PhoneSign => 3,
            Self::PhoneAuth => 4,
        }
    }

    /// The CA with that stored number.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Sign),
            2 => Some(Self::Auth),
            3 => Some(Self::PhoneSign),
            4 => Some(Self::PhoneAuth),
            _ => None,
        }
    }

    /// Position in [`Ca::ALL`], for arrays with one place for each CA.
    pub const fn index(self) -> usize {
        match self {
            Self::Sign => 0,
            Self::Auth => 1,
            Self::PhoneSign => 2,
            Self::PhoneAuth => 3,
        }
    }
}

impl fmt::Display for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Ca {
    type Err = IdentityError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|ca| ca.word() == text).ok_or(IdentityError::UnknownCa)
    }
}

/// What was wrong with the written form of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not the word of a CA.
    #[error("no such CA; the CAs are `sign`, `auth`, `phone-sign` and `phone-auth`")]
    UnknownCa,
    /// Not a serial number in decimal.
    #[error("a serial (発行番号) is a decimal number from 1 to {}", Serial::MAX)]
    BadSerial,
    /// Not a key generation number.
    #[error("a key generation is a decimal number from 1 to 65535")]
    BadKeyNumber,
}

/// 発行番号: the next number of its CA's counter; positive, small, never reused (facts 1.1, 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(NonZeroU64);

impl Serial {
    /// The first serial of a CA is that of its first own certificate (facts 1.1).
    pub const FIRST: Self = Self(NonZeroU64::MIN);
    /// Eight octets of INTEGER without a sign octet: far beyond any counter, far below the 20 octets of RFC 5280 §4.1.2.2.
    pub const MAX: u64 = i64::MAX as u64;

    /// A serial from its number; `None` for zero and above [`Serial::MAX`].
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) if number.get() <= Self::MAX => Some(Self(number)),
            Some(_) | None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The serial after this one; `None` at the end of the counter.
    pub const fn next(self) -> Option<Self> {
        Self::new(self.get() + 1)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Serial {
    type Err = IdentityError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = !text.starts_with('+');
        text.parse().ok().filter(|_| plain).and_then(Self::new).ok_or(IdentityError::BadSerial)
    }
}

/// Which generation of a CA's key: 1, 2, 3… All generations share one DN (facts 1.1), so this tells them apart in URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyNumber(NonZeroU16);

impl KeyNumber {
    /// The first generation.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// A generation from its number; `None` for zero.
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for KeyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for KeyNumber {
    type Err = IdentityError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = !text.starts_with('+');
        text.parse().ok().filter(|_| plain).and_then(Self::new).ok_or(IdentityError::BadKeyNumber)
    }
}

/// One key generation of one CA: the issuer that a certificate, CRL or OCSP answer really has (I18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerKey {
    /// Whose key.
    pub ca: Ca,
    /// Which generation.
    pub key: KeyNumber,
}

impl fmt::Display for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ca, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_refuse_zero_signs_and_more_than_eight_octets() {
        assert_eq!("1".parse(), Ok(Serial::FIRST));
        for text in ["0", "+1", "-1", "", "1.0", "9223372036854775808", " 1"] {
            assert_eq!(text.parse::<Serial>(), Err(IdentityError::BadSerial), "{text:?}");
        }
        assert_eq!(Serial::new(Serial::MAX).and_then(Serial::next), None);
    }

    #[test]
    fn every_ca_is_found_again_by_its_word_and_its_number() {
        for ca in Ca::ALL {
            assert_eq!(ca.word().parse(), Ok(ca));
            assert_eq!(Ca::from_code(ca.code()), Some(ca));
            assert_eq!(Ca::ALL[ca.index()], ca);
            assert_eq!(Ca::of(ca.device(), ca.purpose()), ca);
        }
    }
}

//! How the words of `pki` stand in CBOR. A number that is none of them is a decoding error, never a default.
use minicbor::decode::Error;

macro_rules! codec {
    ($(#[$doc:meta])* $name:ident, $type:ty, $wire:ty, $to:expr, $from:expr) => {
        $(#[$doc])*
        pub(crate) mod $name {
            use super::Error;
            use minicbor::{Decode, Decoder, Encode, Encoder};

            pub(crate) fn encode<C, W: minicbor::encode::Write>(
                value: &$type,
                encoder: &mut Encoder<W>,
                context: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                let to: fn(&$type) -> $wire = $to;
                to(value).encode(encoder, context)
            }

            pub(crate) fn decode<C>(decoder: &mut Decoder<'_>, context: &mut C) -> Result<$type, Error> {
                let from: fn($wire) -> Option<$type> = $from;
                from(<$wire>::decode(decoder, context)?).ok_or_else(|| Error::message(concat!("no such ", stringify!($name))))
            }
        }
    };
}

codec!(ca, pki::identity::Ca, u8, |ca| ca.code(), pki::identity::Ca::from_code);
codec!(
    /// Bits of the four items.
    items, crate::consent::Items, u8, |items| items.bits(), crate::consent::Items::from_bits
);
codec!(serial, pki::identity::Serial, u64, |serial| serial.get(), pki::identity::Serial::new);
codec!(
    /// Its word.
    algorithm, pki::algorithm::Algorithm, String, |algorithm| algorithm.word().to_owned(), |word| pki::algorithm::Algorithm::from_word(&word)
);
codec!(key, pki::identity::KeyNumber, u16, |key| key.get(), pki::identity::KeyNumber::new);
codec!(
    /// Seconds since 1970.
    time, pki::time::UnixTime, i64, |time| time.as_seconds(), |seconds| {
        let time = pki::time::UnixTime::from_seconds(seconds);
        (time.as_seconds() == seconds).then_some(time)
    }
);
codec!(
    /// Days since 1970.
    date, pki::time::CivilDate, i64, |date| date.days(), |days| {
        let date = pki::time::CivilDate::from_days(days);
        (date.days() == days).then_some(date)
    }
);
codec!(
    /// CRLReason number.
    reason, pki::revocation::RevocationReason, u8, |reason| reason.code(), pki::revocation::RevocationReason::from_code
);

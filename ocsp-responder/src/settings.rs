//! How long answers are good for.

/// Above this, "at once" would be an empty word for those behind a cache.
const MAX_AGE_SECONDS_MAX: u32 = 3_600;
/// Eight hours (B02), for which relying parties can go on when they cannot reach us.
const VALIDITY_SECONDS_MIN: u32 = 28_800;
/// Nine days: with [`VALIDITY_JITTER_PARTS`] still inside the ten that the encoder allows.
const VALIDITY_SECONDS_MAX: u32 = 9 * 86_400;
/// nextUpdate comes later by up to a sixteenth of the validity, differently for each serial (L15).
const VALIDITY_JITTER_PARTS: u32 = 16;
/// max-age is shorter by up to a tenth, differently for each serial (L15).
const MAX_AGE_JITTER_PARTS: u32 = 10;
/// What is said of a serial that was never issued ends soon: the next certificate may get it (serials are sequential).
pub(crate) const UNKNOWN_SECONDS: i64 = 60;
/// Some 2,500 octets each with an RSA-2048 delegate, answer, headers and place: 320 MiB when all of them are there.
const KEPT_ANSWERS_MAX: u32 = 131_072;
/// 10 GiB: whoever wants more should ask whether a signature is what costs.
const KEPT_ANSWERS_MAX_MAX: u32 = 4_194_304;

// L13: max-age ends before nextUpdate, whatever is set.
const _: () = assert!(MAX_AGE_SECONDS_MAX < VALIDITY_SECONDS_MIN);
const _: () = assert!(
    (VALIDITY_SECONDS_MAX + VALIDITY_SECONDS_MAX / VALIDITY_JITTER_PARTS) as i64 <= pki::ocsp::VALIDITY_SECONDS_MAX
);

/// How long answers are good for, within bounds (I14, I15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OcspSettings {
    max_age_seconds: u32,
    validity_seconds: u32,
    archive_retention_seconds: Option<u32>,
    kept_answers_max: u32,
    signs_unknown: bool,
    echoes_nonces: bool,
}

/// A setting out of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// max-age
    #[error("ocsp.max_age_seconds is {given}; it must be within 1..={MAX_AGE_SECONDS_MAX}")]
    MaxAge {
        /// What was set.
        given: u32,
    },
    /// nextUpdate
    #[error("ocsp.validity_seconds is {given}; it must be within {VALIDITY_SECONDS_MIN}..={VALIDITY_SECONDS_MAX}")]
    Validity {
        /// What was set.
        given: u32,
    },
    /// Kept answers
    #[error("ocsp.kept_answers_max is {given}; it must be within 0..={KEPT_ANSWERS_MAX_MAX}")]
    KeptAnswers {
        /// What was set.
        given: u32,
    },
}

impl OcspSettings {
    /// HTTP max-age, and the time from thisUpdate to nextUpdate, in seconds.
    pub const fn new(max_age_seconds: u32, validity_seconds: u32) -> Result<Self, SettingsError> {
        if validity_seconds < VALIDITY_SECONDS_MIN || validity_seconds > VALIDITY_SECONDS_MAX {
            return Err(SettingsError::Validity { given: validity_seconds });
        }
        if max_age_seconds == 0 || max_age_seconds > MAX_AGE_SECONDS_MAX {
            return Err(SettingsError::MaxAge { given: max_age_seconds });
        }
        Ok(Self {
            max_age_seconds,
            validity_seconds,
            archive_retention_seconds: None,
            kept_answers_max: KEPT_ANSWERS_MAX,
            signs_unknown: false,
            echoes_nonces: true,
        })
    }

    /// Keeps about that many answers in memory, with 0 none, in place of 131,072.
    pub const fn with_kept_answers_max(mut self, answers: u32) -> Result<Self, SettingsError> {
        if answers > KEPT_ANSWERS_MAX_MAX {
            return Err(SettingsError::KeptAnswers { given: answers });
        }
        self.kept_answers_max = answers;
        Ok(self)
    }

    /// See [`Self::with_kept_answers_max`].
    pub(crate) fn kept_answers_max(&self) -> usize {
        usize::try_from(self.kept_answers_max).expect("usize has 64 bits here")
    }

    /// Says in each answer, by archiveCutoff, that status is kept for that long past a certificate's expiry (R18).
    #[must_use]
    pub const fn with_archive_retention_seconds(mut self, seconds: u32) -> Self {
        self.archive_retention_seconds = Some(seconds);
        self
    }

    /// Whether a serial that was never issued, asked alone, gets a signed `unknown` in place of the unsigned `unauthorized`.
    #[must_use]
    pub const fn with_signed_unknown(mut self, signs_unknown: bool) -> Self {
        self.signs_unknown = signs_unknown;
        self
    }

    /// Whether nonces are echoed as RFC 9654 says, or left out (L05). Those that are malformed are refused either way.
    #[must_use]
    pub const fn with_nonces(mut self, echoes_nonces: bool) -> Self {
        self.echoes_nonces = echoes_nonces;
        self
    }

    /// See [`Self::with_signed_unknown`].
    pub(crate) const fn signs_unknown(&self) -> bool {
        self.signs_unknown
    }

    /// See [`Self::with_nonces`].
    pub(crate) const fn echoes_nonces(&self) -> bool {
        self.echoes_nonces
    }

    /// See [`Self::with_archive_retention_seconds`].
    pub(crate) const fn archive_retention_seconds(&self) -> Option<u32> {
        self.archive_retention_seconds
    }

    /// From thisUpdate to nextUpdate for that serial.
    pub(crate) fn validity_seconds(&self, serial: u64) -> i64 {
        let room = u64::from(self.validity_seconds / VALIDITY_JITTER_PARTS) + 1;
        i64::from(self.validity_seconds) + below(serial, room)
    }

    /// max-age for that serial, before nextUpdate is considered.
    pub(crate) fn max_age_seconds(&self, serial: u64) -> i64 {
        let room = u64::from(self.max_age_seconds / MAX_AGE_JITTER_PARTS) + 1;
        i64::from(self.max_age_seconds) - below(serial, room)
    }
}

/// A number below `room` that is always the same for a serial and unlike that of its neighbours.
fn below(serial: u64, room: u64) -> i64 {
    // A multiplication by 2^64 / the golden ratio spreads neighbours furthest apart (Knuth, TAOCP 3, §6.4).
    let spread = serial.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    i64::try_from(spread % room).expect("room is far below 2^63")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn only_what_is_within_bounds_is_taken() {
        assert!(OcspSettings::new(300, 28_800).is_ok());
        assert_eq!(OcspSettings::new(0, 28_800), Err(SettingsError::MaxAge { given: 0 }));
        assert_eq!(OcspSettings::new(3_601, 28_800), Err(SettingsError::MaxAge { given: 3_601 }));
        assert!(OcspSettings::new(3_600, 28_800).is_ok());
        assert_eq!(OcspSettings::new(300, 28_799), Err(SettingsError::Validity { given: 28_799 }));
        assert_eq!(OcspSettings::new(300, 777_601), Err(SettingsError::Validity { given: 777_601 }));
        assert!(OcspSettings::new(300, 777_600).is_ok());
    }

    #[test]
    fn serials_expire_at_different_times_within_the_stated_parts() {
        let settings = OcspSettings::new(300, 28_800).unwrap();
        let (mut validities, mut ages) = (HashSet::new(), HashSet::new());
        for serial in 1..=1_000 {
            let (validity, max_age) = (settings.validity_seconds(serial), settings.max_age_seconds(serial));
            assert!((28_800..=30_600).contains(&validity) && (270..=300).contains(&max_age), "{serial}");
            validities.insert(validity);
            ages.insert(max_age);
        }
        assert!(validities.len() > 500, "{} different ones", validities.len());
        assert_eq!(ages.len(), 31, "every second of the tenth");
    }
}

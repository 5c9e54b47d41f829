//! The PIN that opens a token, and what trying one costs.
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The shortest PIN. Eight random octets are the least that the cost of a try can still protect.
pub const PIN_OCTETS_MIN: usize = 8;
/// The longest PIN, enough for a passphrase or 32 octets in hexadecimal.
pub const PIN_OCTETS_MAX: usize = 64;

/// A token's PIN: 8 to 64 octets, wiped when dropped, shown nowhere.
#[derive(Clone)]
pub struct Pin(Zeroizing<Vec<u8>>);

/// The PIN, or where it was to be read from, is not fit for use.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// Too short or too long.
    #[error("the PIN has {octets} octets; {PIN_OCTETS_MIN} to {PIN_OCTETS_MAX} are allowed")]
    Length {
        /// Octets offered; of a file, not counted further than one past the limit.
        octets: usize,
    },
    /// Others may read or change the PIN's file.
    #[error("the PIN file {} has mode {mode:03o} and is open to others; run `chmod 600 {}`", path.display(), path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The operating system refused.
    #[error("could not read the PIN file {}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
}

impl Pin {
    /// Judges a PIN. Every octet counts; nothing is trimmed.
    pub fn new(octets: &[u8]) -> Result<Self, PinError> {
        if (PIN_OCTETS_MIN..=PIN_OCTETS_MAX).contains(&octets.len()) {
            Ok(Self(Zeroizing::new(octets.to_vec())))
        } else {
            Err(PinError::Length { octets: octets.len() })
        }
    }

    /// Reads a PIN from a file that nobody but its owner may touch. One newline at the end, as editors leave it, is not
    /// part of the PIN.
    pub fn from_file(path: &Path) -> Result<Self, PinError> {
        let failed = |reason| PinError::Io { path: path.to_owned(), reason };
        let mut file = File::open(path).map_err(failed)?;
        // The open file is asked, not the path, so that what is judged is what is read.
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(PinError::OpenToOthers { path: path.to_owned(), mode });
        }
        // Room for the longest PIN, its newline, and one octet to show that it was longer.
        let mut octets = Zeroizing::new([0; PIN_OCTETS_MAX + 2]);
        let mut filled = 0;
        loop {
            match file.read(&mut octets[filled..]).map_err(failed)? {
                0 => break,
                count => filled += count,
            }
        }
        let octets = &octets[..filled];
        Self::new(octets.strip_suffix(b"\n").unwrap_or(octets))
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// What one try of a PIN costs: the parameters of Argon2id (RFC 9106). They stand in the token's header, so an opened
/// token costs what it was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinCost {
    memory_kib: u32,
    iterations: u32,
    lanes: u32,
}

impl PinCost {
    /// 64 MiB, 3 passes: RFC 9106 §4's second recommended option, with one lane because we compute on one thread.
    pub const PRODUCTION: Self = Self { memory_kib: 65_536, iterations: 3, lanes: 1 };
    /// Hardly any cost, so hardly any protection: for tests that open many tokens.
    pub const WEAK_FOR_TESTS: Self = Self { memory_kib: 64, iterations: 1, lanes: 1 };

    /// Other parameters; `None` outside 8 KiB a lane to 1 GiB, 1 to 16 passes, 1 to 4 lanes. The upper limits keep a
    /// damaged header from taking the machine's memory or hours of its time.
    pub const fn new(memory_kib: u32, iterations: u32, lanes: u32) -> Option<Self> {
        let fits = lanes >= 1 && lanes <= 4 && iterations >= 1 && iterations <= 16;
        if fits && memory_kib >= 8 * lanes && memory_kib <= 1_048_576 {
            Some(Self { memory_kib, iterations, lanes })
        } else {
            None
        }
    }

    /// Memory in KiB.
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    pub const fn iterations(self) -> u32 {
        self.iterations
    }

    /// Independent lanes.
    pub const fn lanes(self) -> u32 {
        self.lanes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    fn pin_file(contents: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        fs::write(&path, contents).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_pin_has_8_to_64_octets() {
        for (octets, taken) in [(0, false), (7, false), (8, true), (64, true), (65, false)] {
            assert_eq!(Pin::new(&vec![b'7'; octets]).is_ok(), taken, "{octets} octets");
        }
    }

    #[test]
    fn one_newline_at_the_end_of_the_file_is_not_part_of_the_pin() {
        for (contents, pin) in
            [(&b"12345678"[..], &b"12345678"[..]), (b"12345678\n", b"12345678"), (b"12345678\n\n", b"12345678\n")]
        {
            let (_folder, path) = pin_file(contents, 0o600);
            assert_eq!(Pin::from_file(&path).unwrap().octets(), pin);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let (folder, path) = pin_file(b"12345678", 0o600);
        drop(folder);
        let error = Pin::from_file(&path).unwrap_err();
        assert!(error.to_string().starts_with(&format!("could not read the PIN file {}", path.display())));
    }

    #[test]
    fn a_file_of_the_longest_pin_with_newline_is_read_whole_and_a_longer_one_refused() {
        let (_folder, path) = pin_file(&[&[b'5'; 64][..], b"\n"].concat(), 0o400);
        assert_eq!(Pin::from_file(&path).unwrap().octets(), [b'5'; 64]);
        for octets in [65, 66, 1_000_000] {
            let (_folder, path) = pin_file(&vec![b'5'; octets], 0o600);
            assert!(matches!(Pin::from_file(&path), Err(PinError::Length { octets: 65 | 66 })));
        }
    }

    #[test]
    fn a_file_that_others_can_touch_is_refused_with_the_command_that_mends_it() {
        for mode in [0o640, 0o604, 0o620, 0o601, 0o666] {
            let (_folder, path) = pin_file(b"12345678", mode);
            let error = Pin::from_file(&path).unwrap_err();
            assert!(matches!(error, PinError::OpenToOthers { mode: found, .. } if found == mode));
            assert!(error.to_string().ends_with(&format!("run `chmod 600 {}`", path.display())));
        }
    }

    #[test]
    fn debug_does_not_show_the_pin() {
        assert_eq!(format!("{:?}", Pin::new(b"correct horse").unwrap()), "Pin(..)");
    }

    #[test]
    fn the_cost_of_a_pin_has_bounds() {
        let same = PinCost::PRODUCTION;
        assert_eq!(PinCost::new(same.memory_kib, same.iterations, same.lanes), Some(same));
        for (memory_kib, iterations, lanes) in
            [(7, 1, 1), (15, 1, 2), (1_048_577, 1, 1), (64, 0, 1), (64, 17, 1), (64, 1, 0), (64, 1, 5)]
        {
            assert_eq!(PinCost::new(memory_kib, iterations, lanes), None);
        }
    }
}

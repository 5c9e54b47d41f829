//! Two bits a certificate, and a row for each that is held or revoked.
//!
//! ```text
//! page     65,536 serials: 16 KiB of bits, 32 serials in a word, the lowest serial in the lowest bits
//! bits     00 not issued   01 good   10 held   11 revoked
//! row      one word: serial within its page (16 bits) | since, seconds from 1970 (40 bits) | CRLReason (8 bits)
//! ```
//! A page's rows are sorted by serial because the serial is in their highest bits. Pages keep growth and the insertion
//! of a row cheap: neither ever moves more than a page's worth. 250 M certificates take 62.5 MB of bits; 30 M withdrawn
//! ones take 240 MB of rows.
use pki::identity::Serial;
use pki::revocation::{CERTIFICATE_HOLD, CertificateStatus, RevocationReason, Withdrawal};
use pki::time::UnixTime;

/// Serials on a page; its rows name them with 16 bits.
const PAGE_SERIALS: u64 = 1 << 16;
const SERIALS_PER_WORD: usize = 32;
const PAGE_WORDS: usize = (1 << 16) / SERIALS_PER_WORD;
const _: () = assert!(UnixTime::MAX.as_seconds() < 1 << 40, "a row has 40 bits for the time");

/// The highest serial that the index takes: 4 billion, thirty for every inhabitant of Japan. It bounds what a wrong
/// serial can cost to two megabytes of empty pages.
pub const SERIAL_MAX: u64 = u32::MAX as u64;

const NOT_ISSUED: u64 = 0b00;
const GOOD: u64 = 0b01;
const HELD: u64 = 0b10;
const REVOKED: u64 = 0b11;

/// How many certificates of a CA have each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusCounts {
    /// Issued, neither held nor revoked.
    pub good: u64,
    /// Held.
    pub held: u64,
    /// Revoked.
    pub revoked: u64,
}

/// The statuses of one CA.
#[derive(Default)]
pub(crate) struct StatusPages {
    pages: Vec<Page>,
}

#[derive(Default)]
struct Page {
    /// Absent while none of its serials is issued.
    bits: Option<Box<[u64; PAGE_WORDS]>>,
    rows: Vec<Row>,
}

/// Where a serial's status stands.
#[derive(Clone, Copy)]
struct Place {
    page: usize,
    word: usize,
    shift: usize,
    in_page: u16,
}

impl Place {
    fn of(serial: Serial) -> Self {
        let in_page = u16::try_from(serial.get() % PAGE_SERIALS).expect("a page has 2^16 serials");
        let (word, in_word) = (usize::from(in_page) / SERIALS_PER_WORD, usize::from(in_page) % SERIALS_PER_WORD);
        let page = usize::try_from(serial.get() / PAGE_SERIALS).expect("usize has 64 bits here");
        Self { page, word, shift: in_word * 2, in_page }
    }
}

impl StatusPages {
    pub(crate) fn status(&self, serial: Serial) -> CertificateStatus {
        let place = Place::of(serial);
        let Some(page) = self.pages.get(place.page) else { return CertificateStatus::NotIssued };
        match page.bits(place) {
            NOT_ISSUED => CertificateStatus::NotIssued,
            GOOD => CertificateStatus::Good,
            _ => CertificateStatus::Withdrawn(page.row(place).withdrawal()),
        }
    }

    /// No serial from this one on is issued.
    pub(crate) fn is_empty_from(&self, serial: Serial) -> bool {
        let place = Place::of(serial);
        let empty =
            |page: &Page, from: usize| page.bits.as_ref().is_none_or(|bits| bits[from..].iter().all(|&word| word == 0));
        match self.pages.get(place.page..) {
            None | Some([]) => true,
            Some([first, later @ ..]) => {
                let same_word = first.bits.as_ref().map_or(0, |bits| bits[place.word]) >> place.shift;
                same_word == 0 && empty(first, place.word + 1) && later.iter().all(|page| empty(page, 0))
            }
        }
    }

    /// Sets a status, whatever it was, and moves it from one count to another. The caller keeps the serial at or below
    /// [`SERIAL_MAX`].
    pub(crate) fn set(&mut self, serial: Serial, status: CertificateStatus, counts: &mut StatusCounts) {
        let place = Place::of(serial);
        if self.pages.len() <= place.page {
            self.pages.resize_with(place.page + 1, Page::default);
        }
        let page = &mut self.pages[place.page];
        let before = page.bits(place);
        let after = match status {
            CertificateStatus::NotIssued => NOT_ISSUED,
            CertificateStatus::Good => GOOD,
            CertificateStatus::Withdrawn(Withdrawal::Held { .. }) => HELD,
            CertificateStatus::Withdrawn(Withdrawal::Revoked { .. }) => REVOKED,
        };
        page.set_bits(place, after);
        match status {
            CertificateStatus::NotIssued | CertificateStatus::Good => page.remove_row(place),
            CertificateStatus::Withdrawn(withdrawal) => page.put_row(Row::new(place.in_page, withdrawal)),
        }
        if let Some(count) = counts.of(before) {
            *count -= 1;
        }
        if let Some(count) = counts.of(after) {
            *count += 1;
        }
    }
}

impl StatusCounts {
    const fn of(&mut self, bits: u64) -> Option<&mut u64> {
        match bits {
            GOOD => Some(&mut self.good),
            HELD => Some(&mut self.held),
            REVOKED => Some(&mut self.revoked),
            _ => None,
        }
    }
}

impl Page {
    fn bits(&self, place: Place) -> u64 {
        self.bits.as_ref().map_or(NOT_ISSUED, |bits| bits[place.word] >> place.shift & 0b11)
    }

    fn set_bits(&mut self, place: Place, value: u64) {
        let words = self.bits.get_or_insert_with(|| Box::new([0; PAGE_WORDS]));
        let word = &mut words[place.word];
        *word = *word & !(0b11 << place.shift) | value << place.shift;
    }

    fn find_row(&self, in_page: u16) -> Result<usize, usize> {
        self.rows.binary_search_by_key(&in_page, |row| row.in_page())
    }

    fn row(&self, place: Place) -> Row {
        self.rows[self.find_row(place.in_page).expect("each held or revoked serial has its row")]
    }

    fn put_row(&mut self, row: Row) {
        match self.find_row(row.in_page()) {
            Ok(at) => self.rows[at] = row,
            Err(at) => {
                if self.rows.len() == self.rows.capacity() {
                    // An eighth, not double: rows are most of the memory.
                    self.rows.reserve_exact((self.rows.len() / 8).max(16));
                }
                self.rows.insert(at, row);
            }
        }
    }

    fn remove_row(&mut self, place: Place) {
        if let Ok(at) = self.find_row(place.in_page) {
            self.rows.remove(at);
        }
    }
}

/// One held or revoked certificate, packed as the module says.
#[derive(Clone, Copy)]
struct Row(u64);

impl Row {
    fn new(in_page: u16, withdrawal: Withdrawal) -> Self {
        let since = u64::try_from(withdrawal.since().as_seconds()).expect("UnixTime begins with 1970");
        Self(u64::from(in_page) << 48 | since << 8 | u64::from(withdrawal.reason_code()))
    }

    const fn in_page(self) -> u16 {
        {
            let [high, low, ..] = self.0.to_be_bytes();
            u16::from_be_bytes([high, low])
        }
    }

    fn withdrawal(self) -> Withdrawal {
        let seconds = i64::try_from(self.0 >> 8 & 0xff_ffff_ffff).expect("40 bits");
        let since = UnixTime::from_seconds(seconds);
        let [.., code] = self.0.to_be_bytes();
        if code == CERTIFICATE_HOLD {
            Withdrawal::Held { since }
        } else {
            let reason = RevocationReason::from_code(code).expect("rows are made from withdrawals only");
            Withdrawal::Revoked { since, reason }
        }
    }
}

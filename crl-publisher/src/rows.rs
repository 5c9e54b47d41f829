//! The entries of one CA while a cut is made, in few octets: a nation has 30 million of them.
use pki::crl::CrlEntry;
use pki::identity::Serial;
use pki::revocation::{RevocationReason, Withdrawal};
use pki::time::UnixTime;

/// The serial's lower half, the date in seconds since 1970, the reason's number.
type Row = [u8; 9];

/// Rows that lie together: some 4 KiB, so that a list that ends in the midst of them wastes little.
const ROWS_TOGETHER: usize = 450;

/// Entries in ascending order of serials, to be read in that order.
#[derive(Default)]
pub(crate) struct Rows {
    chunks: Vec<Vec<Row>>,
    len: usize,
    /// From which place on serials have which upper half, ascending. Serials are a counter's values, so these are few.
    upper_halves: Vec<(usize, u32)>,
}

/// The date lies outside 1970 to 2106, where four octets of seconds end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateOutOfRange;

impl Rows {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Adds an entry, whose serial is above all before it.
    pub(crate) fn push(&mut self, entry: CrlEntry) -> Result<(), DateOutOfRange> {
        let CrlEntry { serial, withdrawal } = entry;
        let since = u32::try_from(withdrawal.since().as_seconds()).map_err(|_| DateOutOfRange)?;
        let [a, b, c, d, lower @ ..] = serial.get().to_be_bytes();
        let upper = u32::from_be_bytes([a, b, c, d]);
        if self.upper_halves.last().is_none_or(|&(_, last)| last != upper) {
            self.upper_halves.push((self.len, upper));
        }
        let mut row = [withdrawal.reason_code(); 9];
        row[..4].copy_from_slice(&lower);
        row[4..8].copy_from_slice(&since.to_be_bytes());
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < ROWS_TOGETHER => chunk.push(row),
            Some(_) | None => {
                let mut chunk = Vec::with_capacity(ROWS_TOGETHER);
                chunk.push(row);
                self.chunks.push(chunk);
            }
        }
        self.len += 1;
        Ok(())
    }

    pub(crate) fn iter(&self) -> RowsInOrder<'_> {
        RowsInOrder { chunks: self.chunks.iter(), chunk: [].iter(), at: 0, upper: 0, upper_halves: &self.upper_halves }
    }
}

/// See [`Rows::iter`].
#[derive(Clone)]
pub(crate) struct RowsInOrder<'a> {
    chunks: std::slice::Iter<'a, Vec<Row>>,
    chunk: std::slice::Iter<'a, Row>,
    at: usize,
    upper: u32,
    /// Those that are still to come.
    upper_halves: &'a [(usize, u32)],
}

impl Iterator for RowsInOrder<'_> {
    type Item = CrlEntry;

    #[inline]
    fn next(&mut self) -> Option<CrlEntry> {
        if self.chunk.as_slice().is_empty() {
            self.chunk = self.chunks.next()?.iter();
        }
        let row = self.chunk.next()?;
        if let [(first, upper), rest @ ..] = self.upper_halves
            && *first == self.at
        {
            (self.upper, self.upper_halves) = (*upper, rest);
        }
        self.at += 1;
        let number = |at: usize| u32::from_be_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
        let serial = u64::from(self.upper) << 32 | u64::from(number(0));
        let (since, reason) = (UnixTime::from_seconds(number(4).into()), row[8]);
        let withdrawal = match RevocationReason::from_code(reason) {
            Some(reason) => Withdrawal::Revoked { since, reason },
            // The one number that a withdrawal has and a reason has not: certificateHold.
            None => Withdrawal::Held { since },
        };
        Some(CrlEntry { serial: Serial::new(serial).expect("it was a serial"), withdrawal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_are_found_again_as_they_were(
            serials in proptest::collection::btree_set(prop_oneof![1..=40_u64, 0xffff_fff0..0x1_0000_0010_u64, 1..=Serial::MAX], 0..600),
            since in 0..=u32::MAX, reasons in proptest::collection::vec(proptest::option::of(proptest::sample::select(&RevocationReason::ALL[..])), 600),
        ) {
            let since = UnixTime::from_seconds(since.into());
            let entries: Vec<_> = serials.into_iter().zip(reasons).map(|(serial, reason)| {
                let withdrawal = reason.map_or(Withdrawal::Held { since }, |reason| Withdrawal::Revoked { since, reason });
                CrlEntry { serial: Serial::new(serial).unwrap(), withdrawal }
            }).collect();
            let mut rows = Rows::default();
            for entry in &entries {
                rows.push(*entry).unwrap();
            }
            prop_assert_eq!((rows.len(), rows.iter().collect::<Vec<_>>()), (entries.len(), entries));
        }
    }

    #[test]
    fn a_date_after_2106_is_refused_to_the_second() {
        let last = UnixTime::from_seconds(u32::MAX.into());
        for (since, expected) in [(last, Ok(())), (last.plus_seconds(1), Err(DateOutOfRange))] {
            let entry = CrlEntry { serial: Serial::new(1).unwrap(), withdrawal: Withdrawal::Held { since } };
            assert_eq!(Rows::default().push(entry), expected);
        }
    }
}

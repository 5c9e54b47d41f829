//! What CRLs are made from: every certificate that counts as held or revoked, in the order of serials, read once from the state
//! at one position and never all in memory.
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::iter::Peekable;

use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};

use super::compromise::{Unfilled, unfilled};
use super::key::parse_certificate_key;
use super::read::StateReads;
use super::record::{CompromiseRecord, WithdrawnRecord};
use crate::store::{Family, Frozen, RegistryError, decode};

/// Serials whose records are read at once while certificates under a compromised key are not filled in.
const UNFILLED_SERIALS_AT_ONCE: u64 = 1 << 16;

/// A certificate that counts as held or revoked, with what a CRL entry needs.
pub type WithdrawnRow = (Serial, WithdrawnRecord);

/// See [`Frozen::withdrawn_of`].
pub type WithdrawnRows<'a> = Box<dyn Iterator<Item = Result<WithdrawnRow, RegistryError>> + 'a>;

impl Frozen<'_> {
    /// Every certificate of that CA that counts as held or revoked, by strictly ascending serials: what its own row says, or,
    /// under a compromised key, what the compromise says until the row does.
    pub fn withdrawn_of(&self, ca: Ca) -> Result<WithdrawnRows<'_>, RegistryError> {
        let own = self.read_each(Family::Withdrawn, &[ca.code()], move |key, value| {
            let damaged = || RegistryError::Damaged {
                place: "withdrawn".to_owned(),
                reason: "a key is not a CA and a serial".to_owned(),
            };
            let (_, serial) = parse_certificate_key(key).ok_or_else(damaged)?;
            Ok((serial, decode::<WithdrawnRecord>(Family::Withdrawn, key, value)?))
        });
        let mut rows = Box::new(own) as WithdrawnRows<'_>;
        for (IssuerKey { ca: of, key }, compromise) in self.compromises()? {
            if of == ca {
                let (rest, waiting) = (compromise, VecDeque::new());
                let counted = Box::new(OfCompromise { frozen: self, ca, key, compromise, rest, waiting });
                rows = Box::new(Merged { rows: rows.peekable(), counted: (counted as WithdrawnRows<'_>).peekable() });
            }
        }
        Ok(rows)
    }

    /// What [`Frozen::withdrawn_of`] says of one certificate; `None` if it counts as neither held nor revoked.
    pub fn withdrawn_as_counted(&self, ca: Ca, serial: Serial) -> Result<Option<WithdrawnRecord>, RegistryError> {
        for (issuer, compromise) in self.compromises()? {
            if issuer.ca == ca && serial.get() > compromise.filled_to {
                let unfilled = unfilled(self, (ca, issuer.key), &compromise, (serial, serial))?;
                if let Some(Unfilled { withdrawn, .. }) = unfilled.into_iter().next() {
                    return Ok(Some(withdrawn));
                }
            }
        }
        self.withdrawn(ca, serial)
    }
}

/// Rows, and what others count as, both ascending.
struct Merged<'a> {
    rows: Peekable<WithdrawnRows<'a>>,
    counted: Peekable<WithdrawnRows<'a>>,
}

impl Iterator for Merged<'_> {
    type Item = Result<WithdrawnRow, RegistryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let order = match (self.rows.peek(), self.counted.peek()) {
            (Some(Ok((row, _))), Some(Ok((counted, _)))) => row.cmp(counted),
            // An error is told of before anything else.
            (Some(Err(_)), _) | (_, None) => Ordering::Less,
            (_, Some(_)) => Ordering::Greater,
        };
        match order {
            Ordering::Less => self.rows.next(),
            Ordering::Greater => self.counted.next(),
            // The row of a hold whose certificate counts as revoked by now does not count any more.
            Ordering::Equal => {
                self.rows.next();
                self.counted.next()
            }
        }
    }
}

/// What one compromise says of certificates whose own records do not say it yet.
struct OfCompromise<'a, 's> {
    frozen: &'a Frozen<'s>,
    ca: Ca,
    key: KeyNumber,
    compromise: CompromiseRecord,
    /// What is left to be read.
    rest: CompromiseRecord,
    waiting: VecDeque<WithdrawnRow>,
}

impl Iterator for OfCompromise<'_, '_> {
    type Item = Result<WithdrawnRow, RegistryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.waiting.pop_front() {
                return Some(Ok(row));
            }
            let (from, to) = self.rest.next_range(UNFILLED_SERIALS_AT_ONCE)?;
            self.rest.filled_to = to.get();
            match unfilled(self.frozen, (self.ca, self.key), &self.compromise, (from, to)) {
                Ok(rows) => self.waiting.extend(rows.into_iter().map(|row| (row.serial, row.withdrawn))),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

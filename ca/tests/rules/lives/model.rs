//! What the law makes of a resident's certificates, written down a second time and independently of the rules.
use std::collections::{BTreeMap, BTreeSet};

use pki::identity::{Ca, Serial};
use pki::revocation::{CertificateStatus, RevocationReason as Reason, Withdrawal};
use pki::time::UnixTime;
use proptest::sample::Index;

use crate::support::World;

pub(super) enum Effect {
    Nothing,
    Hold,
    Revoke(Reason),
}

/// What an event does to a certificate of that kind.
pub(super) fn effect(what: &str, ca: Ca) -> Effect {
    match (what, ca) {
        ("held", _) => Effect::Hold,
        ("moved" | "name_changed", Ca::Sign) | ("record_error", _) => Effect::Revoke(Reason::AffiliationChanged),
        ("moved" | "name_changed", Ca::Auth) | ("minor_address_correction", _) => Effect::Nothing,
        ("key_compromise" | "card_lost", _) => Effect::Revoke(Reason::KeyCompromise),
        ("superseded", _) => Effect::Revoke(Reason::Superseded),
        ("given_up", _) => Effect::Revoke(Reason::Unspecified),
        ("died" | "left_japan" | "person_request" | "no_longer_needed", _) => {
            Effect::Revoke(Reason::CessationOfOperation)
        }
        (other, _) => panic!("the law does not know {other}"),
    }
}

/// What a certificate is after it.
pub(super) fn after(status: CertificateStatus, effect: &Effect, now: UnixTime) -> CertificateStatus {
    use CertificateStatus::{Good, NotIssued, Withdrawn};
    match (status, effect) {
        (Good | NotIssued, Effect::Hold) => Withdrawn(Withdrawal::Held { since: now }),
        (Good | NotIssued, Effect::Revoke(reason)) => Withdrawn(Withdrawal::Revoked { since: now, reason: *reason }),
        (Withdrawn(Withdrawal::Held { since }), Effect::Revoke(reason)) => {
            Withdrawn(Withdrawal::Revoked { since, reason: *reason })
        }
        (as_it_is, Effect::Nothing | Effect::Hold | Effect::Revoke(_)) => as_it_is,
    }
}

/// What the register reported of a resident, and since when a signature certificate carries the 4 info, in turns. Every
/// application of a resident carries the same 4 info.
#[derive(Clone, Copy, Default)]
struct Reported {
    gone: bool,
    last: Option<usize>,
    before: Option<usize>,
    carried_since: Option<usize>,
}

impl Reported {
    fn report(&mut self, what: &str, turn: usize) {
        let gone = match what {
            "moved" | "name_changed" => false,
            "died" | "left_japan" => true,
            _ => return,
        };
        (self.gone, self.before, self.last) = (gone, self.last, Some(turn));
    }

    /// What an application is refused with.
    fn refuses(self, ca: Ca) -> Option<&'static str> {
        let one_change_ended_them = match (self.last, self.carried_since) {
            (Some(last), Some(carried)) => carried < last && self.before.is_none_or(|before| before < carried),
            (_, _) => false,
        };
        match ca {
            _ if self.gone => Some("resident-gone"),
            Ca::Sign if one_change_ended_them => Some("resident-changed"),
            Ca::Sign | Ca::Auth | Ca::PhoneSign | Ca::PhoneAuth => None,
        }
    }
}

/// The residents' certificates: resident, CA, serial → status.
#[derive(Default)]
pub(super) struct Model {
    pub(super) certificates: BTreeMap<(u8, Ca, Serial), CertificateStatus>,
    never_handed_over: BTreeSet<(Ca, Serial)>,
    reported: BTreeMap<u8, Reported>,
    turn: usize,
}

impl Model {
    pub(super) fn apply(&mut self, world: &World, what: &str, concerns: impl Fn(u8, Ca, Serial) -> bool) {
        for ((resident, ca, serial), status) in &mut self.certificates {
            if concerns(*resident, *ca, *serial) {
                *status = after(*status, &effect(what, *ca), world.now());
            }
        }
    }

    pub(super) fn issued(&mut self, world: &World, resident: u8, ca: Ca, serial: Serial) {
        let never = self.never_handed_over.clone();
        let of = |whose, other_ca| (whose, other_ca) == (resident, ca);
        self.apply(world, "superseded", |whose, ca, other| of(whose, ca) && !never.contains(&(ca, other)));
        self.apply(world, "given_up", |whose, ca, other| of(whose, ca) && never.contains(&(ca, other)));
        if ca == Ca::Sign {
            self.turn += 1;
            self.reported.entry(resident).or_default().carried_since = Some(self.turn);
        }
        let before = self.certificates.insert((resident, ca, serial), CertificateStatus::Good);
        assert_eq!(before, None, "a serial is used once");
    }

    pub(super) fn refuses(&self, resident: u8, ca: Ca) -> Option<&'static str> {
        self.reported.get(&resident).and_then(|reported| reported.refuses(ca))
    }

    /// The register's or the loss line's report, and all it does to certificates.
    pub(super) fn report(&mut self, world: &World, resident: u8, what: &str) {
        self.turn += 1;
        self.reported.entry(resident).or_default().report(what, self.turn);
        let never = self.never_handed_over.clone();
        self.apply(world, what, |whose, ca, serial| whose == resident && !never.contains(&(ca, serial)));
    }

    pub(super) fn ended(&mut self, resident: u8, ca: Ca, serial: Serial, withdrawn: CertificateStatus) {
        self.certificates.insert((resident, ca, serial), withdrawn);
        self.never_handed_over.insert((ca, serial));
    }

    pub(super) fn nth(&self, resident: u8, ca: Ca, which: Index) -> Option<Serial> {
        let of = |(whose, of, _): &&(u8, Ca, Serial)| (*whose, *of) == (resident, ca);
        let serials: Vec<_> = self.certificates.keys().filter(of).map(|(_, _, serial)| *serial).collect();
        (!serials.is_empty()).then(|| *which.get(&serials))
    }
}

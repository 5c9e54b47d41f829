//! Random lives of certificates, keys and cuts: full CRL before + delta = full CRL now, at every cut, and a second builder makes
//! the same octets.
use std::cell::Cell;
use std::collections::BTreeMap;

use pki::identity::IssuerKey;
use pki::time::UnixTime;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::second_builder::SecondBuilder;
use super::*;
use crate::ledger::CutCause;
use crate::publish::PublishError;
use crate::signing::CrlSigner as _;
use crate::slot::Shape;

/// What happens next.
#[derive(Clone, Debug)]
enum Happening {
    Hold {
        ca: Ca,
        serial: u64,
        leave_in_days: i64,
    },
    Revoke {
        ca: Ca,
        serial: u64,
        leave_in_days: i64,
    },
    Release {
        ca: Ca,
        serial: u64,
    },
    HoursPass(i64),
    Cut,
    /// The token fails in the midst of it.
    FailedCut,
    /// Built, and another takes its place.
    DiscardedCut,
    /// The next key of a CA is made; the process starts again.
    NextKey(Ca),
    /// The served cut's segment is torn; the process starts again.
    TornFiles,
}

const CAS: [Ca; 2] = [Ca::Sign, Ca::Auth];

fn happening() -> impl Strategy<Value = Happening> {
    let certificate = || (prop::sample::select(&CAS[..]), 1_u64..10);
    let leaving = || (certificate(), -2_i64..6);
    prop_oneof![
        4 => leaving().prop_map(|((ca, serial), leave_in_days)| Happening::Hold { ca, serial, leave_in_days }),
        4 => leaving().prop_map(|((ca, serial), leave_in_days)| Happening::Revoke { ca, serial, leave_in_days }),
        3 => certificate().prop_map(|(ca, serial)| Happening::Release { ca, serial }),
        4 => (1_i64..60).prop_map(Happening::HoursPass),
        5 => Just(Happening::Cut),
        1 => Just(Happening::FailedCut),
        1 => Just(Happening::DiscardedCut),
        1 => prop::sample::select(&CAS[..]).prop_map(Happening::NextKey),
        1 => Just(Happening::TornFiles),
    ]
}

struct Life {
    world: World,
    /// Taken away while it starts again.
    publisher: Option<Publisher>,
    now: UnixTime,
    /// The full CRLs that readers hold, of every key that has one.
    held: BTreeMap<IssuerKey, Read>,
    second: SecondBuilder,
    /// Deltas with an entry, and with a removal.
    telling: usize,
    removing: usize,
}

impl Life {
    fn new(start: &str) -> Self {
        let mut world = World::new();
        world.signers.truncate(2);
        let publisher = Some(world.open());
        let (held, second) = (BTreeMap::new(), SecondBuilder::default());
        Self { world, publisher, now: jst(start, 6, 0, 0), held, second, telling: 0, removing: 0 }
    }

    fn withdraw(&self, ca: Ca, number: u64, withdrawal: Withdrawal, leave_in_days: i64) {
        let state = self.world.ledger.state().withdrawn[ca.index()].get(&serial(number)).copied();
        let withdrawal = match (state.map(|before| before.withdrawal), withdrawal) {
            // What is revoked stays as it is; a hold that is revoked keeps its date.
            (Some(Withdrawal::Revoked { .. }), _) | (Some(Withdrawal::Held { .. }), Withdrawal::Held { .. }) => return,
            (Some(Withdrawal::Held { since }), Withdrawal::Revoked { reason, .. }) => {
                Withdrawal::Revoked { since, reason }
            }
            (None, withdrawal) => withdrawal,
        };
        let ends = self.now.plus_seconds(leave_in_days * 86_400).jst_date().to_string();
        let leave_day = state.map_or(ends, |before| before.leave_day.to_string());
        // An OCSP responder's certificate belongs to no municipality.
        let municipality = [Some(KIYOSE), Some(YOKOHAMA), None][usize::try_from(number % 3).unwrap()].map(code);
        self.world.ledger.withdraw(ca, number, municipality, withdrawal, &leave_day);
    }

    fn restart(&mut self) {
        drop(self.publisher.take());
        self.publisher = Some(self.world.open());
    }

    fn publisher(&self) -> &Publisher {
        self.publisher.as_ref().expect("it runs")
    }

    fn happen(&mut self, happening: &Happening) {
        self.now = self.now.plus_seconds(1);
        self.world.clock.set(self.now);
        let since = self.now;
        match *happening {
            Happening::Hold { ca, serial, leave_in_days } => {
                self.withdraw(ca, serial, Withdrawal::Held { since }, leave_in_days);
            }
            Happening::Revoke { ca, serial, leave_in_days } => {
                let reason = RevocationReason::CessationOfOperation;
                self.withdraw(ca, serial, Withdrawal::Revoked { since, reason }, leave_in_days);
            }
            Happening::Release { ca, serial: number } => {
                let state = self.world.ledger.state().withdrawn[ca.index()].get(&serial(number)).copied();
                if matches!(state.map(|before| before.withdrawal), Some(Withdrawal::Held { .. })) {
                    self.world.ledger.release(ca, number);
                }
            }
            Happening::HoursPass(hours) => self.now = self.now.plus_seconds(hours * 3_600),
            Happening::Cut => {
                self.world.publish(self.publisher(), self.now).unwrap();
                self.compare();
            }
            Happening::FailedCut => {
                self.world.signers[1].misbehave(Mischief::Fails(2));
                let failed = self.world.publish(self.publisher(), self.now).unwrap_err();
                assert!(matches!(failed, PublishError::Build(_)), "{failed}");
                self.world.signers[1].behave();
            }
            Happening::DiscardedCut => {
                let ready = self.publisher().prepare(&CutCause::NothingServed).unwrap();
                self.publisher().discard(ready, "superseded").unwrap();
            }
            Happening::NextKey(ca) => {
                let keys = self.world.signers.iter().filter(|signer| signer.issuer().ca == ca).count();
                if keys < 3 {
                    let next = TestSigner::new(ca, u16::try_from(keys).unwrap() + 1);
                    self.world.signers.push(std::sync::Arc::new(next));
                    self.restart();
                }
            }
            Happening::TornFiles => {
                if let Some(cut) = self.publisher().served() {
                    let folder = self.world.folder.path().join(format!("cuts/{}", cut.cut_number));
                    std::fs::write(folder.join("segment.crls"), "torn").unwrap();
                    self.restart();
                    assert_eq!(self.publisher().served(), None);
                    self.held.clear();
                    self.second.forget();
                }
            }
        }
    }

    /// Every key's delta is of the full CRL that was held, changes something by each entry, and leads to the new one.
    fn compare(&mut self) {
        let generation = self.publisher().published().load().current.clone().unwrap();
        self.second.compare(&self.world, &generation);
        for signer in &self.world.signers {
            let issuer = signer.issuer();
            let full = read(&generation, CrlSlot { shape: Shape::Full, issuer });
            let delta = read(&generation, CrlSlot { shape: Shape::Delta, issuer });
            assert_eq!((delta.number, full.number, full.base), (full.number, generation.cut().cut_number, None));
            match self.held.insert(issuer, full.clone()) {
                None => assert_eq!((delta.base, &delta.entries), (Some(full.number), &Entries::new()), "{issuer}"),
                Some(held) => {
                    assert_eq!(delta.base, Some(held.number), "{issuer}");
                    assert_eq!(
                        combined(&held, &delta).as_ref(),
                        Some(&full.entries),
                        "{issuer}: {held:?} and {delta:?}"
                    );
                    for (serial, (date, code)) in &delta.entries {
                        let before = held.entries.get(serial);
                        let changes =
                            if *code == REMOVE_FROM_CRL { before.is_some() } else { before != Some(&(*date, *code)) };
                        assert!(changes, "{issuer}: serial {serial}, which was {before:?}");
                    }
                }
            }
            self.telling += usize::from(!delta.entries.is_empty());
            self.removing += usize::from(delta.entries.values().any(|(_, code)| *code == REMOVE_FROM_CRL));
        }
    }
}

#[test]
fn the_full_crl_held_and_the_delta_are_the_next_full_crl_whatever_happens() {
    let (telling, removing) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(ProptestConfig::with_cases(24));
    // Some of them over the end of the century's first half, when dates change their form.
    let starts = prop::sample::select(&["2026-11-22", "2028-02-28", "2049-12-25"][..]);
    let lives = runner.run(&(starts, prop::collection::vec(happening(), 40..120)), |(start, happenings)| {
        let mut life = Life::new(start);
        for happening in &happenings {
            life.happen(happening);
        }
        life.happen(&Happening::Cut);
        telling.set(telling.get() + life.telling);
        removing.set(removing.get() + life.removing);
        Ok(())
    });
    lives.unwrap();
    // Lives in which nothing came or left would prove nothing.
    assert!(telling.get() > 24 && removing.get() > 24, "{telling:?} {removing:?}");
}

//! A row of the log, and the event in it, as a damaged or foreign disk may give them. What is read is written again to what is
//! read as the same.
use minicbor::{Decode, Encode};
use registry::event::{Actor, Cause, CertificatePlace, Door, Event, StoredWithdrawal};
use registry::merkle::TreeEdge;
use registry::row::{Open, Row};

use crate::Outcome;
use crate::scene::{NOW, SIGN, serial};

pub(crate) fn run(octets: &[u8]) -> Outcome {
    let row = again::<Row>(octets).is_some_and(|row| row.decode().is_ok());
    let open = again::<Open>(octets).is_some();
    let edge = again::<TreeEdge>(octets).is_some_and(|edge| edge.is_well_formed());
    if row || open || edge { Outcome::Taken } else { Outcome::Refused }
}

/// Reads, writes and reads again.
fn again<T>(octets: &[u8]) -> Option<T>
where
    T: for<'b> Decode<'b, ()> + Encode<()> + PartialEq + std::fmt::Debug,
{
    let read: T = minicbor::decode(octets).ok()?;
    let written = minicbor::to_vec(&read).expect("memory");
    assert_eq!(minicbor::decode::<T>(&written).expect("what was written is read"), read);
    Some(read)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let (ca, serial) = (SIGN.ca, serial(10));
    let certificate = vec![0x30, 0];
    let withdrawal = StoredWithdrawal::Held { since: NOW };
    let through = Some(CertificatePlace { ca, serial });
    let events = [
        Event::Refused { problem: "impossible-date".to_owned() },
        Event::CaKeyActivated { ca, key: SIGN.key, serial, certificate },
        Event::Withdrawn { ca, serial, cause: Cause::LossReported, withdrawal, through, request: None },
    ];
    let open = events.map(|event| Open { time: NOW, actor: Actor::System, door: Door::Inside, event });
    let mut edge = TreeEdge::default();
    for leaf in 0..5 {
        edge.append([leaf; 32]);
    }
    let row = Row::new(7, &open[0], None, [9; 32]);
    let open = open.iter().map(|open| minicbor::to_vec(open).expect("memory"));
    open.chain([minicbor::to_vec(row).expect("memory"), minicbor::to_vec(edge).expect("memory")]).collect()
}

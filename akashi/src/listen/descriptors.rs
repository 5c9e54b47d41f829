//! File descriptors: each connection takes one, and the store and the CRLs' files need theirs.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Left for the store's files, CRLs being written, the log and the listeners themselves.
const RESERVED: u64 = 1_024;
/// Connections at once on one listener, however many descriptors there are: each also takes memory.
const CONNECTIONS_MAX: u64 = 8_192;

/// Raises this process's limit of open files as far as it may without privileges; the limit it has then, `None` if there
/// is none.
pub fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, ?current, ?maximum, "the limit of open files could not be raised");
            current
        }
    }
}

/// How many connections each of so many listeners may have, with that limit of open files.
///
/// All of them together leave 1,024 descriptors, or half of them where there are fewer than twice as many.
pub fn connections_each(limit: Option<u64>, listeners: u64) -> usize {
    let Some(limit) = limit else { return as_count(CONNECTIONS_MAX) };
    let free = limit - RESERVED.min(limit / 2);
    as_count((free / listeners.max(1)).clamp(1, CONNECTIONS_MAX))
}

fn as_count(connections: u64) -> usize {
    usize::try_from(connections).expect("at most 8,192")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usual_limits_give_what_is_left_after_the_store() {
        assert_eq!(connections_each(None, 3), 8_192);
        assert_eq!(connections_each(Some(1_048_576), 3), 8_192);
        assert_eq!(connections_each(Some(20_000), 3), 6_325);
        assert_eq!(connections_each(Some(1_024), 3), 170);
        assert_eq!(connections_each(Some(0), 3), 1);
    }

    proptest! {
        #[test]
        fn all_listeners_together_leave_the_reserve(limit in 6_u64..100_000, listeners in 1_u64..4) {
            let taken = connections_each(Some(limit), listeners) as u64 * listeners;
            prop_assert!(taken >= 1 && limit - taken >= RESERVED.min(limit / 2));
        }
    }
}

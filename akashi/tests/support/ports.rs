//! Ports of loopback that nobody else is on.
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Mutex;

/// Below the range from which kernels take the ports of outgoing connections: no client of a test ever sits on one while
/// a server is down between two starts.
const PORTS: std::ops::Range<u16> = 10_240..32_000;

/// Ports given to servers of this test process.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Three free ports, held until the listeners are dropped.
pub fn three_free_ports() -> ([u16; 3], Vec<TcpListener>) {
    let (ports, held): (Vec<_>, Vec<_>) = (0..3).map(|_| free_port()).unzip();
    (ports.try_into().expect("three were asked for"), held)
}

/// A free port of loopback, held until it is dropped.
fn free_port() -> (u16, TcpListener) {
    let mut taken = TAKEN.lock().expect("no test panics while it holds this");
    let width = u32::from(PORTS.end - PORTS.start);
    // Test processes that run side by side start looking at different places.
    let start = std::process::id().wrapping_mul(97) % width;
    let mut candidates = (0..width).map(|step| PORTS.start + u16::try_from((start + step) % width).expect("in u16"));
    candidates
        .find_map(|port| {
            let listener = TcpListener::bind(("127.0.0.1", port)).ok().filter(|_| !taken.contains(&port))?;
            taken.insert(port);
            Some((port, listener))
        })
        .expect("a free port")
}

/// The text with these ports of loopback replaced by those.
pub fn on_ports(from: [u16; 3], to: [u16; 3], text: &str) -> String {
    from.iter().zip(to).fold(text.to_owned(), |text, (from, to)| {
        text.replace(&format!("127.0.0.1:{from}"), &format!("127.0.0.1:{to}"))
    })
}

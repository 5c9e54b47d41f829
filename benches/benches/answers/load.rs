//! Clients on kept-alive connections, on one thread, so that they take little of the machine.
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use akashi::clock::monotonic;

/// Connections at once.
pub(crate) const CONNECTIONS: usize = 64;
/// More than any answer of the bench.
const ANSWER_OCTETS_MAX: usize = 16 * 1_024;

/// A kept-alive connection, and what has come of an answer.
struct Connection {
    stream: TcpStream,
    came: Vec<u8>,
    length: usize,
}

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        // A client that slept would be woken at the server's expense, which one on another machine is not.
        stream.set_nonblocking(true).expect("a socket");
        Self { stream, came: vec![0; ANSWER_OCTETS_MAX], length: 0 }
    }

    fn ask(&mut self, request: &[u8]) {
        self.length = 0;
        self.stream.write_all(request).expect("the server reads");
    }

    /// Reads once; the body, once it is whole. `None`, if more must come.
    fn read(&mut self) -> Option<&[u8]> {
        match self.stream.read(&mut self.came[self.length..]) {
            Ok(0) => panic!("the server closed a connection"),
            Ok(octets) => self.length += octets,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::hint::spin_loop();
                return None;
            }
            Err(error) => panic!("the server does not answer: {error}"),
        }
        whole_body(&self.came[..self.length])
    }

    fn answer(&mut self) -> &[u8] {
        while self.read().is_none() {}
        whole_body(&self.came[..self.length]).expect("it was whole just now")
    }
}

fn whole_body(came: &[u8]) -> Option<&[u8]> {
    let head = came.windows(4).position(|octets| octets == b"\r\n\r\n")?;
    assert!(came.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&came[..head]));
    let lines = came[..head].split(|octet| *octet == b'\n');
    let name = b"content-length: ";
    let length = lines
        .filter(|line| line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name))
        .flat_map(|line| line[name.len()..].iter().filter(|octet| octet.is_ascii_digit()))
        .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    let body = &came[head + 4..];
    (body.len() >= length).then_some(body)
}

/// The answer to each request, in order.
pub(crate) fn each<'a>(address: SocketAddr, requests: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<Vec<u8>> {
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| Connection::open(address)).collect();
    let mut answers = Vec::new();
    let requests: Vec<_> = requests.into_iter().collect();
    for round in requests.chunks(CONNECTIONS) {
        connections.iter_mut().zip(round).for_each(|(connection, request)| connection.ask(request));
        answers.extend(connections.iter_mut().zip(round).map(|(connection, _)| connection.answer().to_vec()));
    }
    answers
}

/// Asks on all connections, takes all answers, and again, for so long; how many came, and in what time.
pub(crate) fn as_fast_as_answers_come(
    address: SocketAddr,
    requests: &[&[u8]],
    at_least: Duration,
) -> (usize, Duration) {
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| Connection::open(address)).collect();
    let mut requests = requests.iter().cycle();
    let (elapsed, mut answers) = (monotonic(), 0);
    while elapsed() < at_least {
        for connection in &mut connections {
            connection.ask(requests.next().expect("the list goes round"));
        }
        for connection in &mut connections {
            let body = connection.answer();
            // Errors of OCSP are five octets, and no answer of the bench's.
            assert!(body.len() > 5, "a signed answer");
        }
        answers += CONNECTIONS;
    }
    (answers, elapsed())
}

/// Waits for an answer to nothing that was asked, in the way in which answers are waited for, until it is done.
pub(crate) fn wait_for_nothing(address: SocketAddr, done: &AtomicBool) {
    let mut connection = Connection::open(address);
    while !done.load(Ordering::Relaxed) {
        assert!(connection.read().is_none(), "nothing was asked");
    }
}

/// Asks so many times in a second, whether or not answers come, for so long; the 99th percentile of the time from when each
/// question was due to its answer. A client that waited for answers would not see what a pause costs those behind it.
pub(crate) fn p99_at(address: SocketAddr, requests: &[&[u8]], per_second: f64, time: Duration) -> Duration {
    let mut idle: Vec<_> = (0..CONNECTIONS).map(|_| Connection::open(address)).collect();
    let (mut asked, mut latencies) = (VecDeque::new(), Vec::new());
    let mut due = (0_u32..).map(|number| Duration::from_secs_f64(f64::from(number) / per_second)).peekable();
    let mut requests = requests.iter().cycle();
    let elapsed = monotonic();
    while elapsed() < time || !asked.is_empty() {
        let now = elapsed();
        while now < time
            && due.peek().is_some_and(|due| *due <= now)
            && let Some(mut connection) = idle.pop()
        {
            connection.ask(requests.next().expect("the list goes round"));
            asked.push_back((due.next().expect("they never end"), connection));
        }
        for _ in 0..asked.len() {
            let (due, mut connection) = asked.pop_front().expect("as many as there are");
            if connection.read().is_some() {
                latencies.push(elapsed().saturating_sub(due));
                idle.push(connection);
            } else {
                asked.push_back((due, connection));
            }
        }
    }
    latencies.sort_unstable();
    latencies[latencies.len() * 99 / 100]
}

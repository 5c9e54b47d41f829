//! Thousands of readers that take nothing of a nation's full CRL, and one who is served all the same.
use std::fs::{self, File};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use akashi::listen::{Limits, serve_one};
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::middleware::map_response;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crl_publisher::decide::Timetable;
use crl_publisher::generation::Generation;
use crl_publisher::run::Clock;
use crl_publisher::schedule::Schedule;
use crl_publisher::serve::{CrlService, router};
use crl_publisher::store::PublishedCrls;
use hyper::body::Frame;
use pki::time::UnixTime;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::watch;

const SIZE: u64 = 500 * 1_024 * 1_024;
const READERS: u64 = 2_000;
/// Of the body of an answer.
const PIECE_OCTETS: u64 = 64 * 1_024;
/// Between both ends of a connection, as a socket's buffers are.
const BUFFER_OCTETS: usize = 16 * 1_024;
const NEVER: Duration = Duration::from_hours(24);
const LIMITS: Limits = Limits { connections_max: 1, head_within: NEVER, taking_within: NEVER, drain_within: NEVER };

struct Standing(UnixTime);

impl Clock for Standing {
    fn now(&self) -> UnixTime {
        self.0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep_until(&self, _: UnixTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

/// A cut of one CRL, whose octets are none and take no room.
fn one_large_crl(folder: &Path) -> Generation {
    let file = json!({
        "ca": "sign", "key": 1, "partition": "full", "url": "/crl/cuts/1/sign/1/full.crl", "size": SIZE,
        "sha256": "00".repeat(32), "crl_number": 1,
    });
    let manifest = json!({
        "cut_number": 1, "log_position": 1, "tree_head": "00".repeat(32), "this_update": "2026-11-22T06:55:00+09:00",
        "next_update": "2026-11-24T06:55:00+09:00", "files": [file],
    });
    let jws = json!({ "payload": URL_SAFE_NO_PAD.encode(manifest.to_string()), "protected": "", "signature": "" });
    fs::write(folder.join("manifest.json"), jws.to_string()).unwrap();
    File::create(folder.join("segment.crls")).unwrap().set_len(SIZE).unwrap();
    Generation::open(folder).unwrap()
}

/// Counts what is taken out of a body.
struct Counted {
    body: Body,
    taken: Arc<AtomicU64>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.taken.fetch_add(frame.data_ref().map_or(0, |data| data.len() as u64), Ordering::Relaxed);
        }
        frame
    }
}

fn routes(generation: Generation, taken: &Arc<AtomicU64>) -> Router {
    let taken = Arc::clone(taken);
    let schedule = Schedule::parse("0 0 7 * * *", "Asia/Tokyo").unwrap();
    let service = CrlService {
        published: Arc::new(PublishedCrls::of(generation)),
        timetable: Arc::new(Timetable { schedule, lead_seconds: 300, repair_seconds: 0 }),
        clock: Arc::new(Standing("2026-11-22T07:00:00+09:00".parse().unwrap())),
    };
    router(service).layer(map_response(move |answer: Response| {
        let taken = Arc::clone(&taken);
        std::future::ready(answer.map(|body| Body::new(Counted { body, taken })))
    }))
}

/// A reader who has asked for the CRL and sees that the answer has begun.
async fn asked(routes: &Router, stop: &watch::Receiver<bool>) -> DuplexStream {
    let (mut reader, server) = duplex(BUFFER_OCTETS);
    tokio::spawn(serve_one(server, routes.clone(), LIMITS, stop.clone()));
    let request = b"GET /crl/sign/1/full.crl HTTP/1.1\r\nhost: akashi\r\nconnection: close\r\n\r\n";
    reader.write_all(request).await.unwrap();
    let mut begun = [0; 15];
    reader.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200 OK");
    reader
}

/// How often this process has that file open.
fn descriptors_of(path: &Path) -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    descriptors.filter(|entry| fs::read_link(entry.as_ref().unwrap().path()).is_ok_and(|open| open == path)).count()
}

#[test]
fn two_thousand_who_take_nothing_cost_a_piece_each_and_no_thread_and_another_is_served_whole() {
    let folder = tempfile::tempdir().unwrap();
    let taken = Arc::new(AtomicU64::new(0));
    let routes = routes(one_large_crl(folder.path()), &taken);
    // One thread may block. Did one of them keep it while it takes nothing, nobody else would get a piece.
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let (_stop, stopped) = watch::channel(false);
        let mut idle = Vec::new();
        for _ in 0..READERS {
            idle.push(asked(&routes, &stopped).await);
        }
        let mut reader = asked(&routes, &stopped).await;
        let (mut came, mut room) = (0, vec![0; BUFFER_OCTETS]);
        loop {
            match reader.read(&mut room).await.unwrap() {
                0 => break,
                octets => came += octets as u64,
            }
        }
        assert!((SIZE..SIZE + 1_024).contains(&came), "{came} octets, the head among them");
        // What lies in memory for those who take nothing.
        let lying = taken.load(Ordering::Relaxed) - SIZE;
        assert!(lying <= READERS * PIECE_OCTETS, "{} octets each", lying / READERS);
        assert_eq!(descriptors_of(&folder.path().join("segment.crls")), 1);
        // They are all still there, and could go on.
        for mut reader in idle {
            reader.read_exact(&mut room).await.unwrap();
        }
    });
}

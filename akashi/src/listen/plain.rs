//! The plain case of OCSP over HTTP/1.1, on one screen: a GET or POST that came whole and says nothing unusual is read where
//! it lies, and its answer leaves as it is kept, in one write. At the first request that is anything else hyper takes over
//! the connection, with what came of it, and keeps it.
use std::pin::pin;

use ocsp_responder::{Method, OcspDoor};
use pki::time::UnixTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{HEAD_OCTETS_MAX, Limits};

/// Browsers send fewer; a request with more is not plain.
const HEADERS_MAX: usize = 24;
/// What a plain request takes, several times over; grows with what clients send ahead.
const ROOM_OCTETS: usize = 2 * 1_024;

/// What the last answer on a connection begins with.
const LAST: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\n";

/// A request that came whole.
struct Plain<'a> {
    method: Method,
    path: &'a str,
    body: &'a [u8],
    octets: usize,
}

/// Answers plain requests, in their order. What came of the first other one, for hyper; `None` when the connection is done:
/// closed, idle for too long, or told to stop.
pub(super) async fn answer<S>(
    stream: &mut S,
    door: &OcspDoor,
    limits: &Limits,
    stop: &mut watch::Receiver<bool>,
) -> Option<Vec<u8>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut came, mut date) = (Vec::with_capacity(ROOM_OCTETS), (UnixTime::EPOCH, String::new()));
    let mut written = Vec::with_capacity(2 * ROOM_OCTETS);
    // Both are waited for all the time, not anew for each request: that would cost more than reading one.
    let told = stop.clone();
    let mut stopped = pin!(stop.wait_for(|stop| *stop));
    let mut idle = pin!(tokio::time::sleep(limits.head_within));
    loop {
        tokio::select! {
            biased;
            read = stream.read_buf(&mut came) => if !matches!(read, Ok(1..)) { return None },
            () = &mut idle => return None,
            _ = &mut stopped => return None,
        }
        let mut done = 0;
        while done < came.len() {
            let Some(Plain { method, path, body, octets }) = plain(&came[done..]) else { break };
            let Some((answer, now)) = door.answer(method, path, body).await else { break };
            if date.0 != now || date.1.is_empty() {
                date = (now, format!("date: {}\r\n\r\n", now.http_date()));
            }
            // Who sends without a pause never lets the other arms of the select above be looked at.
            let is_last = !matches!(told.has_changed(), Ok(false));
            let first: &[u8] = if is_last { LAST } else { b"HTTP/1.1 200 OK\r\n" };
            written.clear();
            for part in [first, answer.headers(), date.1.as_bytes(), answer.der()] {
                written.extend_from_slice(part);
            }
            stream.write_all(&written).await.ok()?;
            if is_last {
                return None;
            }
            done += octets;
        }
        idle.as_mut().reset(Instant::now() + limits.head_within);
        came.drain(..done);
        if !came.is_empty() {
            return Some(came);
        }
    }
}

/// The first request, if it is whole and plain.
fn plain(came: &[u8]) -> Option<Plain<'_>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = request.parse(came) else { return None };
    let path = request.path.filter(|path| OcspDoor::is_at(path) && !path.contains(['?', '#']))?;
    let (mut length, mut is_ocsp) = (None, false);
    for httparse::Header { name, value } in request.headers.iter() {
        match name.len() {
            12 if name.eq_ignore_ascii_case("content-type") => is_ocsp = *value == b"application/ocsp-request",
            14 if name.eq_ignore_ascii_case("content-length") => {
                let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|d| d.is_ascii_digit()));
                if length.replace(digits?.parse::<usize>().ok()?).is_some() {
                    return None;
                }
            }
            10 if name.eq_ignore_ascii_case("connection") => value.eq_ignore_ascii_case(b"keep-alive").then_some(())?,
            _ if UNUSUAL.iter().any(|unusual| name.eq_ignore_ascii_case(unusual)) => return None,
            _ => {}
        }
    }
    let (method, body) = match (request.method?, length) {
        ("GET", None) => (Method::Get, 0),
        ("POST", Some(length)) if is_ocsp => (Method::Post, length),
        _ => return None,
    };
    let whole = request.version == Some(1) && head <= HEAD_OCTETS_MAX && came.len() - head >= body;
    whole.then(|| Plain { method, path, body: &came[head..head + body], octets: head + body })
}

/// What changes how a request is read or answered.
const UNUSUAL: [&str; 8] = [
    "transfer-encoding",
    "expect",
    "upgrade",
    "if-none-match",
    "if-match",
    "if-modified-since",
    "if-unmodified-since",
    "range",
];

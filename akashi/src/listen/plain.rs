//! The plain case of OCSP over HTTP/1.1, on one screen: a GET or POST that came whole and says nothing unusual is read where
//! it lies, and its answer leaves as it is kept, in one write. At the first request that is anything else hyper takes over
//! the connection, with what came of it, and keeps it.
use std::io::{self, IoSlice};

use ocsp_responder::{Method, OcspDoor};
use pki::time::UnixTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

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
    loop {
        let read = async { tokio::time::timeout(limits.head_within, stream.read_buf(&mut came)).await };
        tokio::select! {
            biased;
            read = read => if !matches!(read, Ok(Ok(1..))) { return None },
            _ = stop.wait_for(|stop| *stop) => return None,
        }
        let mut done = 0;
        while done < came.len() {
            let Some(Plain { method, path, body, octets }) = plain(&came[done..]) else { break };
            let Some((answer, now)) = door.answer(method, path, body).await else { break };
            if date.0 != now || date.1.is_empty() {
                date = (now, format!("date: {}\r\n\r\n", now.http_date()));
            }
            // Who sends without a pause never lets the other arm of the select above be looked at.
            let stopped = !matches!(stop.has_changed(), Ok(false));
            let first: &[u8] = if stopped { LAST } else { b"HTTP/1.1 200 OK\r\n" };
            let parts = [first, answer.headers(), date.1.as_bytes(), answer.der()];
            write(stream, parts.map(IoSlice::new)).await.ok()?;
            if stopped {
                return None;
            }
            done += octets;
        }
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

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, mut parts: [IoSlice<'_>; 4]) -> io::Result<()> {
    let mut left = &mut parts[..];
    while !left.is_empty() {
        match stream.write_vectored(left).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            octets => IoSlice::advance_slices(&mut left, octets),
        }
    }
    Ok(())
}

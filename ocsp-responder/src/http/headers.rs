//! What HTTP says beside an answer (L12), and whether the asker has it already.
use http::{HeaderMap, HeaderName, HeaderValue, header};
use pki::algorithm::sha256;
use pki::time::UnixTime;

use crate::answer::Answer;

/// Every header of a signed answer but `Date`, as lines.
pub(crate) fn of_signed(der: &[u8], this_update: UnixTime, next_update: UnixTime, max_age_seconds: i64) -> String {
    let (octets, tag) = (der.len(), entity_tag(der));
    let (last_modified, expires) = (this_update.http_date(), next_update.http_date());
    format!(
        "content-type: application/ocsp-response\r\n\
         content-length: {octets}\r\n\
         last-modified: {last_modified}\r\n\
         expires: {expires}\r\n\
         etag: {tag}\r\n\
         cache-control: max-age={max_age_seconds}, public, no-transform, must-revalidate\r\n"
    )
}

/// The same of an answer that is not signed, and never kept (I15, L14).
pub(crate) const OF_REFUSED: &str =
    "content-type: application/ocsp-response\r\ncontent-length: 5\r\ncache-control: no-store\r\n";

/// Every header of an answer.
pub(super) fn of(answer: &Answer, now: UnixTime) -> HeaderMap {
    let lines = std::str::from_utf8(answer.headers()).expect("they are ASCII");
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in lines.lines().filter_map(|line| line.split_once(": ")) {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("the names above");
        headers.insert(name, value.parse().expect("dates, numbers and digests are plain ASCII"));
    }
    let date = date(answer, now).http_date();
    headers.insert(header::DATE, HeaderValue::try_from(date).expect("a date is ASCII"));
    headers
}

/// `Date`. An answer that was signed for another request while this one waited may be a second newer than the question.
pub(super) fn date(answer: &Answer, now: UnixTime) -> UnixTime {
    match answer {
        Answer::Signed(signed) => now.max(signed.this_update),
        Answer::Refused(_) => now,
    }
}

/// The SHA-256 of the OCSPResponse in hexadecimal, in quotes.
fn entity_tag(der: &[u8]) -> String {
    use std::fmt::Write;
    let mut tag = String::with_capacity(66);
    tag.push('"');
    for octet in sha256(der) {
        write!(tag, "{octet:02x}").expect("a String takes everything");
    }
    tag.push('"');
    tag
}

/// If-None-Match names the answer's tag (RFC 9110 §13.1.2, weak comparison). Errors have no tag and are always sent.
pub(super) fn is_already_there(asked: &HeaderMap, answer: &HeaderMap) -> bool {
    let Some(tag) = answer.get(header::ETAG).and_then(|tag| tag.to_str().ok()) else { return false };
    asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|list| {
        list.split(',').map(str::trim).any(|entry| entry == "*" || entry.strip_prefix("W/").unwrap_or(entry) == tag)
    })
}

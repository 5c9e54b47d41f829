//! What HTTP says beside an answer (L12), and whether the asker has it already.
use http::{HeaderMap, HeaderName, HeaderValue, header};
use pki::algorithm::sha256;
use pki::time::UnixTime;

use crate::answer::Answer;

/// What the lines of a signed answer take.
const LINES_OCTETS: usize = 384;

/// Every header of a signed answer but `Date`, as lines. One that echoes a nonce has no tag: whoever asks again sends another
/// nonce, so nobody can ever name it, and the tag's digest would be a thirtieth of what a P-256 answer costs.
pub(crate) fn of_signed(
    der: &[u8],
    echoes_nonce: bool,
    this_update: UnixTime,
    next_update: UnixTime,
    max_age_seconds: i64,
) -> String {
    // Put together by hand: formatting would take longer than reading the request does.
    let mut lines = String::with_capacity(LINES_OCTETS);
    lines.push_str("content-type: application/ocsp-response\r\ncontent-length: ");
    lines.push_str(&der.len().to_string());
    lines.push_str("\r\nlast-modified: ");
    lines.push_str(&this_update.http_date());
    lines.push_str("\r\nexpires: ");
    lines.push_str(&next_update.http_date());
    if !echoes_nonce {
        lines.push_str("\r\netag: ");
        push_entity_tag(&mut lines, der);
    }
    lines.push_str("\r\ncache-control: max-age=");
    lines.push_str(&max_age_seconds.to_string());
    lines.push_str(", public, no-transform, must-revalidate\r\n");
    lines
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
fn push_entity_tag(lines: &mut String, der: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let halves = sha256(der).into_iter().flat_map(|octet| [octet >> 4, octet & 15]);
    lines.push('"');
    lines.extend(halves.map(|half| char::from(DIGITS[usize::from(half)])));
    lines.push('"');
}

/// If-None-Match names the answer's tag (RFC 9110 §13.1.2, weak comparison). Errors have no tag and are always sent.
pub(super) fn is_already_there(asked: &HeaderMap, answer: &HeaderMap) -> bool {
    let Some(tag) = answer.get(header::ETAG).and_then(|tag| tag.to_str().ok()) else { return false };
    asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|list| {
        list.split(',').map(str::trim).any(|entry| entry == "*" || entry.strip_prefix("W/").unwrap_or(entry) == tag)
    })
}

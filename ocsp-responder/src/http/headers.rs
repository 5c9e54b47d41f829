//! What HTTP says beside an answer (L12), and whether the asker has it already.
use http::{HeaderMap, HeaderName, HeaderValue, header};
use pki::algorithm::sha256;
use pki::time::UnixTime;

use crate::answer::Answer;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/ocsp-response");

/// Every header of a signed answer but `Date`.
pub(crate) fn of_signed(der: &[u8], this_update: UnixTime, next_update: UnixTime, max_age_seconds: i64) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
    headers.insert(header::CONTENT_LENGTH, der.len().into());
    insert(&mut headers, header::LAST_MODIFIED, &this_update.http_date());
    insert(&mut headers, header::EXPIRES, &next_update.http_date());
    insert(&mut headers, header::ETAG, &entity_tag(der));
    let keep = format!("max-age={max_age_seconds}, public, no-transform, must-revalidate");
    insert(&mut headers, header::CACHE_CONTROL, &keep);
    headers
}

/// Every header of an answer. Those that are not signed are never kept (I15, L14).
pub(super) fn of(answer: &Answer, now: UnixTime) -> HeaderMap {
    let mut headers = match answer {
        Answer::Signed(answer) => answer.headers.clone(),
        Answer::Refused(status) => {
            let mut headers = HeaderMap::with_capacity(4);
            headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
            headers.insert(header::CONTENT_LENGTH, status.der().len().into());
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers
        }
    };
    // An answer that was signed for another request while this one waited may be a second newer than the question.
    let date = if let Answer::Signed(answer) = answer { now.max(answer.this_update) } else { now };
    insert(&mut headers, header::DATE, &date.http_date());
    headers
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    headers.insert(name, HeaderValue::from_str(value).expect("dates, numbers and digests are plain ASCII"));
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

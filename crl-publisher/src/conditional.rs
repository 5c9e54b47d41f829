//! Which octets of a representation an answer sends: conditions (RFC 9110 §13) and byte ranges (§14), over values alone.
use std::ops::Range;

use axum::http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};
use axum::http::{HeaderMap, HeaderName, Method};
use chrono::NaiveDateTime;
use pki::time::UnixTime;

/// What tells one version of a representation from another. Both are strong: under one URL no two cuts have the same
/// thisUpdate (C09).
pub(crate) struct Validators<'a> {
    /// The entity-tag with its quotes.
    pub(crate) etag: &'a str,
    /// Last-Modified.
    pub(crate) last_modified: UnixTime,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    /// All octets: 200.
    Whole,
    /// These octets, never none: 206.
    Part(Range<u64>),
    /// The client has them: 304.
    NotModified,
    /// The client wants another version alone: 412.
    PreconditionFailed,
    /// The range asked for has none of the octets there are: 416.
    Unsatisfiable,
}

/// What a request for a representation of that many octets gets, in the order of RFC 9110 §13.2.2.
pub(crate) fn select(method: &Method, headers: &HeaderMap, current: &Validators<'_>, size: u64) -> Selected {
    let Validators { etag, last_modified } = *current;
    let is_wanted = match tags(headers, &IF_MATCH) {
        Some(mut tags) => tags.any(|tag| tag == Tag::Any || tag == Tag::Strong(etag)),
        None => date(headers, &IF_UNMODIFIED_SINCE).is_none_or(|since| last_modified <= since),
    };
    if !is_wanted {
        return Selected::PreconditionFailed;
    }
    let is_held = match tags(headers, &IF_NONE_MATCH) {
        // The weak comparison (§13.1.2).
        Some(mut tags) => tags.any(|tag| [Tag::Any, Tag::Strong(etag), Tag::Weak(etag)].contains(&tag)),
        None => date(headers, &IF_MODIFIED_SINCE).is_some_and(|since| last_modified <= since),
    };
    if is_held {
        return Selected::NotModified;
    }
    // A range means something in a GET alone (§14.2).
    match one(headers, &RANGE) {
        Some(range) if *method == Method::GET && continues(headers, current) => within(range, size),
        Some(_) | None => Selected::Whole,
    }
}

/// What the client holds is of this version, so that a part of it fits (§13.1.5). Without If-Range it is the client's risk.
fn continues(headers: &HeaderMap, Validators { etag, last_modified }: &Validators<'_>) -> bool {
    if !headers.contains_key(IF_RANGE) {
        return true;
    }
    one(headers, &IF_RANGE).is_some_and(|text| text == *etag || http_date(text) == Some(*last_modified))
}

/// What a Range header selects. Other units, several ranges and what is malformed count as not asked (§14.2).
fn within(range: &str, size: u64) -> Selected {
    let Some((unit, set)) = range.split_once('=') else { return Selected::Whole };
    let mut ranges = set.split(',').map(str::trim).filter(|range| !range.is_empty());
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return Selected::Whole };
    let Some((first, last)) = range.split_once('-').filter(|_| unit.eq_ignore_ascii_case("bytes")) else {
        return Selected::Whole;
    };
    let octets = match (first, last) {
        ("", suffix) => position(suffix).map(|suffix| size.saturating_sub(suffix)..size),
        (first, "") => position(first).map(|first| first..size),
        (first, last) => position(first)
            .zip(position(last))
            .filter(|(first, last)| first <= last)
            .map(|(first, last)| first..last.saturating_add(1).min(size)),
    };
    match octets {
        None => Selected::Whole,
        Some(octets) if octets.is_empty() => Selected::Unsatisfiable,
        Some(octets) => Selected::Part(octets),
    }
}

/// Digits alone; what is beyond all numbers is beyond all files.
fn position(digits: &str) -> Option<u64> {
    let are_digits = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    are_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// A member of If-Match or If-None-Match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag<'a> {
    /// `*`
    Any,
    /// With its quotes.
    Strong(&'a str),
    /// With its quotes, without `W/`.
    Weak(&'a str),
}

/// The tags of such a header; `None` if the request has none.
fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<impl Iterator<Item = Tag<'a>>> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    headers.contains_key(name).then(|| lines.flat_map(tags_of))
}

fn tags_of(line: &str) -> Vec<Tag<'_>> {
    if line.trim() == "*" {
        return vec![Tag::Any];
    }
    // A comma may stand within the quotes, a quote may not (§8.8.3): what is quoted is every second part.
    let mut parts = line.split_inclusive('"');
    let mut found = Vec::new();
    let mut end = 0;
    while let (Some(before), Some(quoted)) = (parts.next(), parts.next()) {
        let start = end + before.len() - 1;
        end = start + 1 + quoted.len();
        let tag = &line[start..end];
        found.push(if before.ends_with("W/\"") { Tag::Weak(tag) } else { Tag::Strong(tag) });
    }
    found
}

/// The one value of a header; `None` if there are none or several.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())?.to_str().ok().map(str::trim)
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<UnixTime> {
    one(headers, name).and_then(http_date)
}

/// The three forms that a recipient must take (RFC 9110 §5.6.7).
fn http_date(text: &str) -> Option<UnixTime> {
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .into_iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|date| UnixTime::from_seconds(date.and_utc().timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ETAG: &str = "\"5e884898da28\"";
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const SIZE: u64 = 1_000;

    fn asked(method: &Method, lines: &[(HeaderName, &str)], size: u64) -> Selected {
        let headers = lines.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).fold(
            HeaderMap::new(),
            |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            },
        );
        select(method, &headers, &Validators { etag: ETAG, last_modified: UnixTime::from_seconds(784_111_777) }, size)
    }

    fn get(lines: &[(HeaderName, &str)]) -> Selected {
        asked(&Method::GET, lines, SIZE)
    }

    fn range(range: &str) -> Selected {
        get(&[(RANGE, range)])
    }

    #[test]
    fn one_range_is_sent_and_anything_else_is_the_whole() {
        for (text, selected) in [
            ("bytes=0-0", Selected::Part(0..1)),
            ("bytes=0-499", Selected::Part(0..500)),
            ("bytes=500-", Selected::Part(500..1_000)),
            ("bytes=-1", Selected::Part(999..1_000)),
            ("bytes=-5000", Selected::Part(0..1_000)),
            ("bytes=990-5000", Selected::Part(990..1_000)),
            ("bytes=999-99999999999999999999999", Selected::Part(999..1_000)),
            ("BYTES=, 7-7 ,", Selected::Part(7..8)),
            ("bytes=1000-", Selected::Unsatisfiable),
            ("bytes=1000-2000", Selected::Unsatisfiable),
            ("bytes=99999999999999999999999-", Selected::Unsatisfiable),
            ("bytes=-0", Selected::Unsatisfiable),
            ("bytes=0-1,5-6", Selected::Whole),
            ("bytes=5-4", Selected::Whole),
            ("bytes=-", Selected::Whole),
            ("bytes=", Selected::Whole),
            ("bytes=+1-2", Selected::Whole),
            ("bytes=1", Selected::Whole),
            ("octets=0-1", Selected::Whole),
            ("0-1", Selected::Whole),
        ] {
            assert_eq!(range(text), selected, "{text}");
        }
        assert_eq!(get(&[(RANGE, "bytes=0-1"), (RANGE, "bytes=5-6")]), Selected::Whole);
        assert_eq!(asked(&Method::HEAD, &[(RANGE, "bytes=0-1")], SIZE), Selected::Whole);
        assert_eq!(asked(&Method::HEAD, &[(RANGE, "bytes=1000-")], SIZE), Selected::Whole);
    }

    #[test]
    fn a_part_is_sent_only_to_who_holds_this_version() {
        let resumed = |if_range: &str| get(&[(RANGE, "bytes=500-"), (IF_RANGE, if_range)]);
        for held in [ETAG, DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(resumed(held), Selected::Part(500..1_000), "{held}");
        }
        let weak = format!("W/{ETAG}");
        let later = "Sun, 06 Nov 1994 08:49:38 GMT";
        for other in [&weak, "\"other\"", BEFORE, later, "*", "", "5e884898da28"] {
            assert_eq!(resumed(other), Selected::Whole, "{other}");
        }
        assert_eq!(get(&[(RANGE, "bytes=500-"), (IF_RANGE, ETAG), (IF_RANGE, ETAG)]), Selected::Whole);
        // A range beyond the end of what is another version says nothing about this one.
        assert_eq!(get(&[(RANGE, "bytes=1000-"), (IF_RANGE, ETAG)]), Selected::Unsatisfiable);
        assert_eq!(get(&[(RANGE, "bytes=1000-"), (IF_RANGE, "\"other\"")]), Selected::Whole);
        assert_eq!(get(&[(IF_RANGE, "\"other\"")]), Selected::Whole);
    }

    #[test]
    fn conditions_are_judged_in_their_order() {
        let weak = format!("W/{ETAG}");
        let listed = format!("\"a, b\", {weak}");
        let strong = format!("\"a, b\",{ETAG}");
        let within = format!("\"a,{}b\"", ETAG.replace('"', ""));
        for (lines, selected) in [
            (&[(IF_MATCH, ETAG)][..], Selected::Whole),
            (&[(IF_MATCH, "*")], Selected::Whole),
            (&[(IF_MATCH, &*strong)], Selected::Whole),
            (&[(IF_MATCH, &*weak)], Selected::PreconditionFailed),
            (&[(IF_MATCH, "\"other\"")], Selected::PreconditionFailed),
            (&[(IF_MATCH, ETAG), (IF_UNMODIFIED_SINCE, BEFORE)], Selected::Whole),
            (&[(IF_UNMODIFIED_SINCE, DATE)], Selected::Whole),
            (&[(IF_UNMODIFIED_SINCE, BEFORE)], Selected::PreconditionFailed),
            (&[(IF_UNMODIFIED_SINCE, "yesterday")], Selected::Whole),
            (&[(IF_MATCH, "\"other\""), (IF_NONE_MATCH, ETAG)], Selected::PreconditionFailed),
            (&[(IF_NONE_MATCH, &*listed)], Selected::NotModified),
            (&[(IF_NONE_MATCH, "*")], Selected::NotModified),
            (&[(IF_NONE_MATCH, "\"other\""), (IF_NONE_MATCH, ETAG)], Selected::NotModified),
            (&[(IF_NONE_MATCH, &*within)], Selected::Whole),
            (&[(IF_NONE_MATCH, "\"")], Selected::Whole),
            (&[(IF_MODIFIED_SINCE, DATE)], Selected::NotModified),
            (&[(IF_MODIFIED_SINCE, BEFORE)], Selected::Whole),
            (&[(IF_MODIFIED_SINCE, "0")], Selected::Whole),
            (&[(IF_MODIFIED_SINCE, DATE), (IF_MODIFIED_SINCE, DATE)], Selected::Whole),
            (&[(IF_NONE_MATCH, "\"other\""), (IF_MODIFIED_SINCE, DATE)], Selected::Whole),
            (&[(IF_NONE_MATCH, ETAG), (RANGE, "bytes=1000-")], Selected::NotModified),
            (&[(IF_NONE_MATCH, "\"other\""), (RANGE, "bytes=0-1")], Selected::Part(0..2)),
        ] {
            assert_eq!(get(lines), selected, "{lines:?}");
        }
    }

    /// A Range header, mostly of its form and about that size.
    fn any_range() -> impl Strategy<Value = String> {
        let number = prop_oneof![
            4 => (0_u64..40).prop_map(|number| number.to_string()),
            1 => Just(String::new()),
            1 => any::<u64>().prop_map(|number| number.to_string()),
            1 => "[0-9]{19,30}",
            1 => "[ -~]{0,3}",
        ];
        let one = (number.clone(), prop_oneof![8 => Just("-"), 1 => Just("")], number)
            .prop_map(|(first, dash, last)| format!("{first}{dash}{last}"));
        let set = proptest::collection::vec(one, 1..4).prop_map(|ranges| ranges.join(","));
        prop_oneof![6 => set.prop_map(|set| format!("bytes={set}")), 1 => "[ -~]{0,20}"]
    }

    proptest! {
        #[test]
        fn what_is_sent_is_the_octets_asked_for_or_all_of_them_or_none(text in any_range(), size in 0_u64..40) {
            // Octet by octet, from the words of RFC 9110 §14.1.2.
            let number = |digits: &str| {
                (!digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
                    .then(|| u128::from(digits.parse().unwrap_or(u64::MAX)))
            };
            let asked_for = |octet: u64| -> Option<bool> {
                let set: Vec<_> = text.strip_prefix("bytes=")?.split(',').map(str::trim).filter(|s| !s.is_empty()).collect();
                let [range] = set[..] else { return None };
                let (first, last) = range.split_once('-')?;
                match (number(first), number(last)) {
                    (None, Some(suffix)) if first.is_empty() => Some(u128::from(size - octet) <= suffix),
                    (Some(first), None) if last.is_empty() => Some(u128::from(octet) >= first),
                    (Some(first), Some(last)) => (first <= last).then_some((first..=last).contains(&u128::from(octet))),
                    _ => None,
                }
            };
            let all = || (0..size).filter(|&octet| asked_for(octet) == Some(true)).collect::<Vec<_>>();
            let octets = asked_for(0).map(|_| all());
            match asked(&Method::GET, &[(RANGE, &text)], size) {
                Selected::Part(range) => prop_assert_eq!(octets.as_ref(), Some(&range.collect::<Vec<_>>())),
                Selected::Unsatisfiable => prop_assert_eq!(octets.as_deref(), Some(&[][..])),
                Selected::Whole => prop_assert_eq!(octets, None),
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn no_octets_in_any_of_these_headers_are_too_strange(lines in proptest::collection::vec((0_usize..6, "[ -~\u{e9}]{0,30}"), 0..4), size in 0_u64..40) {
            let names = [IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE];
            let lines: Vec<_> = lines.iter().map(|(name, value)| (names[*name].clone(), value.as_str())).collect();
            if let Selected::Part(range) = asked(&Method::GET, &lines, size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }

        #[test]
        fn what_we_write_as_a_date_is_read_back(seconds in 0_i64..253_402_300_800) {
            let time = UnixTime::from_seconds(seconds);
            prop_assert_eq!(http_date(&time.http_date()), Some(time));
        }
    }
}

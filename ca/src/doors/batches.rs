//! Batches over HTTP: lines in, answers out, as JSON Lines. What came in is worked off while more comes, and a sender that
//! reads no answer before all is sent is not made to wait: what may wait here has limits.
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use registry::event::{Actor, Door};
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{DoorState, PeerCertificate, recognise, respond};
use crate::authority::{Authority, Caller};
use crate::problem::{Problem, ProblemKind};
use crate::residents::batch::{BatchName, Line, ROWS_PER_COMMIT, RowAnswer, Tally};

/// A batch may wait in memory whole, with its answers: 200 MiB at the very most.
pub(super) const BATCHES_AT_ONCE_MAX: usize = 2;
/// Twice a heavy day of the whole country.
const LINES_MAX: u32 = 200_000;
/// A row takes some 100 octets; this is the limit with three times as many.
const BATCH_OCTETS_MAX: usize = 64 * 1_024 * 1_024;
/// Far above any row.
const LINE_OCTETS_MAX: usize = 4 * 1_024;
/// A sender that is silent for so long is gone.
const NEXT_OCTETS_WITHIN: Duration = Duration::from_secs(30);
/// Ten thousand rows a minute, for the largest batch twice over.
const BATCH_WITHIN: Duration = Duration::from_mins(40);
/// Answers that wait to be taken: those to the largest batch, a commit each.
const ANSWERS_WAITING: usize = LINES_MAX as usize / ROWS_PER_COMMIT + 1;

/// The media type of JSON Lines.
pub(super) const JSON_LINES: &str = "application/x-ndjson";

/// `POST /residents/v1/batches/{batch}`: who is refused as a whole gets a problem, everybody else 200 and a line for each.
pub(super) async fn call_batch(state: DoorState, batch: String, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<PeerCertificate>().cloned();
    let authority = Arc::clone(&state.authority);
    let admitted = tokio::task::spawn_blocking(move || admit(&authority, peer.as_ref(), batch)).await;
    match admitted.unwrap_or_else(|_| Err(fault())) {
        Err(problem) => {
            (state.observer)(Door::Residents, problem.kind().status(), problem.kind().slug());
            respond(Err(problem))
        }
        Ok((caller, batch)) => {
            (state.observer)(Door::Residents, 200, "");
            let (answers, channel) = Channel::new(ANSWERS_WAITING);
            tokio::spawn(Work { state, caller, batch, answers, tally: Tally::default() }.run(body));
            let mut response = Response::new(Body::new(channel));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON_LINES));
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
    }
}

fn admit(authority: &Authority, peer: Option<&PeerCertificate>, batch: String) -> Result<(Caller, BatchName), Problem> {
    let admit = || {
        let caller = recognise(authority, peer, Door::Residents)?;
        let name = authority.refuse_the_refused(caller.actor()).and_then(|()| BatchName::new(batch));
        name.map_err(|problem| (caller.actor(), problem)).map(|name| (caller, name))
    };
    admit().map_err(|(actor, problem): (Actor, Problem)| {
        if !problem.is_temporary() {
            authority.record_refusal(actor, Door::Residents, &problem);
        }
        problem
    })
}

/// The whole call ended early: what stands in the place of the summary.
#[derive(Serialize)]
struct Broken {
    status: u16,
    problem: serde_json::Value,
}

/// One batch being worked off.
struct Work {
    state: DoorState,
    caller: Caller,
    batch: BatchName,
    answers: Sender<Bytes>,
    tally: Tally,
}

impl Work {
    async fn run(mut self, body: Body) {
        let batches = Arc::clone(&self.state.batches);
        let _turn = batches.acquire_owned().await.expect("the semaphore is never closed");
        let (lines_in, lines) = unbounded_channel();
        let reading = tokio::time::timeout(BATCH_WITHIN, read_lines(body, lines_in));
        let (read, taken) = tokio::join!(reading, self.answer(lines));
        // Nobody takes the answers any more: the sender asks again.
        if taken.is_err() {
            return;
        }
        let read = read.unwrap_or_else(|_| Err(not_in_time()));
        let end = match read {
            Ok(()) => {
                let (authority, tally) = (Arc::clone(&self.state.authority), self.tally);
                let ended = tokio::task::spawn_blocking(move || authority.end_batch(tally)).await;
                ended.unwrap_or_else(|_| Err(fault())).map(|end| json_line(&end))
            }
            Err(problem) => Err(problem),
        };
        let end = end.unwrap_or_else(|problem| {
            json_line(&Broken { status: problem.kind().status(), problem: problem.to_json() })
        });
        // Whoever is gone now has all answers, or asks again.
        let _ = self.answers.send_data(end.into()).await;
    }

    /// Answers what is there, at most a commit's worth at a time.
    async fn answer(&mut self, mut lines: UnboundedReceiver<Line>) -> Result<(), http_body_util::channel::SendError> {
        let mut next = Vec::with_capacity(ROWS_PER_COMMIT);
        while lines.recv_many(&mut next, ROWS_PER_COMMIT).await > 0 {
            let text = self.answer_lines(std::mem::take(&mut next)).await;
            self.answers.send_data(text.into()).await?;
        }
        Ok(())
    }

    async fn answer_lines(&mut self, lines: Vec<Line>) -> Vec<u8> {
        let place = Arc::clone(&self.state.places).acquire_owned().await.expect("the semaphore is never closed");
        let (authority, caller, batch) = (Arc::clone(&self.state.authority), self.caller.clone(), self.batch.clone());
        let names: Vec<u32> = lines.iter().map(|line| line.number).collect();
        let mut tally = self.tally;
        let answered = tokio::task::spawn_blocking(move || {
            let _place = place;
            let mut text = Vec::new();
            for answer in authority.report_batch_rows(&caller, &batch, &lines) {
                tally.count(&answer);
                text.extend(json_line(&answer));
            }
            (text, tally)
        });
        // A panic is our bug and these lines' alone.
        if let Ok((text, tally)) = answered.await {
            self.tally = tally;
            return text;
        }
        let answers = names.into_iter().map(|line| RowAnswer::of_line(line, fault()));
        answers.inspect(|answer| self.tally.count(answer)).flat_map(|answer| json_line(&answer)).collect()
    }
}

fn fault() -> Problem {
    Problem::new(ProblemKind::Internal, "the request met a fault of ours")
}

fn not_in_time() -> Problem {
    Problem::new(ProblemKind::MalformedBody, "the body did not arrive whole in time; what is answered is done")
}

fn json_line(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec(value).expect("an answer is JSON");
    text.push(b'\n');
    text
}

/// Reads the body to its end, and gives its lines out. What is left of a body that breaks off is no line.
async fn read_lines(mut body: Body, out: UnboundedSender<Line>) -> Result<(), Problem> {
    let (mut lines, mut octets) = (Lines::default(), 0);
    loop {
        let frame = tokio::time::timeout(NEXT_OCTETS_WITHIN, body.frame()).await.map_err(|_| not_in_time())?;
        let data = match frame {
            None => break,
            Some(Err(_)) => return Err(not_in_time()),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        octets += data.len();
        let fitting = lines.take(&data, &out);
        if octets > BATCH_OCTETS_MAX || !fitting {
            let detail = format!(
                "at most {LINES_MAX} lines and {BATCH_OCTETS_MAX} octets are taken; what is answered is done, send the rest in another call"
            );
            return Err(Problem::new(ProblemKind::BodyTooLarge, detail));
        }
    }
    lines.end(&out);
    Ok(())
}

/// Octets become lines.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    too_long: bool,
    number: u32,
}

impl Lines {
    /// Whether the lines so far are not too many.
    fn take(&mut self, octets: &[u8], out: &UnboundedSender<Line>) -> bool {
        for piece in octets.split_inclusive(|octet| *octet == b'\n') {
            let (content, ended) = match piece.split_last() {
                Some((b'\n', content)) => (content, true),
                Some(_) | None => (piece, false),
            };
            self.too_long |= self.begun.len() + content.len() > LINE_OCTETS_MAX;
            if !self.too_long {
                self.begun.extend_from_slice(content);
            }
            if ended && !self.end(out) {
                return false;
            }
        }
        true
    }

    /// A line ends here. One without anything in it is passed over, and counted: editors show its number.
    fn end(&mut self, out: &UnboundedSender<Line>) -> bool {
        let (begun, too_long) = (std::mem::take(&mut self.begun), std::mem::take(&mut self.too_long));
        if self.number == LINES_MAX {
            return begun.is_empty() && !too_long;
        }
        self.number += 1;
        if too_long || !begun.trim_ascii().is_empty() {
            // Nobody listens when the answers cannot be given; then nothing needs to be asked.
            let _ = out.send(Line { number: self.number, octets: (!too_long).then_some(begun) });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(pieces: &[&[u8]]) -> (Vec<(u32, Option<String>)>, bool) {
        let (out, mut taken) = unbounded_channel();
        let mut lines = Lines::default();
        let fitting = pieces.iter().all(|piece| lines.take(piece, &out)) && lines.end(&out);
        drop(out);
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        let mut found = Vec::new();
        while let Ok(Line { number, octets }) = taken.try_recv() {
            found.push((number, octets.map(text)));
        }
        (found, fitting)
    }

    fn line(number: u32, text: &str) -> (u32, Option<String>) {
        (number, Some(text.to_owned()))
    }

    #[test]
    fn lines_are_the_same_however_the_octets_come() {
        let text = b"one\n\ntwo\r\n   \nlast";
        let expected = vec![line(1, "one"), line(3, "two\r"), line(5, "last")];
        assert_eq!(lines_of(&[text]).0, expected);
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(lines_of(&single).0, expected);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_by_its_number_and_the_next_one_is_whole() {
        let longest = "a".repeat(LINE_OCTETS_MAX);
        let text = format!("{longest}\n{longest}a\nnext\n");
        let expected = vec![line(1, &longest), (2, None), line(3, "next")];
        assert_eq!(lines_of(&[text.as_bytes()]).0, expected);
    }

    #[test]
    fn one_line_more_than_are_taken_ends_the_call() {
        let most = "x\n".repeat(LINES_MAX as usize);
        let (found, fitting) = lines_of(&[most.as_bytes()]);
        assert_eq!((found.len(), fitting), (LINES_MAX as usize, true));
        assert!(!lines_of(&[most.as_bytes(), b"x"]).1);
    }
}

//! A day's batch of the resident register, and the compromise of a CA key under which a nation's certificates lie.
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use akashi::clock::{SystemClock, monotonic};
use akashi::folder::Folder;
use akashi::sandbox::people::Person;
use akashi::serve::parts::Parts;
use ca::authority::{Asked, Authority, Caller};
use ca::compromise::FILL_SERIALS;
use ca::residents::batch::{BatchName, Line};
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::revocation::{CertificateStatus, RevocationReason, Withdrawal};
use registry::Clock;
use registry::event::{Door, PartyId};
use registry::state::{CertificateRecord, StateReads, certificate_key};
use rocksdb::{DB, Options, WriteBatch, WriteOptions};
use serde_json::json;

use crate::figures::Scale;
use crate::pairs::{Figure, Rule};
use crate::scene::{Kept, Scene};

/// What the register may take for a day's batch.
const BATCH_SECONDS: f64 = 20.0;
/// What filling in behind the compromise of a key may take.
const FILL_SECONDS: f64 = 300.0;
/// Records put into the store at once; it is the bench's own, before anything is measured.
const RECORDS_A_BATCH: u64 = 10_000;

/// Nobody beyond this number has a certificate.
const UNKNOWN_FROM: u32 = 1_000_000;

/// The register's own: no client certificate is asked for here, so the party need not be one.
const REGISTER: Caller = Caller { party: PartyId(1), door: Door::Residents, desk: None };
const ADMINISTRATOR: Caller = Caller { party: PartyId(1), door: Door::Admin, desk: None };

/// A batch of changes through the function that the door calls: first everybody who has certificates, then others.
pub(crate) fn register_batch(scene: &Scene, scale: Scale) -> Figure {
    let authority = scene.authority();
    let today = SystemClock::REAL.now().jst_date();
    let reported = scale.people_reported();
    let line = |row: u32| {
        // Beyond those reported, people of whom the CA knows nothing; those between them and these keep what they have.
        let number = if row <= reported { row } else { row + UNKNOWN_FROM };
        let person = Person::invent(number as usize, false, today);
        let change = if row.is_multiple_of(20) { "died" } else { "moved" };
        let body = json!({
            "row": row, "resident_code": person.resident_code, "change": change, "effective_on": today.to_string(),
        });
        Line { number: row, octets: Some(body.to_string().into_bytes()) }
    };
    let lines: Vec<Line> = (1..=scale.rows).map(line).collect();
    let batch = BatchName::new("a-days-changes".to_owned()).expect("a name");
    eprintln!("bench: a batch of {} rows", lines.len());
    let elapsed = monotonic();
    let answers = authority.report_batch_rows(&REGISTER, &batch, &lines);
    let seconds = elapsed().as_secs_f64();
    assert_eq!(answers.len(), lines.len(), "each row is answered");
    assert!(answers.iter().all(ca::residents::batch::RowAnswer::is_done), "none is refused");
    Figure {
        what: format!("a register batch of {} changes and deaths, durable", lines.len()),
        unit: "s",
        limit: ("seconds", vec![BATCH_SECONDS]),
        measured: vec![seconds],
        rule: Rule::AtMost(1.0),
        beside: vec![
            ("rows in a second", vec![f64::from(scale.rows) / seconds]),
            ("of them for people who had certificates", vec![f64::from(reported)]),
        ],
    }
}

/// The compromise of the signature CA's key with so many certificates under it: until OCSP's index says so, and until every
/// record does, while a report of the register is answered every now and then.
pub(crate) fn compromise(kept: &Kept, scale: Scale) -> [Figure; 2] {
    let last = populate(kept, scale.compromised);
    let issuer = IssuerKey { ca: Ca::Sign, key: KeyNumber::FIRST };
    eprintln!("bench: starting on {last} certificates");
    let parts = Parts::start(&kept.config, SystemClock::REAL).expect("it starts");
    let doors = parts.door_state();
    let authority = doors.authority();
    let status = |serial| parts.watched.index.status(issuer, serial);
    assert_eq!(status(last), CertificateStatus::Good);
    let asked = Asked {
        path: "/admin/v1/ca-keys/sign/1/compromise",
        idempotency_key: "compromise",
        body: br#"{"because":"a bench","confirm":"sign/1"}"#,
    };
    let elapsed = monotonic();
    let answer = authority.compromise_ca_key(&ADMINISTRATOR, &asked, issuer).expect("it is recorded");
    let milliseconds = elapsed().as_secs_f64() * 1e3;
    assert_eq!(answer.status, 200, "durable and visible");
    let told = |status| {
        matches!(
            status,
            CertificateStatus::Withdrawn(Withdrawal::Revoked { reason: RevocationReason::CaCompromise, .. })
        )
    };
    for serial in [last.get(), last.get() / 2, last.get() - 1].into_iter().filter_map(Serial::new) {
        assert!(told(status(serial)), "serial {serial} counts as revoked at once");
    }
    let (seconds, waits) = fill(authority);
    let record = parts.registry.store().certificate(Ca::Sign, last).expect("the store reads").expect("it is there");
    assert!(record.is_revoked(), "its own record says so now");
    parts.registry.close();
    let certificates = scale.compromised;
    let at_once = Figure {
        what: format!("CA key compromise over {certificates} certificates, until OCSP says revoked"),
        unit: "ms",
        limit: ("ms that a revocation may wait to be seen", vec![2_000.0]),
        measured: vec![milliseconds],
        rule: Rule::AtMost(1.0),
        beside: vec![],
    };
    let filled = Figure {
        what: format!("filling in behind it, {certificates} records"),
        unit: "s",
        limit: ("seconds", vec![FILL_SECONDS]),
        measured: vec![seconds],
        rule: Rule::AtMost(1.0),
        beside: vec![("ms that each report of the register took meanwhile", waits)],
    };
    [at_once, filled]
}

/// Fills everything in, and gives how long that took, and how long each report took that was made meanwhile.
fn fill(authority: &Authority) -> (f64, Vec<f64>) {
    let (done, today) = (AtomicBool::new(false), SystemClock::REAL.now().jst_date().to_string());
    std::thread::scope(|scope| {
        let reporter = scope.spawn(|| {
            let mut waits = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let body =
                    json!({ "resident_code": "99999999999", "change": "moved", "effective_on": today }).to_string();
                let key = format!("report-{}", waits.len());
                let asked = Asked { path: "/residents/v1/changes", idempotency_key: &key, body: body.as_bytes() };
                let elapsed = monotonic();
                authority.report_change(&REGISTER, &asked).expect("it is recorded");
                waits.push(elapsed().as_secs_f64() * 1e3);
                std::thread::sleep(Duration::from_millis(20));
            }
            waits
        });
        let elapsed = monotonic();
        while authority.fill_compromise(FILL_SERIALS).expect("it fills in") {}
        let seconds = elapsed().as_secs_f64();
        done.store(true, Ordering::Relaxed);
        (seconds, reporter.join().expect("every report was answered"))
    })
}

/// Puts the records of that many good signature certificates behind the last one, straight into the closed store: no log
/// rows and no certificate octets, which the figure does not ask about. Gives the last serial.
fn populate(kept: &Kept, certificates: u64) -> Serial {
    let data = Folder::new(&kept.config.data_dir);
    let folder = data.registry();
    // It knows nothing of records that no row of the log tells of.
    std::fs::remove_file(data.status_index()).expect("there is a snapshot after a clean stop");
    let families = DB::list_cf(&Options::default(), &folder).expect("the store is there");
    let store = DB::open_cf(&Options::default(), &folder, &families).expect("nobody has it open");
    let [records, meta] = ["certificates", "meta"].map(|name| store.cf_handle(name).expect("a family"));
    let counter_key = format!("counter/serial/{}", Ca::Sign);
    let counter = store.get_cf(meta, &counter_key).expect("it reads").expect("serials were taken");
    let taken: u64 = minicbor::decode(&counter).expect("a number");
    let good = good_record(&store, records, taken);
    eprintln!("bench: putting {certificates} records into the store");
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    let mut next = taken + 1;
    let end = taken + certificates;
    while next <= end {
        let mut batch = WriteBatch::default();
        for number in next..=end.min(next + RECORDS_A_BATCH - 1) {
            let serial = Serial::new(number).expect("far below the limit");
            batch.put_cf(records, certificate_key(Ca::Sign, serial), &good);
        }
        store.write_opt(batch, &options).expect("it writes");
        next += RECORDS_A_BATCH;
    }
    store.put_cf(meta, &counter_key, minicbor::to_vec(end).expect("it encodes")).expect("it writes");
    store.flush_cf(records).expect("it flushes");
    Serial::new(end).expect("far below the limit")
}

/// The octets of an issued certificate's record, as if nothing had ended it.
fn good_record(store: &DB, records: &impl rocksdb::AsColumnFamilyRef, taken: u64) -> Vec<u8> {
    let read = |number| store.get_cf(records, certificate_key(Ca::Sign, Serial::new(number)?)).expect("it reads");
    let mut all = (1..=taken).rev().filter_map(read);
    let decoded = all.by_ref().map(|octets| minicbor::decode::<CertificateRecord>(&octets).expect("a record"));
    let issued = decoded.filter(|record| record.issued_row.is_some()).last().expect("one was issued");
    let good = CertificateRecord { withdrawal: None, cause: None, ..issued };
    minicbor::to_vec(&good).expect("it encodes")
}

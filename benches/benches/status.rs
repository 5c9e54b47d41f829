//! The status index at its sizes: look-ups, changes as fast as they come, a snapshot read.
//!
//! 1 million certificates; with `AKASHI_BENCH_NATION=1` also 250 million, of which 30 million are revoked (`ops/bench status`).
//! Each look-up stands beside one load from an array as large as the index's bits, at places as random: what the machine
//! asks for touching that memory at all.
use std::hint::black_box;
use std::time::Duration;

use benches::{is_revoked, scattered, serial};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::revocation::{CertificateStatus, RevocationReason, Withdrawal};
use pki::time::UnixTime;
use status::snapshot::{CaKeys, Origin, Snapshot, SnapshotWriter};
use status::{Change, PageImage, StatusIndex};

const CA: Ca = Ca::Sign;
const ISSUER: IssuerKey = IssuerKey { ca: CA, key: KeyNumber::FIRST };
const MILLION: u64 = 1_000_000;
const NATION: u64 = 250 * MILLION;
/// Serials asked about in turn: more than any cache has lines.
const ASKED: usize = 1 << 21;

fn sizes() -> impl Iterator<Item = u64> {
    let nation = std::env::var_os("AKASHI_BENCH_NATION").is_some_and(|value| value == "1");
    [MILLION, NATION].into_iter().take(if nation { 2 } else { 1 })
}

fn revocation(number: u64) -> Withdrawal {
    let seconds = 1_700_000_000 + i64::try_from(number % 10_000_000).expect("small");
    Withdrawal::Revoked { since: UnixTime::from_seconds(seconds), reason: RevocationReason::AffiliationChanged }
}

fn status_of(number: u64) -> CertificateStatus {
    if is_revoked(number) { CertificateStatus::Withdrawn(revocation(number)) } else { CertificateStatus::Good }
}

/// A snapshot of that many certificates with serials from 1.
fn snapshot(certificates: u64) -> Vec<u8> {
    let mut writer = SnapshotWriter::new(Vec::new(), &Origin { position: 1, ..Origin::default() }).expect("memory");
    for ca in Ca::ALL {
        let pages = if ca == CA { usize::try_from(certificates).expect("small") / PageImage::SERIALS + 1 } else { 0 };
        let keys = CaKeys { ranges: vec![(Serial::FIRST, KeyNumber::FIRST)], compromises: vec![] };
        writer.keys(ca, &keys, pages).expect("memory");
        for page in 0..pages {
            let mut image = PageImage::default();
            for place in 0..=u16::MAX {
                let number = (page * PageImage::SERIALS) as u64 + u64::from(place);
                if (1..=certificates).contains(&number) {
                    image.tell(place, status_of(number));
                }
            }
            writer.page(page, &image).expect("memory");
        }
    }
    writer.finish().expect("memory")
}

fn load(octets: &[u8]) -> StatusIndex {
    Snapshot::open(octets).and_then(Snapshot::load).expect("written just now")
}

fn look_up(criterion: &mut Criterion) {
    for certificates in sizes() {
        let before = resident_kilobytes();
        let octets = snapshot(certificates);
        let with_octets = resident_kilobytes();
        let index = load(&octets);
        let grown = resident_kilobytes() - with_octets;
        drop(octets);
        println!("{certificates} certificates: index {grown} kB resident (the process had {before} kB)");
        let mut group =
            criterion.benchmark_group(format!("look up a random serial among {} million", certificates / MILLION));
        group.throughput(Throughput::Elements(1));
        let asked = |keep: fn(u64) -> bool| scattered(certificates).filter(move |&number| keep(number)).take(ASKED);
        for (what, numbers) in [
            ("good", asked(|number| !is_revoked(number)).collect::<Vec<_>>()),
            ("revoked", asked(is_revoked).collect()),
            ("not issued", asked(|_| true).map(|number| number + certificates).collect()),
        ] {
            let mut numbers = numbers.into_iter().cycle();
            group.bench_function(what, |bencher| {
                bencher.iter(|| index.status(black_box(ISSUER), serial(numbers.next().expect("the list goes round"))));
            });
        }
        // Four certificates an octet.
        let bits = vec![1_u8; usize::try_from(certificates / 4).expect("small")];
        let mut places = asked(|_| true).collect::<Vec<_>>().into_iter().cycle();
        group.bench_function("the limit: one load from as many octets as the bits have", |bencher| {
            bencher.iter(|| {
                let number = places.next().expect("the list goes round");
                bits[usize::try_from(number).expect("small") / 4 % bits.len()]
            });
        });
        group.finish();
    }
}

/// Revocations one by one, as the follower of the log brings them, at random serials.
fn storm(criterion: &mut Criterion) {
    for certificates in sizes() {
        let index = load(&snapshot(certificates));
        let mut numbers = scattered(certificates).filter(|&number| !is_revoked(number));
        let mut group = criterion.benchmark_group(format!("change one of {} million", certificates / MILLION));
        group.throughput(Throughput::Elements(1));
        group.bench_function("a hold and its release", |bencher| {
            bencher.iter(|| {
                let serial = serial(numbers.next().expect("without end"));
                let withdrawal = Withdrawal::Held { since: UnixTime::EPOCH };
                let position = index.position();
                index.apply(position + 1, &[Change::Withdrawn { ca: CA, serial, withdrawal }]).expect("it is good");
                index.apply(position + 2, &[Change::Released { ca: CA, serial }]).expect("it is held");
            });
        });
        group.finish();
    }
}

fn read_and_write(criterion: &mut Criterion) {
    for certificates in sizes() {
        let octets = snapshot(certificates);
        let mut group = criterion.benchmark_group(format!("a snapshot of {} million", certificates / MILLION));
        group.throughput(Throughput::Bytes(octets.len() as u64));
        group.sample_size(10).warm_up_time(Duration::from_millis(100));
        group.bench_function("read into an index", |bencher| bencher.iter(|| load(black_box(&octets))));
        let index = load(&octets);
        group.bench_function("written, to nowhere", |bencher| {
            bencher.iter(|| index.freeze().write([0; 32], vec![], std::io::sink()).expect("nowhere"));
        });
        group.finish();
    }
}

fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells what a process has");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}

criterion_group!(status_benches, look_up, storm, read_and_write);
criterion_main!(status_benches);

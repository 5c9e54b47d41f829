//! A small country for tests: a ledger in memory, throw-away keys, and a clock that is set by hand.
mod clock;
mod keys;
mod ledger;

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use pki::crl::{CrlEntry, CrlHead, CrlKind, CrlReader, CrlScope, DeltaEntry, SignedCrl};
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::lint;
use pki::municipality::MunicipalityCode;
use pki::time::{CivilDate, UnixTime};

pub(super) use self::clock::FakeClock;
pub(super) use self::keys::{Mischief, TestManifestSigner, TestSigner};
pub(super) use self::ledger::{FakeLedger, Frozen};
use crate::decide::Timetable;
use crate::generation::Generation;
use crate::ledger::{CutCause, CutLedger, PublishedCut};
use crate::publish::{PublishError, Publisher, PublisherParts, StepHook};
use crate::schedule::Schedule;
use crate::segment::{Place, Segment};
use crate::signing::{CrlSigner, ManifestSigner};
use crate::slot::{CrlLayout, CrlSlot, Partition, Shape};

pub(super) const KIYOSE: u32 = 13_221;
pub(super) const YOKOHAMA: u32 = 14_100;
pub(super) const ESASHI: u32 = 1_361;

pub(super) fn code(number: u32) -> MunicipalityCode {
    MunicipalityCode::new(number).unwrap()
}

pub(super) fn serial(number: u64) -> Serial {
    Serial::new(number).unwrap()
}

/// An instant in Japan.
pub(crate) fn jst(date: &str, hour: i64, minute: i64, second: i64) -> UnixTime {
    date.parse::<CivilDate>().unwrap().jst_start().plus_seconds(hour * 3_600 + minute * 60 + second)
}

/// 7:00 in Japan, frozen five minutes before.
pub(super) fn daily_at_seven() -> Arc<Timetable> {
    let schedule = Schedule::parse("0 0 7 * * *", "Asia/Tokyo").unwrap();
    Arc::new(Timetable { schedule, lead_seconds: 300, repair_seconds: 8 * 3_600 })
}

/// A small country with everything a publisher needs.
pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) clock: Arc<FakeClock>,
    pub(super) ledger: Arc<FakeLedger>,
    pub(super) signers: Vec<Arc<TestSigner>>,
    pub(super) manifest_signer: Arc<TestManifestSigner>,
    pub(super) layout: CrlLayout,
    pub(super) validity_seconds: u32,
}

impl World {
    /// Three municipalities, one key of `sign` and two of `auth`, at 06:55:00 on 22 November 2026.
    pub(super) fn new() -> Self {
        let clock = FakeClock::at(jst("2026-11-22", 6, 55, 0));
        let partition = |number, prefecture: &str, name: &str| Partition {
            code: code(number),
            prefecture_dn_text: prefecture.to_owned(),
            dn_text: name.to_owned(),
        };
        let partitions = [
            partition(ESASHI, "Hokkaido", "Esashi-cho"),
            partition(KIYOSE, "Tokyo-to", "Kiyose-shi"),
            partition(YOKOHAMA, "Kanagawa-ken", "Yokohama-shi"),
        ];
        Self {
            folder: tempfile::tempdir().unwrap(),
            ledger: Arc::new(FakeLedger::new(Arc::clone(&clock))),
            clock,
            signers: [(Ca::Sign, 1), (Ca::Auth, 1), (Ca::Auth, 2)]
                .map(|(ca, key)| Arc::new(TestSigner::new(ca, key)))
                .to_vec(),
            manifest_signer: Arc::new(TestManifestSigner::ecdsa()),
            layout: CrlLayout::new("JPKI-TEST".to_owned(), Some("http://127.0.0.1:8080".to_owned()), partitions),
            validity_seconds: 48 * 3_600,
        }
    }

    pub(super) fn open_with(&self, step: StepHook) -> Result<Publisher, PublishError> {
        self.open_in(self.folder.path(), step)
    }

    fn open_in(&self, folder: &Path, step: StepHook) -> Result<Publisher, PublishError> {
        let signers = self.signers.iter().map(|signer| Arc::clone(signer) as Arc<dyn CrlSigner>);
        Publisher::open(PublisherParts {
            ledger: Arc::clone(&self.ledger) as Arc<dyn CutLedger>,
            crl_signers: signers.collect(),
            manifest_signer: Arc::clone(&self.manifest_signer) as Arc<dyn ManifestSigner>,
            layout: self.layout.clone(),
            validity_seconds: self.validity_seconds,
            folder: folder.to_owned(),
            kept_cuts: 3,
            worker_count: 2,
            step,
        })
    }

    pub(super) fn open(&self) -> Publisher {
        self.open_with(Arc::new(|_| ())).unwrap()
    }

    /// What a start would serve now, in a copy of the folder, for the publisher that runs has it.
    pub(super) fn after_a_restart(&self) -> Option<PublishedCut> {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(self.folder.path(), copy.path());
        self.open_in(copy.path(), Arc::new(|_| ())).unwrap().served()
    }

    /// Makes a cut at that instant and flips it.
    pub(super) fn publish(&self, publisher: &Publisher, at: UnixTime) -> Result<PublishedCut, PublishError> {
        self.clock.set(at);
        publisher.flip(publisher.prepare(&CutCause::Requested { because: "a test".to_owned() })?)
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

pub(super) fn slot(ca: Ca, key: u16, municipality: Option<u32>) -> CrlSlot {
    let shape = municipality.map_or(Shape::Full, |number| Shape::Partition(code(number)));
    CrlSlot { shape, issuer: IssuerKey { ca, key: KeyNumber::new(key).unwrap() } }
}

/// The slot of that key's delta CRL.
pub(super) fn delta_slot(ca: Ca, key: u16) -> CrlSlot {
    slot(ca, key, None).beside(Shape::Delta)
}

/// The serials in a CRL of that generation.
pub(super) fn serials(generation: &Generation, slot: CrlSlot) -> Vec<u64> {
    entries(generation, slot).iter().map(|entry| entry.serial.get()).collect()
}

pub(super) fn entries(generation: &Generation, slot: CrlSlot) -> Vec<CrlEntry> {
    let der = generation.read(slot).unwrap().unwrap();
    CrlReader::new(&der).unwrap().entries().collect::<Result<_, _>>().unwrap()
}

/// What a sign key would be asked to sign for that cut, frozen at that instant.
pub(super) fn head<'a>(
    signer: &'a TestSigner,
    cut_number: u64,
    this_update: UnixTime,
    scope: &'a CrlScope,
    kind: CrlKind<'a>,
) -> CrlHead<'a> {
    CrlHead {
        issuer: signer.issuer(),
        issuer_name: signer.issuer_name(),
        public_key: signer.public_key(),
        this_update,
        next_update: this_update.plus_seconds(48 * 3_600),
        crl_number: cut_number,
        scope,
        kind,
    }
}

/// A CRL that nobody planned, signed all the same.
pub(super) fn signed(signer: &TestSigner, head: &CrlHead<'_>, entries: &[DeltaEntry]) -> Vec<u8> {
    let octets: Vec<u8> = entries.iter().flat_map(|entry| entry.encode().as_slice().to_vec()).collect();
    signed_frame(signer, head, entries).whole(&octets)
}

/// The same without its entries.
pub(super) fn signed_frame(signer: &TestSigner, head: &CrlHead<'_>, entries: &[DeltaEntry]) -> SignedCrl {
    let tbs_der = head.tbs_der(entries.iter().copied()).unwrap();
    signer.sign(lint::crl(&tbs_der, head).unwrap()).unwrap()
}

/// Puts other octets in the place of a CRL that was built.
pub(super) fn put(segment: &mut Segment, slot: CrlSlot, der: &[u8]) {
    let place = Place { offset: segment.file.metadata().unwrap().len(), size: der.len() as u64 };
    segment.file.write_all_at(der, place.offset).unwrap();
    segment.places.insert(slot, place);
}

/// The octets of a CRL that was built.
pub(super) fn built(segment: &Segment, slot: CrlSlot) -> Vec<u8> {
    let Place { offset, size } = segment.places[&slot];
    let mut der = vec![0; usize::try_from(size).unwrap()];
    segment.file.read_exact_at(&mut der, offset).unwrap();
    der
}

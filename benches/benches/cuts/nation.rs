//! An authority as `akashi init` makes it, with a nation's withdrawn certificates put straight into its closed registry: no log
//! rows and no certificates, which a cut does not ask about.
use std::path::{Path, PathBuf};

use akashi::clock::SystemClock;
use akashi::config::Config;
use akashi::folder::Folder;
use akashi::init::{Kind, init};
use akashi::sandbox::place::{CONFIG, Place, free_ports};
use crl_publisher::slot::{CrlLayout, Partition};
use pki::certificate::Layout;
use pki::identity::{Ca, Serial};
use pki::revocation::RevocationReason;
use pki::time::UnixTime;
use registry::Clock as _;
use registry::event::StoredWithdrawal;
use registry::state::{WithdrawnRecord, certificate_key};
use rocksdb::{DB, IngestExternalFileOptions, Options, SstFileWriter};
use tempfile::TempDir;

use crate::figures::Scale;

/// The card CAs, in the order of their keys in the store.
pub(crate) const CAS: [Ca; 2] = [Ca::Sign, Ca::Auth];
/// Withdrawals are spread over five years from here on: 2020-01-01T00:00:00Z; expiry over the five years from 2027 on.
const FROM_SECONDS: i64 = 1_577_836_800;
const EXPIRY_FROM_SECONDS: i64 = 1_798_729_200;
const WITHIN_SECONDS: u64 = 5 * 365 * 86_400;
/// Of so many that are withdrawn, one is held.
const HELD_ONE_IN: u64 = 50;

/// What is on the disk.
pub(crate) struct Nation {
    /// The configuration.
    pub(crate) config: PathBuf,
    /// A snapshot of the index.
    pub(crate) index: PathBuf,
    folder: TempDir,
}

impl Nation {
    pub(crate) fn make(scale: Scale) -> Self {
        // Below the target folder: on a disk, as a registry is.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder below the target folder");
        let path = folder.path().join("authority");
        let place = Place::take(&path).expect("a new folder");
        place.configure(free_ports(None).expect("free ports"), Layout::Default).expect("a configuration");
        let config = Config::load(&path.join(CONFIG)).expect("a configuration");
        init(&config, Kind::Lasting).expect("an authority can be made");
        fill(&config, scale, folder.path());
        let index = folder.path().join("index");
        let percent = 100 * scale.withdrawn / scale.certificates;
        akashi::load::synth::synth(&index, scale.certificates * CAS.len(), percent).expect("there is room for it");
        Self { config: path.join(CONFIG), index, folder }
    }

    /// A folder for cuts, on the same disk.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn fill(config: &Config, scale: Scale, beside: &Path) {
    let folder = Folder::new(&config.data_dir).registry();
    let families = DB::list_cf(&Options::default(), &folder).expect("the store is there");
    let store = DB::open_cf(&Options::default(), &folder, &families).expect("nobody has it open");
    let withdrawn = store.cf_handle("withdrawn").expect("a family");
    let codes: Vec<_> = layout(config, scale.partitions).codes().collect();
    let now = SystemClock::REAL.now().as_seconds();
    for ca in CAS {
        eprintln!("bench: {} withdrawn certificates of the {ca} CA are put into the store", scale.withdrawn);
        let options = Options::default();
        let mut file = SstFileWriter::create(&options);
        let path = beside.join(format!("{ca}.sst"));
        file.open(&path).expect("it can be made");
        let one_in = scale.certificates / scale.withdrawn;
        for number in 0..scale.withdrawn {
            let random = mixed((number << 8 | ca.index()) as u64);
            let serial = (number * one_in) as u64 + 1 + random % one_in as u64;
            let within = |random: u64| i64::try_from(random % WITHIN_SECONDS).expect("five years");
            let since = UnixTime::from_seconds((FROM_SECONDS + within(random / 8)).min(now));
            let withdrawal = if (random >> 40).is_multiple_of(HELD_ONE_IN) {
                StoredWithdrawal::Held { since }
            } else {
                StoredWithdrawal::Revoked { since, reason: RevocationReason::AffiliationChanged }
            };
            let code = codes[usize::try_from(mixed(random) % codes.len() as u64).expect("some thousands")];
            let leave_day = UnixTime::from_seconds(EXPIRY_FROM_SECONDS + within(mixed(random + 1))).jst_date();
            let row = WithdrawnRecord { withdrawal, municipality: code.get(), leave_day };
            let key = certificate_key(ca, Serial::new(serial).expect("from 1 on"));
            file.put(key, minicbor::to_vec(row).expect("it encodes")).expect("in order");
        }
        file.finish().expect("there is room for it");
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        store.ingest_external_file_cf_opts(withdrawn, &options, vec![&path]).expect("it is taken");
    }
}

/// The nation's municipalities, or a few.
pub(crate) fn layout(config: &Config, partitions_max: usize) -> CrlLayout {
    let profile = &config.profile;
    let (organization, base_url) = (profile.organization().to_owned(), profile.settings().public_base_url.clone());
    let partitions = pki::municipality::all().iter().take(partitions_max).map(|municipality| Partition {
        code: municipality.code,
        prefecture_dn_text: municipality.prefecture().dn_text.to_owned(),
        dn_text: municipality.dn_text.to_string(),
    });
    CrlLayout::new(organization, Some(base_url), partitions)
}

/// SplitMix64's last step: nothing secret depends on it.
fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

//! RocksDB beneath the registry: column families, settings that make an acknowledged write durable, and reads.
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use minicbor::Decode;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBRecoveryMode, Direction, IteratorMode,
    Options, ReadOptions,
};

use crate::merkle::TreeEdge;
use crate::row::Row;

/// What can go wrong below the rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The store cannot be opened.
    #[error("the registry in {path} cannot be opened: {reason}. If another akashi uses it, stop that one first")]
    Open {
        /// The folder.
        path: PathBuf,
        /// What RocksDB says.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("the registry cannot {operation}: {reason}")]
    Storage {
        /// What was attempted.
        operation: &'static str,
        /// What RocksDB says.
        reason: String,
    },
    /// What is stored is not what was written.
    #[error("the registry is damaged at {place}: {reason}. Restore it from a backup; do not run on it")]
    Damaged {
        /// Where.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// The clock stands before the last event.
    #[error(
        "the clock is {seconds} s behind the last event in the log; set the clock right, nothing is recorded until then"
    )]
    ClockBehind {
        /// By how much.
        seconds: i64,
    },
    /// An event that does not fit the state: our own bug, caught before anything was written.
    #[error("event refused: {0}")]
    Illegal(&'static str),
    /// A commit failed before: what was durable is unknown, so nothing more is accepted.
    #[error("a write to the registry failed; it accepts nothing more until akashi is restarted")]
    Poisoned,
    /// The writer has stopped.
    #[error("the registry is shutting down")]
    Stopped,
}

pub(crate) fn storage(operation: &'static str) -> impl FnOnce(rocksdb::Error) -> RegistryError {
    move |error| RegistryError::Storage { operation, reason: error.into_string() }
}

/// A column family: one kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Row number → row.
    Log,
    /// Settings, the tree's edge, counters.
    Meta,
    /// CA, serial → certificate record.
    Certificates,
    /// CA, serial → what a CRL entry needs.
    Withdrawn,
    /// CA, serial → nothing: issues that are neither finished nor given up.
    Pending,
    /// Party, idempotency key → what the request became.
    Requests,
    /// SHA-256 of SubjectPublicKeyInfo → who claimed it.
    PublicKeys,
    /// Resident → the person's certificates. In a registry that an older akashi wrote last: resident, CA, serial → nothing.
    Residents,
    /// Resident → what the register reported last.
    ResidentChanges,
    /// Party → party record.
    Parties,
    /// SHA-256 of client certificate → party.
    PartyCertificates,
    /// CA, key → CA certificate.
    Issuers,
    /// CA, key → OCSP key in service.
    OcspKeys,
    /// CA, first serial → key.
    KeyRanges,
    /// Provider → provider record.
    Providers,
    /// Service → service record.
    Services,
    /// Service, resident, consent → consent record.
    Consents,
    /// Consent → its key in [`Family::Consents`].
    ConsentNumbers,
    /// Service, resident → when the person's last withdrawal of consents for that service was recorded.
    ConsentWithdrawals,
    /// Keyed hash of an application → the row that it became. Kept for ever: an application works once.
    Applications,
    /// CA, serial → nothing: certificates whose hold was released, for as long as they are not withdrawn again.
    Released,
    /// Number in the queue → queue record.
    Queue,
    /// Number in the queue → resident: what is not done yet.
    Waiting,
    /// CA, key → since when it is compromised, and how far its certificates' records show it.
    Compromises,
    /// CA, certified key, signing key → link certificate.
    Links,
    /// Party, batch → how far it is.
    Batches,
    /// Party, batch, row → what became of it.
    BatchRows,
    /// Municipality, leave-day, CA, serial → nothing: issued certificates that are not revoked, in the order in which they
    /// expire, as exactly as anybody may know it.
    Expiring,
    /// Party, minute, CA, purpose → how many certificates' statuses were told.
    Usage,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 29] = [
        Self::Log,
        Self::Meta,
        Self::Certificates,
        Self::Withdrawn,
        Self::Pending,
        Self::Requests,
        Self::PublicKeys,
        Self::Residents,
        Self::ResidentChanges,
        Self::Parties,
        Self::PartyCertificates,
        Self::Issuers,
        Self::OcspKeys,
        Self::KeyRanges,
        Self::Providers,
        Self::Services,
        Self::Consents,
        Self::ConsentNumbers,
        Self::ConsentWithdrawals,
        Self::Applications,
        Self::Released,
        Self::Queue,
        Self::Waiting,
        Self::Compromises,
        Self::Links,
        Self::Batches,
        Self::BatchRows,
        Self::Expiring,
        Self::Usage,
    ];

    /// Its place in [`Family::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Meta => "meta",
            Self::Certificates => "certificates",
            Self::Withdrawn => "withdrawn",
            Self::Pending => "pending",
            Self::Requests => "requests",
            Self::PublicKeys => "public-keys",
            Self::Residents => "residents",
            Self::ResidentChanges => "resident-changes",
            Self::Parties => "parties",
            Self::PartyCertificates => "party-certificates",
            Self::Issuers => "issuers",
            Self::OcspKeys => "ocsp-keys",
            Self::KeyRanges => "key-ranges",
            Self::Providers => "providers",
            Self::Services => "services",
            Self::Consents => "consents",
            Self::ConsentNumbers => "consent-numbers",
            Self::ConsentWithdrawals => "consent-withdrawals",
            Self::Applications => "applications",
            Self::Released => "released",
            Self::Queue => "queue",
            Self::Waiting => "waiting",
            Self::Compromises => "compromises",
            Self::Links => "links",
            Self::Batches => "batches",
            Self::BatchRows => "batch-rows",
            Self::Expiring => "expiring",
            Self::Usage => "usage",
        }
    }

    /// Whether keys are asked for that are mostly not there: a new request's, a new public key's, a new person's.
    pub(crate) const fn is_asked_in_vain(self) -> bool {
        matches!(
            self,
            Self::Requests
                | Self::PublicKeys
                | Self::Residents
                | Self::ResidentChanges
                | Self::Applications
                | Self::BatchRows
        )
    }

    fn options(self, blocks: &Cache) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(blocks);
        // Without it, a key that is not there is looked for in a file of each level.
        table.set_bloom_filter(FILTER_BITS_PER_KEY, false);
        let mut options = Options::default();
        options.set_block_based_table_factory(&table);
        if self.is_asked_in_vain() {
            options.set_memtable_prefix_bloom_ratio(MEMTABLE_FILTER_SHARE);
            options.set_memtable_whole_key_filtering(true);
        }
        options
    }
}

/// Blocks of all families that are kept in memory.
const BLOCK_CACHE_OCTETS: usize = 256 << 20;
/// One key in a hundred that is not there is looked for in vain.
const FILTER_BITS_PER_KEY: f64 = 10.0;
/// Of what a family has in memory before it is written to a file.
const MEMTABLE_FILTER_SHARE: f64 = 0.02;

const _: () = {
    let mut at = 0;
    while at < Family::ALL.len() {
        assert!(Family::ALL[at].index() == at, "families are listed in their order");
        at += 1;
    }
};

/// A stored key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Anything the state can be read from: the store as it is, a frozen view of it, or a transaction in the making.
pub trait Reads {
    /// The value of a key.
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, RegistryError>;

    /// Every key that begins with the prefix, ascending.
    fn scan(&self, family: Family, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, RegistryError>;

    /// Every key between these two, themselves among them, ascending.
    fn range(&self, family: Family, from: &[u8], to: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, RegistryError>;

    /// The value of a key, decoded.
    fn record<T: for<'b> Decode<'b, ()>>(&self, family: Family, key: &[u8]) -> Result<Option<T>, RegistryError>
    where
        Self: Sized,
    {
        self.get(family, key)?.map(|octets| decode(family, key, &octets)).transpose()
    }
}

/// Decodes a stored record; what does not decode is damage.
pub fn decode<'b, T: Decode<'b, ()>>(family: Family, key: &[u8], octets: &'b [u8]) -> Result<T, RegistryError> {
    minicbor::decode(octets).map_err(|error| RegistryError::Damaged {
        place: format!("{}/{}", family.name(), hex(key)),
        reason: error.to_string(),
    })
}

/// A writer that was just opened merges the files of many families, one after the other, and each merge can get in the way of an
/// attempt; five attempts were seen not to be enough. All of these take a second or two, and merging ends within that.
const READ_ONLY_ATTEMPTS_MAX: u32 = 100;

/// The store.
pub struct Store {
    db: DB,
}

impl Store {
    /// Opens the store, making it when it is not there. The folder is locked: a second process is refused.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let mut options = Self::options();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let blocks = Cache::new_lru_cache(BLOCK_CACHE_OCTETS);
        let families = Family::ALL.map(|family| ColumnFamilyDescriptor::new(family.name(), family.options(&blocks)));
        DB::open_cf_descriptors(&options, path, families)
            .map(|db| Self { db })
            .map_err(|error| Self::refused(path, error))
    }

    /// Opens the store for reading only, also while another process writes; sees it as it was at that moment.
    pub fn open_read_only(path: &Path) -> Result<Self, RegistryError> {
        let open = || {
            // A registry that an older akashi wrote last lacks the families that came since. Reading adds none.
            let there = DB::list_cf(&Self::options(), path)?;
            let blocks = Cache::new_lru_cache(BLOCK_CACHE_OCTETS);
            let families = Family::ALL.into_iter().filter(|family| there.iter().any(|is| is == family.name()));
            let families = families.map(|family| ColumnFamilyDescriptor::new(family.name(), family.options(&blocks)));
            DB::open_cf_descriptors_read_only(&Self::options(), path, families, false)
        };
        let mut opened = open();
        for _ in 1..READ_ONLY_ATTEMPTS_MAX {
            if opened.is_ok() {
                break;
            }
            // The writer may have merged files away between our reading their list and opening them; the list read next
            // names what took their place.
            opened = open();
        }
        opened.map(|db| Self { db }).map_err(|error| Self::refused(path, error))
    }

    fn refused(path: &Path, error: rocksdb::Error) -> RegistryError {
        RegistryError::Open { path: path.to_owned(), reason: error.into_string() }
    }

    fn options() -> Options {
        let mut options = Options::default();
        // A record torn by a crash at the very end of the write-ahead log was never acknowledged and is dropped; a torn
        // record anywhere else means damage and refuses to open.
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        options.set_paranoid_checks(true);
        // RocksDB's own text log says nothing an operator needs; keep two small ones.
        options.set_keep_log_file_num(2);
        options.set_max_log_file_size(1 << 20);
        options
    }

    /// A family to write to.
    pub(crate) fn family(&self, family: Family) -> &ColumnFamily {
        self.readable(family).expect("every family is made when the store is opened for writing")
    }

    /// `None` is an empty family: one that came after the registry was last opened for writing.
    fn readable(&self, family: Family) -> Option<&ColumnFamily> {
        self.db.cf_handle(family.name())
    }

    pub(crate) const fn db(&self) -> &DB {
        &self.db
    }

    /// A view that later writes do not change. State and log are written together, so it is of one position.
    pub fn freeze(&self) -> Frozen<'_> {
        Frozen { store: self, snapshot: self.db.snapshot() }
    }

    /// The row of that number.
    pub fn row(&self, number: u64) -> Result<Option<Row>, RegistryError> {
        self.record(Family::Log, &number.to_be_bytes())
    }

    /// Rows from that number on, in order.
    pub fn rows(&self, from: u64) -> impl Iterator<Item = Result<(u64, Row), RegistryError>> {
        self.iterate(Family::Log, &from.to_be_bytes()).map(|pair| {
            let (key, value) = pair?;
            let number = <[u8; 8]>::try_from(&key[..]).map_err(|_| RegistryError::Damaged {
                place: "log".to_owned(),
                reason: "a row's key is not eight octets".to_owned(),
            })?;
            Ok((u64::from_be_bytes(number), decode(Family::Log, &key, &value)?))
        })
    }

    /// Every key from that one on, ascending.
    pub fn iterate<'a>(
        &'a self,
        family: Family,
        from: &[u8],
    ) -> impl Iterator<Item = Result<Pair, RegistryError>> + use<'a> {
        let pairs = self
            .readable(family)
            .map(|family| self.db.iterator_cf(family, IteratorMode::From(from, Direction::Forward)));
        pairs
            .into_iter()
            .flatten()
            .map(|pair| pair.map(|(key, value)| (key.into_vec(), value.into_vec())).map_err(storage("read")))
    }

    /// The tree's edge; its size is the log's position.
    pub fn tree_edge(&self) -> Result<TreeEdge, RegistryError> {
        tree_edge(self)
    }
}

/// Key of the tree's edge in [`Family::Meta`].
pub(crate) const TREE_EDGE: &[u8] = b"tree-edge";

pub(crate) fn tree_edge(reads: &impl Reads) -> Result<TreeEdge, RegistryError> {
    let edge: TreeEdge = reads.record(Family::Meta, TREE_EDGE)?.unwrap_or_default();
    if edge.is_well_formed() {
        Ok(edge)
    } else {
        Err(RegistryError::Damaged { place: "meta/tree-edge".to_owned(), reason: "nodes and size disagree".to_owned() })
    }
}

fn collect_while(
    pairs: impl Iterator<Item = Result<(Box<[u8]>, Box<[u8]>), rocksdb::Error>>,
    belongs: impl Fn(&[u8]) -> bool,
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, RegistryError> {
    let mut found = BTreeMap::new();
    for pair in pairs {
        let (key, value) = pair.map_err(storage("read"))?;
        if !belongs(&key) {
            break;
        }
        found.insert(key.into_vec(), value.into_vec());
    }
    Ok(found)
}

impl Reads for Store {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, RegistryError> {
        let value = self.readable(family).map(|family| self.db.get_cf(family, key)).transpose();
        value.map(Option::flatten).map_err(storage("read"))
    }

    fn scan(&self, family: Family, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, RegistryError> {
        let Some(family) = self.readable(family) else { return Ok(BTreeMap::new()) };
        let pairs = self.db.iterator_cf(family, IteratorMode::From(prefix, Direction::Forward));
        collect_while(pairs, |key| key.starts_with(prefix))
    }

    fn range(&self, family: Family, from: &[u8], to: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, RegistryError> {
        let Some(family) = self.readable(family) else { return Ok(BTreeMap::new()) };
        let pairs = self.db.iterator_cf(family, IteratorMode::From(from, Direction::Forward));
        collect_while(pairs, |key| key <= to)
    }
}

/// A view of the store at one position.
pub struct Frozen<'a> {
    store: &'a Store,
    snapshot: rocksdb::Snapshot<'a>,
}

impl<'s> Frozen<'s> {
    /// The tree's edge at that position; its size is the position.
    pub fn tree_edge(&self) -> Result<TreeEdge, RegistryError> {
        tree_edge(self)
    }

    /// Every key from that one on, ascending.
    pub fn iterate<'a>(
        &'a self,
        family: Family,
        from: &[u8],
    ) -> impl Iterator<Item = Result<Pair, RegistryError>> + use<'a, 's> {
        let pairs = self
            .store
            .readable(family)
            .map(|family| self.snapshot.iterator_cf(family, IteratorMode::From(from, Direction::Forward)));
        pairs
            .into_iter()
            .flatten()
            .map(|pair| pair.map(|(key, value)| (key.into_vec(), value.into_vec())).map_err(storage("read")))
    }
}

impl Frozen<'_> {
    /// What is read of each key that begins with the prefix, ascending. For families of millions: no pair is copied, and what
    /// is kept in memory of others stays there.
    pub(crate) fn read_each<'a, T: 'a, F>(&'a self, family: Family, prefix: &[u8], read: F) -> EachRead<'a, F>
    where
        F: Fn(&[u8], &[u8]) -> Result<T, RegistryError> + 'a,
    {
        let pairs = self.store.readable(family).map(|family| {
            let mut options = ReadOptions::default();
            options.fill_cache(false);
            options.set_readahead_size(READ_AHEAD_OCTETS);
            let mut pairs = self.snapshot.raw_iterator_cf_opt(family, options);
            pairs.seek(prefix);
            pairs
        });
        EachRead { pairs, prefix: prefix.to_vec(), read }
    }
}

/// See [`Frozen::read_each`].
pub(crate) struct EachRead<'a, F> {
    /// `None` after the last one and after an error.
    pairs: Option<rocksdb::DBRawIterator<'a>>,
    prefix: Vec<u8>,
    read: F,
}

impl<T, F: Fn(&[u8], &[u8]) -> Result<T, RegistryError>> Iterator for EachRead<'_, F> {
    type Item = Result<T, RegistryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pairs = self.pairs.as_mut()?;
        let read = match pairs.item() {
            Some((key, value)) if key.starts_with(&self.prefix) => (self.read)(key, value),
            Some(_) => {
                self.pairs = None;
                return None;
            }
            // A list that broke off is not taken for one that ended.
            None => {
                let ended = pairs.status();
                self.pairs = None;
                return ended.err().map(|error| Err(storage("read")(error)));
            }
        };
        match read {
            Ok(_) => pairs.next(),
            Err(_) => self.pairs = None,
        }
        Some(read)
    }
}

/// Octets of a family's files that are read ahead while all of it is read.
const READ_AHEAD_OCTETS: usize = 4 << 20;

impl Reads for Frozen<'_> {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, RegistryError> {
        let value = self.store.readable(family).map(|family| self.snapshot.get_cf(family, key)).transpose();
        value.map(Option::flatten).map_err(storage("read"))
    }

    fn scan(&self, family: Family, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, RegistryError> {
        let Some(family) = self.store.readable(family) else { return Ok(BTreeMap::new()) };
        let pairs = self.snapshot.iterator_cf(family, IteratorMode::From(prefix, Direction::Forward));
        collect_while(pairs, |key| key.starts_with(prefix))
    }

    fn range(&self, family: Family, from: &[u8], to: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, RegistryError> {
        let Some(family) = self.store.readable(family) else { return Ok(BTreeMap::new()) };
        let pairs = self.snapshot.iterator_cf(family, IteratorMode::From(from, Direction::Forward));
        collect_while(pairs, |key| key <= to)
    }
}

/// Octets for people.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

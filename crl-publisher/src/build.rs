//! Building a cut: every CRL signed, all of them written one after the other into one segment file; and, when they were judged,
//! the signed manifest beside it.
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use pki::crl::{CrlHead, CrlKind, CrlWriteError, DeltaEntry, SignedCrl};
use pki::identity::IssuerKey;
use pki::lint::{CrlLinter, LintRefusal, LintedCrl};

use crate::generation::{MANIFEST_FILE, SEGMENT_FILE};
use crate::manifest::{Manifest, ManifestFile, hex};
use crate::plan::{CutFrame, PublishPlan};
use crate::segment::{Place, Segment};
use crate::signing::{CrlSigner, ManifestSigner, SignFailure};
use crate::slot::{CrlLayout, CrlSlot};
use crate::workers;

/// How often a signer is asked for one CRL before the cut is given up: a token session may drop once.
const SIGN_ATTEMPTS: usize = 2;

/// A CRL of this size or less is encoded whole before it is written, some at a time.
const ENCODED_BEFORE_OCTETS_MAX: u64 = 4 << 20;

/// Why a cut could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The disk is full, or broken.
    #[error("the cut's files could not be written: {0}")]
    Io(#[from] io::Error),
    /// A CRL could not be written.
    #[error("{slot}: {source}")]
    Write {
        /// Which.
        slot: CrlSlot,
        /// Why.
        source: CrlWriteError,
    },
    /// A CRL was written that no key may sign.
    #[error("{slot}: {source}")]
    Lint {
        /// Which.
        slot: CrlSlot,
        /// Which rules it breaks.
        source: LintRefusal,
    },
    /// A key did not sign.
    #[error("{slot}: {source}")]
    Sign {
        /// Which CRL.
        slot: CrlSlot,
        /// Why.
        source: SignFailure,
    },
    /// The plan has a CRL for which there is no signer.
    #[error("there is no signer for {issuer}")]
    NoSigner {
        /// Whose CRL.
        issuer: IssuerKey,
    },
    /// The plan has a CRL that the layout does not know.
    #[error("{slot} is not in the layout")]
    NotInLayout {
        /// Which.
        slot: CrlSlot,
    },
    /// What was signed and what is written are not one CRL.
    #[error("{slot}: what was signed has another length than what is written")]
    WrongSize {
        /// Which.
        slot: CrlSlot,
    },
    /// The manifest key did not sign.
    #[error("the manifest: {0}")]
    SignManifest(SignFailure),
}

/// Signs every CRL, and writes them into the segment in a folder that exists and is empty. Nothing is synced yet.
///
/// A CRL's entries are encoded twice, once for its signature and once for the file, because a signature's length is known only
/// when it is there, and DER says the length of the whole at its beginning. It costs less than keeping the octets.
pub(crate) fn build(
    folder: &Path,
    plan: &PublishPlan,
    layout: &CrlLayout,
    crl_signers: &[Arc<dyn CrlSigner>],
    worker_count: usize,
) -> Result<Segment, BuildError> {
    let mut signed = Vec::with_capacity(plan.slots().len());
    let mut offset = 0;
    let sign = |&slot: &CrlSlot| sign(slot, plan, layout, crl_signers);
    workers::in_order(plan.slots(), worker_count, sign, |&slot, crl| {
        let place = Place { offset, size: crl.size() as u64 };
        offset += place.size;
        signed.push((slot, crl, place));
        Ok::<_, BuildError>(())
    })?;
    let file = File::options().read(true).write(true).create_new(true).open(folder.join(SEGMENT_FILE))?;
    // Small ones are encoded side by side and written by one thread: two that write to one file wait for each other, at work.
    let encode = |(slot, crl, place): &(CrlSlot, SignedCrl, Place)| {
        let mut octets = Vec::new();
        if place.size <= ENCODED_BEFORE_OCTETS_MAX {
            octets.reserve_exact(crl.size());
            write(crl, *slot, plan, |piece| {
                octets.extend_from_slice(piece);
                Ok(())
            })?;
        }
        Ok::<_, BuildError>(octets)
    };
    workers::in_order(&signed, worker_count, encode, |(slot, crl, place), octets| {
        let mut offset = place.offset;
        let mut put = |piece: &[u8]| {
            file.write_all_at(piece, offset)?;
            offset += piece.len() as u64;
            Ok(())
        };
        if octets.is_empty() {
            write(crl, *slot, plan, &mut put)?;
        } else {
            put(&octets)?;
        }
        // Its neighbours' octets are safe from a plan that says one thing and then another, or a signer that hands back another CRL.
        if offset == place.offset + place.size { Ok(()) } else { Err(BuildError::WrongSize { slot: *slot }) }
    })?;
    let places = signed.into_iter().map(|(slot, _, place)| (slot, place)).collect();
    Ok(Segment { file: Arc::new(file), places })
}

fn sign(
    slot: CrlSlot,
    plan: &PublishPlan,
    layout: &CrlLayout,
    signers: &[Arc<dyn CrlSigner>],
) -> Result<SignedCrl, BuildError> {
    let issuer = slot.issuer;
    let signer = signers.iter().find(|signer| signer.issuer() == issuer).ok_or(BuildError::NoSigner { issuer })?;
    let scope = layout.scope(slot).ok_or(BuildError::NotInLayout { slot })?;
    let freshest_crl = layout.freshest_crl(slot);
    let CutFrame { cut_number, this_update, next_update, .. } = *plan.frame();
    let head = CrlHead {
        issuer,
        issuer_name: signer.issuer_name(),
        public_key: signer.public_key(),
        this_update,
        next_update,
        crl_number: cut_number,
        scope: &scope,
        kind: plan.kind(slot, freshest_crl.as_deref()),
    };
    let mut linted = lint(&head, || plan.entries(slot)).map_err(|error| error.at(slot))?;
    let mut attempt = 1;
    loop {
        match signer.sign(linted) {
            Ok(signed) => return Ok(signed),
            Err((_, source)) if attempt == SIGN_ATTEMPTS => return Err(BuildError::Sign { slot, source }),
            Err((handed_back, _)) => (linted, attempt) = (handed_back, attempt + 1),
        }
    }
}

fn lint<I: Iterator<Item = DeltaEntry>>(
    head: &CrlHead<'_>,
    entries: impl Fn() -> I,
) -> Result<LintedCrl, EntriesError> {
    let frame = head.frame(entries().map(DeltaEntry::size).sum())?;
    let mut linter = CrlLinter::new(frame, head)?;
    head.kind.write_entries(entries(), |piece| Ok::<_, EntriesError>(linter.entries(piece)?))?;
    Ok(linter.finish()?)
}

/// Writes a signed CRL with its entries.
fn write(
    crl: &SignedCrl,
    slot: CrlSlot,
    plan: &PublishPlan,
    mut piece: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), BuildError> {
    let mut put = |octets: &[u8]| piece(octets).map_err(EntriesError::Io);
    let written = put(crl.before())
        .and_then(|()| plan.kind(slot, None).write_entries(plan.entries(slot), &mut put))
        .and_then(|()| put(crl.after()));
    written.map_err(|error| error.at(slot))
}

/// Why the entries of one CRL do not become octets.
enum EntriesError {
    Write(CrlWriteError),
    Lint(LintRefusal),
    Io(io::Error),
}

impl EntriesError {
    fn at(self, slot: CrlSlot) -> BuildError {
        match self {
            Self::Write(source) => BuildError::Write { slot, source },
            Self::Lint(source) => BuildError::Lint { slot, source },
            Self::Io(source) => BuildError::Io(source),
        }
    }
}

impl From<CrlWriteError> for EntriesError {
    fn from(error: CrlWriteError) -> Self {
        Self::Write(error)
    }
}

impl From<LintRefusal> for EntriesError {
    fn from(refusal: LintRefusal) -> Self {
        Self::Lint(refusal)
    }
}

/// Writes the manifest beside a segment whose CRLs were read again: their hashes are those of what was read.
pub(crate) fn write_manifest(
    folder: &Path,
    plan: &PublishPlan,
    segment: &Segment,
    hashes: &BTreeMap<CrlSlot, [u8; 32]>,
    manifest_signer: &dyn ManifestSigner,
) -> Result<(), BuildError> {
    let file = |(&slot, place): (&CrlSlot, &Place)| manifest_file(plan, slot, place.size, &hashes[&slot]);
    let files = segment.places.iter().map(file).collect();
    let manifest = manifest(plan.frame(), files).to_be_signed(manifest_signer.public_key());
    let signed = manifest_signer.sign(manifest).map_err(|(_, failure)| BuildError::SignManifest(failure))?;
    Ok(File::create_new(folder.join(MANIFEST_FILE))?.write_all(signed.jws())?)
}

fn manifest_file(plan: &PublishPlan, slot: CrlSlot, size: u64, sha256: &[u8; 32]) -> ManifestFile {
    let cut_number = plan.frame().cut_number;
    let base_crl_number = match plan.kind(slot, None) {
        CrlKind::Complete { .. } => None,
        CrlKind::Delta { base_crl_number } => Some(base_crl_number),
    };
    ManifestFile {
        ca: slot.issuer.ca.to_string(),
        key: slot.issuer.key.get(),
        partition: slot.shape.to_string(),
        url: slot.immutable_path(cut_number),
        size,
        sha256: hex(sha256),
        crl_number: cut_number,
        base_crl_number,
    }
}

fn manifest(frame: &CutFrame, files: Vec<ManifestFile>) -> Manifest {
    let CutFrame { cut_number, log_position, tree_head, this_update, next_update, carried_at: _ } = *frame;
    Manifest {
        cut_number,
        log_position,
        tree_head: hex(&tree_head),
        this_update: this_update.to_string(),
        next_update: next_update.to_string(),
        files,
    }
}

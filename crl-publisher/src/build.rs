//! Building a cut: every CRL signed, all of them one after the other in one segment file, and the signed manifest beside it.
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use pki::algorithm::sha256;
use pki::crl::{CrlHead, CrlKind, CrlWriteError, SignedCrl};
use pki::identity::IssuerKey;
use pki::lint::{self, LintRefusal};

use crate::generation::{MANIFEST_FILE, SEGMENT_FILE};
use crate::manifest::{Manifest, ManifestFile, hex};
use crate::plan::{CutFrame, PublishPlan};
use crate::signing::{CrlSigner, ManifestSigner, SignFailure};
use crate::slot::{CrlLayout, CrlSlot};
use crate::workers;

/// How often a signer is asked for one CRL before the cut is given up: a token session may drop once.
const SIGN_ATTEMPTS: usize = 2;

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
    /// The manifest key did not sign.
    #[error("the manifest: {0}")]
    SignManifest(SignFailure),
}

/// Writes the cut's two files into a folder that exists and is empty. Nothing is synced yet.
pub(crate) fn build(
    folder: &Path,
    plan: &PublishPlan,
    layout: &CrlLayout,
    crl_signers: &[Arc<dyn CrlSigner>],
    manifest_signer: &dyn ManifestSigner,
    worker_count: usize,
) -> Result<(), BuildError> {
    let mut segment = BufWriter::new(File::create_new(folder.join(SEGMENT_FILE))?);
    let mut files = Vec::with_capacity(plan.slots().len());
    let build_one = |&slot: &CrlSlot| {
        let crl = build_crl(slot, plan, layout, crl_signers)?;
        let file = manifest_file(plan, slot, crl.der());
        Ok((file, crl))
    };
    workers::in_order(plan.slots(), worker_count, build_one, |_, (file, crl)| {
        segment.write_all(crl.der())?;
        files.push(file);
        Ok::<_, BuildError>(())
    })?;
    segment.flush()?;
    let manifest = manifest(plan.frame(), files).to_be_signed(manifest_signer.public_key());
    let signed = manifest_signer.sign(manifest).map_err(|(_, failure)| BuildError::SignManifest(failure))?;
    File::create_new(folder.join(MANIFEST_FILE))?.write_all(signed.jws())?;
    Ok(())
}

fn build_crl(
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
    let tbs_der = head.tbs_der(plan.entries(slot)).map_err(|source| BuildError::Write { slot, source })?;
    let mut linted = lint::crl(tbs_der, &head).map_err(|source| BuildError::Lint { slot, source })?;
    let mut attempt = 1;
    loop {
        match signer.sign(linted) {
            Ok(signed) => return Ok(signed),
            Err((_, source)) if attempt == SIGN_ATTEMPTS => return Err(BuildError::Sign { slot, source }),
            Err((handed_back, _)) => (linted, attempt) = (handed_back, attempt + 1),
        }
    }
}

fn manifest_file(plan: &PublishPlan, slot: CrlSlot, der: &[u8]) -> ManifestFile {
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
        size: der.len() as u64,
        sha256: hex(&sha256(der)),
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

//! What is told after each numbered durable step: nothing, but in crash tests.
use std::sync::Arc;

use ca::seam::LeafSigner;
use registry::writer::Durability;

/// Told after each numbered durable step.
pub type StepHook = Arc<dyn Fn(&'static str) + Send + Sync>;

/// Goes on.
#[cfg(not(feature = "kill-points"))]
pub fn step_hook() -> StepHook {
    Arc::new(|_| {})
}

/// Kills this process with SIGKILL after the step named by `AKASHI_KILL_AFTER`, if one is, at the
/// `AKASHI_KILL_AFTER_COUNT`th time (1 if not given).
#[cfg(feature = "kill-points")]
pub fn step_hook() -> StepHook {
    use std::sync::atomic::{AtomicU32, Ordering};
    // Nobody should run a nation on a build that an environment variable can stop.
    tracing::warn!("built with kill points, for crash tests alone");
    let Ok(name) = std::env::var("AKASHI_KILL_AFTER") else { return Arc::new(|_| {}) };
    let count = std::env::var("AKASHI_KILL_AFTER_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(1);
    let seen = AtomicU32::new(0);
    Arc::new(move |step| {
        if step == name && seen.fetch_add(1, Ordering::SeqCst) + 1 == count {
            let killed = std::process::Command::new("kill").arg("-KILL").arg(std::process::id().to_string()).status();
            // Not reached, unless there is no `kill` to run; then the test must not pass by going on.
            eprintln!("kill point {step}: {killed:?}");
            std::process::abort();
        }
    })
}

/// The signer as it is.
#[cfg(not(feature = "kill-points"))]
pub fn leaf_signer(signer: Arc<dyn LeafSigner>) -> Arc<dyn LeafSigner> {
    signer
}

/// The signer, which signs nothing while the file that `AKASHI_SIGNER_AWAY_WHILE` names is there; if one is named.
#[cfg(feature = "kill-points")]
pub fn leaf_signer(signer: Arc<dyn LeafSigner>) -> Arc<dyn LeafSigner> {
    match std::env::var_os("AKASHI_SIGNER_AWAY_WHILE") {
        Some(file) => Arc::new(away::Away { signer, file: file.into() }),
        None => signer,
    }
}

#[cfg(feature = "kill-points")]
mod away {
    use std::path::PathBuf;
    use std::sync::Arc;

    use ca::seam::{LeafSigner, TokenFailure};
    use pki::certificate::{Certificate, Issuer};
    use pki::lint::LintedCertificate;

    /// A signer that is away while a file is there.
    pub(super) struct Away {
        pub(super) signer: Arc<dyn LeafSigner>,
        pub(super) file: PathBuf,
    }

    impl LeafSigner for Away {
        fn issuer(&self) -> &Issuer {
            self.signer.issuer()
        }

        fn sign(&self, linted: LintedCertificate) -> Result<Certificate, (LintedCertificate, TokenFailure)> {
            if self.file.exists() {
                return Err((linted, TokenFailure("it is away, as a test wants".to_owned())));
            }
            self.signer.sign(linted)
        }
    }
}

/// Commits are synced.
#[cfg(not(feature = "kill-points"))]
pub const fn durability() -> Durability {
    Durability::Synced
}

/// Commits are synced, unless `AKASHI_UNSYNCED=1` asks to see the crash tests fail.
#[cfg(feature = "kill-points")]
pub fn durability() -> Durability {
    if std::env::var_os("AKASHI_UNSYNCED").is_some_and(|value| value == "1") {
        Durability::Unsynced
    } else {
        Durability::Synced
    }
}

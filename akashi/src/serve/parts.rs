//! The parts of a running Akashi, each made from those before it.
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use ca::authority::{Authority, Surroundings as Outside};
use ca::compromise::FILL_SERIALS;
use ca::doors::{DoorState, ISSUES_AT_ONCE_MAX, IssueLimits};
use ca::own::issuer_of;
use ca::seam::LeafSigner;
use crl_publisher::decide::Timetable;
use crl_publisher::publish::{Publisher, PublisherParts};
use crl_publisher::run::{Clock as PublisherClock, PublisherHandle, PublisherLoop};
use crl_publisher::serve::{CrlService, router as crl_router};
use crl_publisher::signing::CrlSigner;
use crl_publisher::slot::CrlLayout;
use hsm_mock::{Pin as TokenPin, SoftToken};
use ocsp_responder::{
    Clocks, Issuers, OcspDoor, OcspMetrics, OcspService, Responder, SigningLimits, closed_ocsp_routes,
};
use pki::certificate::{Issuer, Layout, Profile};
use registry::state::StateReads;
use registry::writer::{Durability, Followers, Surroundings};
use registry::{Clock, Registry};
use status::StatusIndex;
use utoipa_axum::router::OpenApiRouter;

use crate::clock::{LoopClock, SystemClock, monotonic, randomness};
use crate::config::Config;
use crate::delegation::{Delegation, delegate_algorithms};
use crate::failure::Failure;
use crate::feed::{self, CatchUpError, InProcessVisibility, IndexFollower};
use crate::folder::Folder;
use crate::init::{fix_phone_policies, require_fixed};
use crate::keys::{
    Labels, PartyAuthority, SharedToken, TokenCrlSigner, TokenKeyedHash, TokenLeafSigner, TokenManifestSigner,
    TokenVault,
};
use crate::ledger::RegistryLedger;
use crate::listen::Served;
use crate::mark::{Mark, MarkKeeper};
use crate::observe::{Metrics, Watched};
use crate::serve::metered;
use crate::snapshot::{SnapshotKeeper, Snapshots};
use crate::steps::{self, durability, step_hook};
use crate::tls::DoorTls;

/// How many cuts stay readable under their own names.
const KEPT_CUTS: usize = 3;
/// Requests that may wait for a signature: at 2,000 RSA signatures a second and core, half a second's worth.
const OCSP_WAITING: usize = 1_024;
/// After that a relying party is better told to try later.
const OCSP_PATIENCE: Duration = Duration::from_secs(2);

/// The parts.
pub struct Parts {
    /// The system of record.
    pub registry: Arc<Registry>,
    /// What health and metrics look at.
    pub watched: Arc<Watched>,
    /// The doors' TLS.
    pub door_tls: Arc<DoorTls>,
    door_state: DoorState,
    delegation: Arc<Delegation>,
    /// The CA keys whose certificates have not expired at the start.
    live: Vec<Issuer>,
    ocsp: Arc<OcspService>,
    publisher: Arc<Publisher>,
    timetable: Arc<Timetable>,
    clock: Arc<dyn PublisherClock>,
    // Kept for their ends: a last mark and a last snapshot, written when the parts are dropped.
    _mark_keeper: Option<MarkKeeper>,
    _snapshot_keeper: Option<SnapshotKeeper>,
}

/// The publisher's loop, and the way to ask it.
pub struct RunningPublisher {
    /// Asks it.
    pub handle: PublisherHandle,
    /// Runs it.
    pub run: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Parts {
    /// Starts everything but the listeners. When it returns, the log is recovered and the index is at its end.
    ///
    /// The log is compared with the mark, then with the published cut, and only then added to: recovery in an older copy
    /// would put rows into it that were never in the log (I25).
    pub fn start(config: &Config, system_clock: SystemClock) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(system_clock);
        let folder = Folder::new(&config.data_dir);
        folder.require_initialised()?;
        let pin = TokenPin::from_file(&config.pin_file)?;
        let token: SharedToken = Arc::new(SoftToken::open(&folder.token(), &pin, randomness())?);
        let (registry, followers) = open_registry(config, &folder, &clock)?;
        let mark_keeper = check_mark(&folder, &registry)?;
        let (index, snapshot_keeper) = start_index(&folder, &registry, &followers)?;
        fix_phone_policies(&registry, config)?;
        let ca_certificates = registry.store().issuers()?;
        let links = registry.store().links()?;
        let issuers = ca_certificates
            .iter()
            .map(|(issuer, certificate)| issuer_of(*issuer, certificate, &config.profile))
            .collect::<Result<Vec<_>, _>>()?;
        let publisher = Arc::new(open_publisher(config, &folder, &registry, &token, &issuers)?);
        let party_ca = Arc::new(PartyAuthority::new(Arc::clone(&token), Arc::clone(&clock))?);
        let authority = Arc::new(Authority::new(Outside {
            registry: Arc::clone(&registry),
            profile: Arc::new(config.profile.clone()),
            signers: issuers.iter().map(|issuer| leaf_signer(&token, issuer)).collect(),
            vault: Arc::new(TokenVault(Arc::clone(&token))),
            keyed_hash: Arc::new(TokenKeyedHash(Arc::clone(&token))),
            party_ca: Arc::clone(&party_ca) as _,
            visibility: Arc::new(InProcessVisibility(Arc::clone(&index))),
            clock: Arc::clone(&clock),
            randomness: randomness(),
            step: step_hook(),
            refusals_per_minute_max: config.refusals_per_minute_max,
            phone_hours: config.phone_hours,
        }));
        let recovered = authority.recover()?;
        tracing::info!(?recovered, "what a crash left has been settled");
        let served = Arc::new(Issuers::new());
        // OCSP ends with the key's own certificate: no delegate outlives it, and what the key signed has expired.
        let live: Vec<_> = issuers.iter().filter(|issuer| issuer.not_after > clock.now()).cloned().collect();
        for issuer in &live {
            served.add(issuer.issuer, &issuer.name.to_der(), &issuer.public_key);
        }
        let algorithms = delegate_algorithms(config.profile.algorithm());
        let manifest_key_pem = token.public_key(&Labels::manifest_key())?.to_pem();
        let delegation =
            Delegation { authority: Arc::clone(&authority), token, issuers: Arc::clone(&served), algorithms };
        for issuer in &live {
            delegation.ensure(issuer.issuer, clock.now())?;
        }
        let metrics = Metrics::new()?;
        let issue_limits = IssueLimits {
            at_work_max: (config.issues_at_once_per_core * cores()).min(ISSUES_AT_ONCE_MAX),
            waiting_per_desk_max: config.issues_waiting_per_desk_max,
        };
        let door_state = DoorState::new(authority, metrics.call_observer())
            .with_issue_limits(issue_limits)
            .with_loss_line(&config.loss_line);
        let responder = Responder::new(served, Arc::clone(&index), config.ocsp);
        let ocsp_metrics = OcspMetrics::register(&metrics.registry, &responder)?;
        let ocsp = Arc::new(ocsp_service(responder, &clock, ocsp_metrics));
        let door_tls = Arc::new(DoorTls::new(&folder, party_ca, config.api_hostnames.clone(), system_clock)?);
        let watched = Arc::new(Watched {
            ledger: Arc::clone(&registry),
            index,
            published: Arc::clone(publisher.published()),
            clock,
            ca_certificates,
            links,
            manifest_key_pem,
            gate: Arc::clone(door_state.gate()),
            authority: Arc::clone(door_state.authority()),
            metrics,
        });
        Ok(Self {
            registry,
            watched,
            door_tls,
            door_state,
            delegation: Arc::new(delegation),
            live,
            ocsp,
            publisher,
            timetable: Arc::new(config.timetable.clone()),
            clock: Arc::new(LoopClock::new(system_clock)),
            _mark_keeper: mark_keeper,
            _snapshot_keeper: snapshot_keeper,
        })
    }

    /// What the doors' routes work on.
    pub fn door_state(&self) -> DoorState {
        self.door_state.clone()
    }

    /// What the public listener serves: those routes, and `/ocsp/…` or that it is closed.
    pub fn served_in_public(&self, config: &Config, routes: Router) -> Served {
        if config.public_ocsp {
            Served { ocsp: Some(self.ocsp_door()), routes }
        } else {
            Served { ocsp: None, routes: routes.merge(closed_ocsp_routes()) }
        }
    }

    fn ocsp_door(&self) -> Arc<OcspDoor> {
        Arc::new(OcspDoor::new(Arc::clone(&self.ocsp)))
    }

    /// `/operators/v1/ocsp/…`
    pub fn metered_ocsp_routes(&self, config: &Config) -> OpenApiRouter<DoorState> {
        metered::routes(self.door_state(), self.ocsp_door(), config.operator_ocsp_rate, Arc::new(monotonic()))
    }

    /// Records what operators were told.
    pub fn usage_recorder(&self) -> Arc<dyn Fn() + Send + Sync> {
        let authority = Arc::clone(self.door_state.authority());
        Arc::new(move || {
            if let Err(error) = authority.record_usage() {
                tracing::error!(%error, unwritten = authority.meter().unwritten(), "usage could not be recorded now");
            }
        })
    }

    /// `/crl/…`
    pub fn crl_routes(&self) -> Router {
        crl_router(CrlService {
            published: Arc::clone(self.publisher.published()),
            timetable: Arc::clone(&self.timetable),
            clock: Arc::clone(&self.clock),
        })
    }

    /// The publisher's loop.
    pub fn publisher_loop(&self) -> Result<RunningPublisher, Failure> {
        let metrics = crl_publisher::metrics::PublisherMetrics::register(
            &self.watched.metrics.registry,
            Arc::clone(self.publisher.published()),
            Arc::clone(&self.timetable),
            Arc::clone(&self.clock),
        )?;
        let (publisher_loop, handle) = PublisherLoop::new(
            Arc::clone(&self.publisher),
            Arc::clone(&self.timetable),
            Arc::clone(&self.clock),
            metrics,
        )?;
        Ok(RunningPublisher { handle, run: Box::pin(publisher_loop.run()) })
    }

    /// Does what waits in the queue and can be done now.
    pub fn queue_worker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let authority = Arc::clone(self.door_state.authority());
        Arc::new(move || {
            if let Err(problem) = authority.work_queue() {
                tracing::warn!(problem = problem.kind().slug(), "what waits in the queue waits on");
            }
        })
    }

    /// Has the token wrap data keys ahead.
    pub fn wrapper(&self) -> Arc<dyn Fn() + Send + Sync> {
        let authority = Arc::clone(self.door_state.authority());
        Arc::new(move || authority.wrap_data_keys_ahead())
    }

    /// Signs what waits for the signer.
    pub fn signer(&self) -> Arc<dyn Fn() + Send + Sync> {
        let authority = Arc::clone(self.door_state.authority());
        Arc::new(move || authority.sign_waiting())
    }

    /// Fills in one chunk of what a compromised CA key's certificates count as; `true` if there was one.
    pub fn filler(&self) -> Arc<dyn Fn() -> bool + Send + Sync> {
        let authority = Arc::clone(self.door_state.authority());
        Arc::new(move || match authority.fill_compromise(FILL_SERIALS) {
            Ok(more) => more,
            Err(problem) => {
                tracing::error!(detail = problem.detail(), "the records of a compromised key could not be filled in");
                false
            }
        })
    }

    /// Settles issues that nobody came back for, renews OCSP keys and the doors' certificate.
    pub fn housekeeper(&self) -> Arc<dyn Fn() + Send + Sync> {
        let (delegation, door_tls) = (Arc::clone(&self.delegation), Arc::clone(&self.door_tls));
        let issuers: Vec<_> = self.live.iter().map(|issuer| (issuer.issuer, issuer.not_after)).collect();
        let clock = Arc::clone(&self.watched.clock);
        let authority = Arc::clone(self.door_state.authority());
        Arc::new(move || {
            authority.settle_overdue();
            for (issuer, _) in issuers.iter().filter(|(_, not_after)| *not_after > clock.now()) {
                if let Err(error) = delegation.ensure(*issuer, clock.now()) {
                    tracing::error!(%issuer, %error, "there is no OCSP key to serve with");
                }
            }
            if let Err(error) = door_tls.renew() {
                tracing::error!(%error, "the doors' certificate could not be renewed; the old one serves on");
            }
        })
    }
}

fn open_registry(
    config: &Config,
    folder: &Folder,
    clock: &Arc<dyn Clock>,
) -> Result<(Arc<Registry>, Arc<Followers>), Failure> {
    let surroundings = Surroundings {
        clock: Arc::clone(clock),
        randomness: randomness(),
        on_fatal: Box::new(|error| end(&format!("a commit failed, so what is durable is unknown: {error}"))),
        durability: durability(),
    };
    let (registry, followers) = Registry::open(&folder.registry(), surroundings)?;
    require_fixed(registry.store().as_ref(), config)?;
    Ok((Arc::new(registry), followers))
}

/// The status index at the log's end, following it, and whoever writes its snapshots.
fn start_index(
    folder: &Folder,
    registry: &Registry,
    followers: &Followers,
) -> Result<(Arc<StatusIndex>, Option<SnapshotKeeper>), Failure> {
    let (path, store) = (folder.status_index(), registry.store());
    let mut started = None;
    followers.add(|| {
        let (index, shown) = feed::at_start(store, &path)?;
        let index = Arc::new(index);
        started = Some((Arc::clone(&index), shown, store.tree_edge()?));
        let on_fatal =
            Box::new(|error: &status::ApplyError| end(&format!("the log does not fit the status index: {error}")));
        Ok::<_, CatchUpError>(IndexFollower::of(index, on_fatal))
    })?;
    let (index, shown, edge) = started.expect("the follower was made");
    let keeper = match durability() {
        Durability::Synced => {
            let snapshots =
                Snapshots { path, store: Arc::clone(store), index: Arc::clone(&index), edge, step: step_hook() };
            Some(SnapshotKeeper::start(snapshots, shown)?)
        }
        // A snapshot must not be ahead of what the disk has, which unsynced commits do not tell.
        Durability::Unsynced => None,
    };
    Ok((index, keeper))
}

/// Refuses a registry that is not the marked one, and keeps the mark from then on.
fn check_mark(folder: &Folder, registry: &Registry) -> Result<Option<MarkKeeper>, Failure> {
    let mark = Mark::read(folder.mark())?;
    mark.check(registry.store())?;
    Ok(match durability() {
        Durability::Synced => Some(MarkKeeper::start(mark, Arc::clone(registry.store()))?),
        // A mark is a promise about the disk, which unsynced commits do not give.
        Durability::Unsynced => None,
    })
}

/// Ends the process where going on would tell relying parties something that may not be so.
///
/// It aborts: `exit` would run the destructors of C++ statics under RocksDB's threads while they work, and whoever calls
/// this holds the registry's writer, so nothing can be stopped in order.
fn end(why: &str) {
    tracing::error!(why, "akashi ends here; start it again to continue from what is durable");
    std::process::abort();
}

fn leaf_signer(token: &SharedToken, issuer: &Issuer) -> Arc<dyn LeafSigner> {
    steps::leaf_signer(Arc::new(TokenLeafSigner::new(Arc::clone(token), issuer.clone())))
}

/// Which CRLs there are, and their names.
pub fn crl_layout(profile: &Profile) -> CrlLayout {
    let base_url = match profile.layout() {
        Layout::Default => Some(profile.settings().public_base_url.clone()),
        Layout::JpkiExact => None,
    };
    CrlLayout::national(profile.organization().to_owned(), base_url)
}

fn open_publisher(
    config: &Config,
    folder: &Folder,
    registry: &Arc<Registry>,
    token: &SharedToken,
    issuers: &[Issuer],
) -> Result<Publisher, Failure> {
    let crl_signer =
        |issuer: &Issuer| Arc::new(TokenCrlSigner::new(Arc::clone(token), issuer.clone())) as Arc<dyn CrlSigner>;
    Ok(Publisher::open(PublisherParts {
        ledger: Arc::new(RegistryLedger(Arc::clone(registry))),
        crl_signers: issuers.iter().map(crl_signer).collect(),
        manifest_signer: Arc::new(TokenManifestSigner::new(Arc::clone(token))?),
        layout: crl_layout(&config.profile),
        validity_seconds: config.crl_validity_seconds,
        folder: folder.crl(),
        kept_cuts: KEPT_CUTS,
        worker_count: cores(),
        step: step_hook(),
    })?)
}

/// How many cores this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The responder within the limits of this machine.
pub fn ocsp_service(responder: Responder, clock: &Arc<dyn Clock>, metrics: OcspMetrics) -> OcspService {
    let clock = Arc::clone(clock);
    let clocks = Clocks { now: Arc::new(move || clock.now()), elapsed: Arc::new(monotonic()) };
    let limits = SigningLimits { concurrent: cores(), waiting: OCSP_WAITING, patience: OCSP_PATIENCE };
    OcspService::new(responder, clocks, limits, metrics)
}

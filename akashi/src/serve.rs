//! `akashi serve`: everything wired together, started in the order in which each part relies on the one before.
pub mod cuts;
pub mod metered;
pub mod parts;
pub mod tasks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::DATE;
use axum::middleware::map_response;
use axum::response::Response;
use ca::doors::Further;
use pki::time::UnixTime;
use registry::Clock;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::listen::cores::Cores;
use crate::listen::descriptors::{connections_each, raise_limit};
use crate::listen::{Limits, Security, serve as listen};
use crate::observe::{metrics_routes, public_routes};
use crate::output::print;
use parts::Parts;
use tasks::Tasks;

/// How often keys and certificates are looked at for renewal.
const HOUSEKEEPING: Duration = Duration::from_hours(1);
/// How often the queue is looked at: who waits for the opening waits no longer than this after it.
const QUEUE: Duration = Duration::from_secs(2);
/// How often what waits for the signer is tried: a local token is asked again at little cost, and a desk waits no longer than
/// this after the signer is back.
const SIGNING: Duration = Duration::from_secs(1);
/// How often data keys are wrapped ahead.
const WRAPPING: Duration = Duration::from_secs(1);
/// How often what operators were told is recorded. A crash loses what was counted since, which is to be less than a minute.
const RECORDING_USAGE: Duration = Duration::from_secs(30);
/// How often it is looked whether a CA key was compromised.
const FILLING: Duration = Duration::from_secs(1);
/// Public, doors, metrics.
const LISTENERS: u64 = 3;

/// Runs until told to stop, on the machine's clock or, in a sandbox, on one that stands at that instant at the start.
pub fn serve(config: &Config, clock_starts_at: Option<UnixTime>) -> Result<(), Failure> {
    serve_while(config, sandbox_clock(config, clock_starts_at)?, until_told_to_stop)
}

/// The machine's clock or, in a sandbox alone, one that stands at that instant at the start.
pub fn sandbox_clock(config: &Config, starts_at: Option<UnixTime>) -> Result<SystemClock, Failure> {
    let Some(instant) = starts_at else { return Ok(SystemClock::REAL) };
    let folder = Folder::new(&config.data_dir);
    folder.require_initialised()?;
    folder.require_sandbox()?;
    Ok(SystemClock::starting_at(instant))
}

/// Runs for as long as the work takes, which is told the listeners' addresses; then stops in order.
pub fn serve_while<T>(
    config: &Config,
    clock: SystemClock,
    work: impl AsyncFnOnce(Addresses) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let limits = Limits::with_connections(connections_each(raise_limit(), LISTENERS));
    let parts = Parts::start(config, clock)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cores = Arc::new(Cores::start(parts::cores())?);
    let outcome = runtime.block_on(run(config, &parts, limits, Arc::clone(&cores), work));
    // Calls under way have been drained: what they were told is counted.
    drop(cores);
    parts.usage_recorder()();
    // What the writer was given is committed before the process ends.
    parts.registry.close();
    runtime.shutdown_timeout(Duration::from_secs(5));
    outcome
}

/// Where the listeners are.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    public: SocketAddr,
    api: SocketAddr,
    metrics: SocketAddr,
}

async fn until_told_to_stop(Addresses { public, api, metrics }: Addresses) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    print(&format!("ready public=http://{public} api=https://{api} metrics=http://{metrics}\n"))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: requests under way are finished");
    Ok(())
}

async fn run<T>(
    config: &Config,
    parts: &Parts,
    limits: Limits,
    cores: Arc<Cores>,
    work: impl AsyncFnOnce(Addresses) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let public = bind("public.listen", config.public_listen).await?;
    let api = bind("api.listen", config.api_listen).await?;
    let metrics = bind("metrics.listen", config.metrics_listen).await?;
    let addresses = Addresses { public: public.local_addr()?, api: api.local_addr()?, metrics: metrics.local_addr()? };
    let (stop, stopped) = watch::channel(false);

    let publisher = parts.publisher_loop()?;
    let further = Further {
        operators: parts.metered_ocsp_routes(config),
        administrators: cuts::routes(parts.door_state(), publisher.handle),
    };
    let public_router: Router = public_routes(Arc::clone(&parts.watched)).merge(parts.crl_routes());
    let api_router = ca::doors::routes(parts.door_state(), further);
    let tls = Security::MutualTls {
        config: parts.door_tls.config(),
        failures: parts.watched.metrics.handshake_failures.clone(),
    };
    let metrics_router = metrics_routes(Arc::clone(&parts.watched));
    let [public_router, api_router, metrics_router] =
        [public_router, api_router, metrics_router].map(|router| dated(router, Arc::clone(&parts.watched.clock)));
    let (mut listeners, mut workers) = (Tasks::default(), Tasks::default());
    workers.spawn("the publisher", publisher.run);
    workers.spawn("housekeeping", again_and_again(HOUSEKEEPING, parts.housekeeper()));
    workers.spawn("the queue", again_and_again(QUEUE, parts.queue_worker()));
    workers.spawn("what waits for the signer", again_and_again(SIGNING, parts.signer()));
    workers.spawn("data keys", again_and_again(WRAPPING, parts.wrapper()));
    workers.spawn("what was metered", again_and_again(RECORDING_USAGE, parts.usage_recorder()));
    workers.spawn("what a compromise is followed by", filling(parts.filler()));
    let public_served = parts.served_in_public(config, public_router);
    let public = listen(public, Security::Plain, public_served, limits, Some(cores), stopped.clone());
    listeners.spawn("the public listener", public);
    listeners.spawn("the doors' listener", listen(api, tls, api_router, limits, None, stopped.clone()));
    listeners.spawn("the metrics' listener", listen(metrics, Security::Plain, metrics_router, limits, None, stopped));
    // A node without one of them would look alive and not be: CRLs that grow old, a door that is shut.
    let outcome = tokio::select! {
        outcome = work(addresses) => outcome,
        name = listeners.one_ends() => Err(Failure::TaskEnded(name)),
        name = workers.one_ends() => Err(Failure::TaskEnded(name)),
    };
    stop.send_replace(true);
    listeners.all_end().await;
    workers.abort();
    outcome
}

/// Answers carry the clock's `Date`. hyper would write the machine's, which Last-Modified and Expires are not by.
fn dated(router: Router, clock: Arc<dyn Clock>) -> Router {
    router.layer(map_response(move |mut answer: Response| {
        let date = || HeaderValue::try_from(clock.now().http_date()).expect("dates are ASCII");
        answer.headers_mut().entry(DATE).or_insert_with(date);
        std::future::ready(answer)
    }))
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::Listen { key, address, source })
}

/// Works for as long as there is something to fill in, chunk by chunk, so that the doors' writes come in between.
async fn filling(filler: Arc<dyn Fn() -> bool + Send + Sync>) {
    loop {
        let filler = Arc::clone(&filler);
        // A panic in it is reported by the panic hook, and the next second tries again.
        let more = tokio::task::spawn_blocking(move || filler()).await.unwrap_or(false);
        if !more {
            tokio::time::sleep(FILLING).await;
        }
    }
}

async fn again_and_again(every: Duration, work: Arc<dyn Fn() + Send + Sync>) {
    loop {
        tokio::time::sleep(every).await;
        let work = Arc::clone(&work);
        // It signs and writes; a panic in it is reported by the panic hook, and the next time tries again.
        let _ = tokio::task::spawn_blocking(move || work()).await;
    }
}

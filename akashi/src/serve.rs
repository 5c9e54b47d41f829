//! `akashi serve`: everything wired together, started in the order in which each part relies on the one before.
pub mod cuts;
pub mod parts;
pub mod tasks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::failure::Failure;
use crate::listen::descriptors::{connections_each, raise_limit};
use crate::listen::{Limits, Security, serve as listen};
use crate::observe::{metrics_routes, public_routes};
use parts::Parts;
use tasks::Tasks;

/// How often keys and certificates are looked at for renewal.
const HOUSEKEEPING: Duration = Duration::from_hours(1);
/// Public, doors, metrics.
const LISTENERS: u64 = 3;

/// Runs until told to stop.
pub fn serve(config: &Config) -> Result<(), Failure> {
    let limits = Limits::with_connections(connections_each(raise_limit(), LISTENERS));
    let parts = Parts::start(config, Arc::new(SystemClock))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(run(config, &parts, limits));
    // Calls under way have been drained; what the writer was given is committed before the process ends.
    parts.registry.close();
    runtime.shutdown_timeout(Duration::from_secs(5));
    outcome
}

async fn run(config: &Config, parts: &Parts, limits: Limits) -> Result<(), Failure> {
    let public = bind("public.listen", config.public_listen).await?;
    let api = bind("api.listen", config.api_listen).await?;
    let metrics = bind("metrics.listen", config.metrics_listen).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopped) = watch::channel(false);

    let publisher = parts.publisher_loop(config)?;
    let cuts = cuts::routes(parts.door_state(), publisher.handle);
    let public_router: Router =
        public_routes(Arc::clone(&parts.watched)).merge(parts.ocsp_routes()).merge(parts.crl_routes(config));
    let api_router = cuts.merge(ca::doors::routes(parts.door_state()));
    let tls = Security::MutualTls {
        config: parts.door_tls.config(),
        failures: parts.watched.metrics.handshake_failures.clone(),
    };
    let metrics_router = metrics_routes(Arc::clone(&parts.watched));
    println!(
        "ready public=http://{} api=https://{} metrics=http://{}",
        public.local_addr()?,
        api.local_addr()?,
        metrics.local_addr()?
    );
    let (mut listeners, mut workers) = (Tasks::default(), Tasks::default());
    workers.spawn("the publisher", publisher.run);
    workers.spawn("housekeeping", housekeeping(parts.housekeeper()));
    listeners.spawn("the public listener", listen(public, Security::Plain, public_router, limits, stopped.clone()));
    listeners.spawn("the doors' listener", listen(api, tls, api_router, limits, stopped.clone()));
    listeners.spawn("the metrics' listener", listen(metrics, Security::Plain, metrics_router, limits, stopped));
    // A node without one of them would look alive and not be: CRLs that grow old, a door that is shut.
    let outcome = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        name = listeners.one_ends() => Err(Failure::TaskEnded(name)),
        name = workers.one_ends() => Err(Failure::TaskEnded(name)),
    };
    tracing::info!("stopping: requests under way are finished");
    stop.send_replace(true);
    listeners.all_end().await;
    workers.abort();
    outcome
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::Listen { key, address, source })
}

async fn housekeeping(housekeeper: Arc<dyn Fn() + Send + Sync>) {
    loop {
        tokio::time::sleep(HOUSEKEEPING).await;
        let housekeeper = Arc::clone(&housekeeper);
        // It signs and writes; a panic in it is reported by the panic hook, and the next hour tries again.
        let _ = tokio::task::spawn_blocking(move || housekeeper()).await;
    }
}

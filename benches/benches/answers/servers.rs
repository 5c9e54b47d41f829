//! The servers, each a process of its own.
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use akashi::clock::monotonic;
use akashi::listen::cores::Cores;
use akashi::listen::{Limits, Security, Served, serve as listen};
use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use benches::{BenchSigner, NOW, index, responder_with};
use ocsp_responder::{Clocks, OcspDoor, OcspMetrics, OcspService, OcspSettings, SigningLimits};
use pki::algorithm::{Algorithm, PublicKey};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::questions::CERTIFICATES;

/// The argument that makes this program the server.
pub(crate) const SERVE: &str = "serve";

/// The public door's listener over an index of [`CERTIFICATES`], until it is killed. An answer may be kept for an hour, the
/// most that can be set: nothing of the hot set grows old while it is measured.
pub(crate) fn serve(algorithm: Algorithm) -> ExitCode {
    let settings = OcspSettings::new(3_600, 28_800).expect("within bounds");
    let (responder, ca_key) = responder_with(index(CERTIFICATES), BenchSigner::new(algorithm), settings);
    let metrics = OcspMetrics::register(&Registry::new(), &responder).expect("a new registry");
    let since_start = monotonic();
    let now = move || NOW.plus_seconds(i64::try_from(since_start().as_secs()).expect("an hour at most"));
    let clocks = Clocks { now: Arc::new(now), elapsed: Arc::new(monotonic()) };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let limits = SigningLimits { concurrent: cores, waiting: 1_024, patience: Duration::from_mins(1) };
    let service = Arc::new(OcspService::new(responder, clocks, limits, metrics));
    let served = Served { ocsp: Some(Arc::new(OcspDoor::new(service))), routes: Router::new() };
    let cores = Some(Arc::new(Cores::start(cores).expect("threads")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        println!("{port} {}", STANDARD.encode(ca_key.spki_der()));
        let (_stop, stopped) = watch::channel(false);
        listen(listener, Security::Plain, served, Limits::with_connections(1_024), cores, stopped).await;
    });
    ExitCode::SUCCESS
}

/// A process that is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The door, and the CA key that questions name.
    pub(crate) fn door(algorithm: Algorithm) -> (Self, PublicKey) {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args([SERVE, algorithm.word()]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says where it listens");
        let (port, key) = line.trim_end().split_once(' ').expect("a port and a key");
        let key = STANDARD.decode(key).expect("base64");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().expect("a port")));
        (Self { child, address }, PublicKey::from_spki(&key).expect("the server's CA key"))
    }

    /// nginx with the files below that folder, which it may write beside; `None` if there is no nginx. Files are sent as in
    /// Debian's own configuration, without a log of accesses, with the headers that an OCSP answer has.
    pub(crate) fn nginx(folder: &Path) -> Option<Self> {
        let program = program("AKASHI_NGINX", "nginx")?;
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let place = folder.display();
        let configuration = format!(
            r#"daemon off; master_process off; pid {place}/pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_timeout 600; keepalive_requests 1000000000;
    client_body_temp_path {place}/1; proxy_temp_path {place}/2; fastcgi_temp_path {place}/3;
    uwsgi_temp_path {place}/4; scgi_temp_path {place}/5;
    default_type application/ocsp-response;
    server {{
        listen {address};
        root {place}/files;
        location / {{
            expires 3600; add_header Cache-Control "public, no-transform, must-revalidate";
            error_page 405 =200 $uri;
        }}
    }}
}}
"#
        );
        let path = folder.join("nginx.conf");
        std::fs::write(&path, configuration).expect("the folder can be written");
        let accepts = || TcpStream::connect(address).is_ok();
        Some(Self::start(Command::new(program).arg("-c").arg(&path).arg("-e").arg("stderr"), address, accepts))
    }

    /// Another program's server, once it is ready.
    pub(crate) fn start(command: &mut Command, address: SocketAddr, is_ready: impl Fn() -> bool) -> Self {
        let mut server = Self { child: command.spawn().expect("the program starts"), address };
        let elapsed = monotonic();
        while !is_ready() {
            assert!(elapsed() < Duration::from_mins(1), "{command:?} is ready");
            assert!(matches!(server.child.try_wait(), Ok(None)), "{command:?} goes on");
            std::thread::yield_now();
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program that the variable names, or one of that name.
pub(crate) fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).chain([Path::new("/usr/sbin").join(name)]);
    named.into_iter().chain(found).find(|program| program.is_file())
}

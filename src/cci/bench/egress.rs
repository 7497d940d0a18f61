//! Measures connections that are judged by name, beside straight ones, and launches with an allowlist of names.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cci_core::network::Mode;
use cci_core::{Error, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::bed::Bed;
use super::child::{self, Home};
use super::collected::Collected;
use super::launching::SHELL;
use super::resident;
use super::row::Who;
use super::straight::{STREAM, Served, Serves, server, through};
use cci_engine::blocking::blocking;

/// The project directory of the session.
const PROJECT: &str = "egress";
/// The name that is asked for.
const NAME: &str = "bench.example.com";
/// How many connections are opened in a round.
const OPENED: usize = 100;
/// How many are kept open, if this process may have as many files.
const IDLE: u64 = 5_000;
/// The ends of each, all of them in this process.
const ENDS: u64 = 4;
/// The files that this process has besides.
const OTHERS: u64 = 500;
/// How long anything may take on a connection.
const PATIENCE: Duration = Duration::from_secs(60);
const CONNECT: &[&str] = &["egress-connect", "egress-connect-99"];

/// Measures everything about it that is wanted.
pub(super) async fn measure(bed: &Bed, all: &Collected) -> Result<()> {
    bed.part(all, &["egress-idle"], idle(bed, all)).await?;
    for round in 0..=bed.runs {
        all.begin(round);
        bed.part(all, &["egress-stream"], stream(bed, all, "egress-stream", Serves::Stream)).await?;
        bed.part(all, &["egress-http"], stream(bed, all, "egress-http", Serves::Http)).await?;
        bed.part(all, CONNECT, connect(bed, all)).await?;
    }
    bed.part(all, &["shell-named"], launches(bed, all)).await
}

/// A server, and the way to it by name.
struct Ways {
    server: Served,
    by_name: Served,
}

impl Ways {
    fn to(serves: Serves) -> Result<Self> {
        let host = |source| Error::Host { step: "listen on", path: "loopback".into(), source };
        let straight = server(serves).map_err(host)?;
        let by_name = through(straight.address, serves).map_err(host)?;
        Ok(Self { server: straight, by_name })
    }

    fn both(&self) -> [(Who, SocketAddr); 2] {
        [(Who::Cci, self.by_name.address), (Who::Floor, self.server.address)]
    }
}

async fn stream(bed: &Bed, all: &Collected, key: &'static str, serves: Serves) -> Result<()> {
    let (ways, words) = (Ways::to(serves)?, words(serves)?);
    for (who, address) in ways.both() {
        let words = Arc::clone(&words);
        bed.calm().await?;
        let read = blocking(move || read_all(address, &words));
        all.took(key, who, bed.timed(read).await?.0);
    }
    Ok(())
}

async fn connect(bed: &Bed, all: &Collected) -> Result<()> {
    let (ways, words) = (Ways::to(Serves::Byte)?, words(Serves::Byte)?);
    for (who, address) in ways.both() {
        let words = Arc::clone(&words);
        bed.calm().await?;
        let opened = blocking(move || (0..OPENED).map(|_| first_byte(address, &words)).collect::<Result<Vec<_>>>());
        let mut took: Vec<Duration> = bed.timed(opened).await?.0.into_iter().map(|(took, _)| took).collect();
        took.sort_unstable();
        all.took("egress-connect", who, took[OPENED / 2]);
        all.took("egress-connect-99", who, took[OPENED - 2]);
    }
    Ok(())
}

/// What [`IDLE`] connections take that carry nothing; where this process may have fewer, those tell what all would take.
#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
async fn idle(bed: &Bed, all: &Collected) -> Result<()> {
    let count = IDLE.min(files().saturating_sub(OTHERS) / ENDS);
    let (ways, words) = (Ways::to(Serves::Byte)?, words(Serves::Byte)?);
    let address = ways.by_name.address;
    let opened = blocking(move || {
        // what the first connection makes stays
        let first = first_byte(address, &words)?;
        let before = resident::mib("self")?;
        let kept = (0..count).map(|_| first_byte(address, &words)).collect::<Result<Vec<_>>>()?;
        let mib = resident::mib("self")? - before;
        drop((first, kept));
        Ok(mib)
    });
    let (mib, _) = bed.timed(opened).await?;
    all.add("egress-idle", Who::Cci, mib * IDLE as f64 / count.max(1) as f64);
    Ok(())
}

/// How many files this process may have open, after it has asked for as many as it needs.
fn files() -> u64 {
    let wanted = ENDS * IDLE + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(wanted).min(wanted).max(limit.current.unwrap_or(wanted));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit }) {
        Ok(()) => most,
        Err(_) => limit.current.unwrap_or(most),
    }
}

/// Launches with an allowlist of names and on an open network.
async fn launches(bed: &Bed, all: &Collected) -> Result<()> {
    let home = home(bed).await?;
    let name = [bed.name(PROJECT, 1)];
    for round in 0..=bed.runs {
        all.begin(round);
        for (who, mode) in [(Who::Cci, Mode::Allowlist), (Who::Floor, Mode::Open)] {
            bed.calm().await?;
            all.took("shell-named", who, child::cci_at_under(bed, &home, mode, PROJECT, &SHELL).await?.took);
            bed.end(&name).await?;
        }
    }
    child::cci_at(bed, &home, PROJECT, &["supervisor", "stop"]).await.map(drop)
}

/// A home with an allowlist.
async fn home(bed: &Bed) -> Result<Home> {
    let home = Home { path: bed.dir("named")?, api: None };
    let file: PathBuf = home.path.join(".config/cci/config.toml");
    blocking(move || {
        let host = |source| Error::Host { step: "write", path: file.clone(), source };
        std::fs::create_dir_all(file.parent().unwrap_or(&file)).map_err(host)?;
        std::fs::write(&file, format!("[network]\nallowed_domains = [\"{NAME}\"]\n")).map_err(host)
    })
    .await?;
    Ok(home)
}

/// The first words of a client: a hello of TLS, or a request of HTTP.
fn words(serves: Serves) -> Result<Arc<[u8]>> {
    if serves == Serves::Http {
        return Ok(format!("GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n").into_bytes().into());
    }
    let hello = || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
        let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from(NAME).ok()?).ok()?;
        let mut hello = Vec::new();
        client.write_tls(&mut hello).ok()?;
        Some(hello)
    };
    hello().map(Into::into).ok_or_else(|| Error::Internal("no hello of TLS can be made".into()))
}

/// Opens a connection; how long it took until the first byte came.
fn first_byte(address: SocketAddr, words: &[u8]) -> Result<(Duration, TcpStream)> {
    let began = Instant::now();
    let opened = || {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        stream.write_all(words)?;
        stream.read_exact(&mut [0])?;
        Ok(stream)
    };
    let stream = opened().map_err(unanswered)?;
    Ok((began.elapsed(), stream))
}

/// Reads a whole stream; how long it took.
fn read_all(address: SocketAddr, words: &[u8]) -> Result<Duration> {
    let began = Instant::now();
    let (_, mut stream) = first_byte(address, words)?;
    let mut piece = vec![0; 256 * 1024];
    let mut left = STREAM - 1;
    while left > 0 {
        match stream.read(&mut piece).map_err(unanswered)? {
            0 => return Err(unanswered(std::io::ErrorKind::UnexpectedEof.into())),
            count => left = left.saturating_sub(count),
        }
    }
    Ok(began.elapsed())
}

fn unanswered(source: std::io::Error) -> Error {
    Error::Host { step: "ask", path: "a server of the bench".into(), source }
}

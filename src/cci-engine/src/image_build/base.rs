//! What a build starts from: found, fetched or bootstrapped, and imported into Incus.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cci_core::build::metadata::metadata;
use cci_core::build::source::{ImageSource, SERVER_ALIAS, Suite, is_safe_way};
use cci_core::mark::LAUNCH;
use cci_core::{Error, Result};
use cci_guest::GuestText;
use cci_guest::archive;
use cci_incus::{ImageName, ImageServer, ImageStreams, NewImage, Source, Uploaded};
use tempfile::TempDir;

use super::bootstrap::bootstrap;
use super::log::Log;
use super::steps::timed;
use crate::context::Context;
use crate::event::{Activity, Amount, BuildEvent, BuildStep, Fallback, Progress, ServerProblem};
use crate::incus_error::DuringStep;
use crate::incus_progress::incus_progress;
use crate::roll_back;

/// How long an image server may take to say what it has; it is asked before anything else, so the user waits.
const ANSWER: Duration = Duration::from_secs(5);
/// How long Incus may take for an import.
const IMPORT: Duration = Duration::from_secs(10 * 60);

/// Where the root file system is.
pub(crate) enum Base {
    /// In Incus.
    Local { name: String, fingerprint: String },
    /// On an image server.
    Server { url: String, alias: String },
    /// In a tarball on the host, in a directory of our own if it was created for this build.
    Tarball { name: String, rootfs: PathBuf, _made: Option<TempDir> },
}

impl fmt::Display for Base {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local { name, .. } | Self::Tarball { name, .. } => write!(out, "{name}"),
            Self::Server { alias, .. } => write!(out, "images:{alias}"),
        }
    }
}

/// Resolves the source; an interrupt leaves nothing behind.
pub(crate) async fn find(cx: &Context, source: &ImageSource, log: &Log) -> Result<Base> {
    match source {
        ImageSource::Auto => automatic(cx, log).await,
        ImageSource::Server(alias) => Ok(Base::Server { url: image_server(cx)?, alias: alias.clone() }),
        ImageSource::Bootstrap(suite) => bootstrapped(cx, suite, log).await,
        ImageSource::Local(name) => roll_back::on_failure(cx, local(cx, name)).await,
        ImageSource::Tarball(path) => tarball(cx, path),
    }
}

/// An image that Incus has, by alias or fingerprint.
pub(crate) async fn local(cx: &Context, name: &str) -> Result<Base> {
    let found = cx.client.image_by(name).await.during("look for the base image")?;
    let found = found.ok_or_else(|| Error::ImageNotFound { image: name.to_owned() })?;
    Ok(Base::Local { name: name.to_owned(), fingerprint: found.fingerprint })
}

/// The image server if it has what we need, else the bootstrap.
async fn automatic(cx: &Context, log: &Log) -> Result<Base> {
    let url = image_server(cx)?;
    cx.emit(BuildEvent::AskingServer { url: url.clone() });
    let problem = roll_back::on_failure(cx, async { Ok(problem(&url).await) }).await?;
    let Some(problem) = problem else {
        cx.emit(BuildEvent::FromServer { url: url.clone(), alias: SERVER_ALIAS.to_owned() });
        return Ok(Base::Server { url, alias: SERVER_ALIAS.to_owned() });
    };
    let suite = Suite::standard();
    let fallback = Fallback { url, problem, suite: suite.clone() };
    let line = fallback.to_string();
    cx.emit(BuildEvent::Fallback(fallback));
    log.say(&line).await?;
    bootstrapped(cx, &suite, log).await
}

/// The configured server, if nobody on the way can change what it sends.
fn image_server(cx: &Context) -> Result<String> {
    let url = &cx.settings.build.image_server;
    if is_safe_way(url) {
        return Ok(url.clone());
    }
    Err(Error::Config {
        problem: format!("build.image_server: '{}' does not begin with https://", GuestText::new(url)),
        hint: Some("over http anybody on the way could send another image; plain http is for this machine only".into()),
    })
}

/// Why the image server cannot be used; `None` if it can.
async fn problem(url: &str) -> Option<ServerProblem> {
    let asked = async { ImageStreams::new(url)?.find(SERVER_ALIAS, std::env::consts::ARCH).await };
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(Ok(Some(_))) => None,
        Ok(Ok(None)) => Some(ServerProblem::NoImage { alias: SERVER_ALIAS, arch: std::env::consts::ARCH }),
        Ok(Err(_)) => Some(ServerProblem::Unreachable),
        Err(_) => Some(ServerProblem::Silent { within: ANSWER }),
    }
}

async fn bootstrapped(cx: &Context, suite: &Suite, log: &Log) -> Result<Base> {
    let made = TempDir::with_prefix("cci-build-").map_err(|source| Error::Host {
        step: "create a directory in",
        path: std::env::temp_dir(),
        source,
    })?;
    let rootfs = made.path().join("rootfs.tar");
    timed(cx, log, &BuildStep::Bootstrap(suite.clone()), bootstrap(cx, suite, &rootfs, log)).await?;
    Ok(Base::Tarball { name: format!("bootstrap:{}", suite.as_str()), rootfs, _made: Some(made) })
}

fn tarball(cx: &Context, path: &Path) -> Result<Base> {
    let rootfs = match path.strip_prefix("~") {
        Ok(rest) => cx.caller.home.join(rest),
        Err(_) => cx.caller.current_dir.join(path),
    };
    std::fs::File::open(&rootfs).map_err(|source| Error::Host { step: "read", path: rootfs.clone(), source })?;
    Ok(Base::Tarball { name: path.to_string_lossy().into_owned(), rootfs, _made: None })
}

/// A base that Incus can create a container from.
pub(crate) struct Imported {
    source: Source,
    /// An image that exists for this build only.
    temporary: Option<String>,
}

impl Base {
    /// Imports into Incus what it does not have yet; what that creates is labelled.
    pub(crate) async fn import(self, cx: &Context, mark: &str) -> Result<Imported> {
        match self {
            Self::Local { fingerprint, .. } => {
                Ok(Imported { source: Source::fingerprint(fingerprint), temporary: None })
            }
            Self::Server { url, alias } => {
                let server = ImageServer { url, protocol: "simplestreams".to_owned(), certificate: None };
                let source = Source::Image { image: ImageName::Alias(alias), server: Some(server) };
                Ok(Imported { source, temporary: None })
            }
            Self::Tarball { name, rootfs, .. } => {
                let fingerprint = import(cx, &name, &rootfs, mark).await?;
                Ok(Imported { source: Source::fingerprint(&fingerprint), temporary: Some(fingerprint) })
            }
        }
    }
}

async fn import(cx: &Context, name: &str, rootfs: &Path, mark: &str) -> Result<String> {
    let description = metadata(std::env::consts::ARCH, jiff::Timestamp::now().as_second(), name);
    let metadata = archive::file("metadata.yaml", description.as_bytes());
    let during = "import the root file system";
    let image = NewImage::default().property(LAUNCH, mark);
    let reporter = cx.reporter.clone();
    let uploaded = move |sent: Uploaded| {
        let amount = Amount::Bytes { done: sent.sent, total: Some(sent.total) };
        reporter.emit(Progress { activity: Activity::ImportRootfs, amount }.into());
    };
    let operation = cx.client.import_split(metadata, rootfs, &image, uploaded).await.during(during)?;
    let done = operation
        .wait_with_progress(during, IMPORT, incus_progress(cx, Activity::ImportRootfs))
        .await
        .during(during)?;
    let fingerprint = done.metadata["fingerprint"].as_str();
    fingerprint.map(str::to_owned).ok_or_else(|| Error::Internal("an imported image has no fingerprint".into()))
}

impl Imported {
    /// What a container is created from.
    pub(crate) fn source(&self) -> Source {
        self.source.clone()
    }

    /// Removes an image that is not needed once its container exists.
    pub(crate) async fn remove(self, cx: &Context) -> Result<()> {
        let Some(fingerprint) = self.temporary else { return Ok(()) };
        let during = "remove the imported base";
        let operation = cx.client.delete_image(&fingerprint).await.during(during)?;
        operation.wait(during, IMPORT).await.map(drop).during(during)
    }
}

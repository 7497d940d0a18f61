//! Host paths that a container gets to see: in every verb, each is checked behind its links and examined at the same
//! time.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cci_agent::{Agent, agents};
use cci_core::host_disk::HostPath;
use cci_core::idmap::Ids;
use cci_core::mount::{self, MountError, PROTECTED, Protected};
use cci_core::pin::{Birth, Identity};
use cci_core::settings::Settings;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_guest::GuestText;
use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use crate::blocking::blocking;
use crate::context::Context;
use crate::instance::ownership::{self, Whose};
use crate::launch;
use cci_host::caller::Caller;
use cci_host::incus_socket;
use cci_host::store::{forks, noted, session_worktrees};

/// The resolved place of something that exists, may be read, and may be mounted; and what is there, examined at once,
/// so that nothing can be put in its place in between.
pub(crate) fn judged(path: &Path, protected: &[Protected]) -> Result<HostPath> {
    judged_open(path, protected).map(|(found, _)| found)
}

/// The same, and keeps it open.
pub(crate) fn judged_open(path: &Path, protected: &[Protected]) -> Result<(HostPath, OwnedFd)> {
    let (found, there) = seen(path, protected)?;
    rustix::fs::access(found.path(), Access::READ_OK).map_err(|_| locked(path, "it cannot be read by this user"))?;
    Ok((found, there))
}

fn unusable(path: &Path) -> impl Fn(String) -> Error {
    move |problem| Error::Config { problem: format!("cannot mount {}: {problem}", GuestText::new(path)), hint: None }
}

/// For a path that this user may not use; a container's root may have changed its owner or mode.
fn locked(path: &Path, problem: &str) -> Error {
    let path = GuestText::new(path);
    let hint =
        Some(format!("check its owner and mode with `ls -ld {path}`; if a container changed them, run `cci reclaim`"));
    Error::Config { problem: format!("cannot mount {path}: {problem}"), hint }
}

/// The same for what this user may not be able to read.
fn seen(path: &Path, protected: &[Protected]) -> Result<(HostPath, OwnedFd)> {
    let unusable = unusable(path);
    let there = open(path, OFlags::empty()).map_err(|error| match error {
        Errno::NOENT => unusable("it does not exist".into()),
        Errno::ACCESS => locked(path, "this user may not enter a directory above it"),
        other => unusable(io::Error::from(other).to_string()),
    })?;
    let host = real_place(&there).map_err(|error| unusable(error.to_string()))?;
    mount::check_host(&host, protected).map_err(|error| refused(&error))?;
    let (identity, owner, kind) = look(&there).map_err(|error| unusable(io::Error::from(error).to_string()))?;
    if !matches!(kind, FileType::Directory | FileType::RegularFile) {
        return Err(unusable("it is neither a directory nor a file".into()));
    }
    Ok((HostPath::new(&host, identity, owner)?, there))
}

/// The same for what the caller need not be able to read, if no link but the administrator's leads there: a process
/// with more rights than the caller's then goes where the caller sees it go.
pub(crate) fn judged_without_links(path: &Path, protected: &[Protected]) -> Result<HostPath> {
    let expected = without_links(path)?;
    let (found, _) = seen(path, protected)?;
    if found.path() == expected {
        return Ok(found);
    }
    Err(behind_link(path, found.path()))
}

/// The target of a path when only links that belong to root are followed.
fn without_links(path: &Path) -> Result<PathBuf> {
    let mut place = PathBuf::new();
    for part in path.components() {
        place.push(part);
        match fs::symlink_metadata(&place) {
            Ok(meta) if meta.is_symlink() && meta.uid() == 0 => place = real(&place),
            Ok(meta) if meta.is_symlink() => return Err(behind_link(&place, &real(&place))),
            // a missing file is reported by whoever opens it
            _ => {}
        }
    }
    Ok(place)
}

fn behind_link(link: &Path, target: &Path) -> Error {
    Error::Usage {
        problem: format!("{} is a link to {}", GuestText::new(link), GuestText::new(target)),
        hint: Some("name the place itself".into()),
    }
}

/// A place below `~/.cci` that cci itself created for containers; it must not be a link.
pub fn own(path: &Path) -> Result<HostPath> {
    let failed = |error: Errno| Error::Host { step: "open", path: path.to_owned(), source: error.into() };
    let there = open(path, OFlags::NOFOLLOW).map_err(failed)?;
    let (identity, owner, kind) = look(&there).map_err(failed)?;
    if kind == FileType::Symlink {
        return Err(failed(Errno::LOOP));
    }
    let place = real_place(&there).map_err(|source| Error::Host { step: "open", path: path.to_owned(), source })?;
    HostPath::new(&place, identity, owner)
}

fn open(path: &Path, further: OFlags) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC | further, Mode::empty())
}

fn real_place(there: &OwnedFd) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", there.as_raw_fd()))
}

fn look(there: &OwnedFd) -> rustix::io::Result<(Identity, Ids, FileType)> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let found = rustix::fs::statx(there, "", AtFlags::EMPTY_PATH, wanted)?;
    let born = if StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::BTIME) {
        Birth { seconds: found.stx_btime.tv_sec, nanoseconds: found.stx_btime.tv_nsec }
    } else {
        Birth::default()
    };
    let device = rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor);
    let kind = FileType::from_raw_mode(found.stx_mode.into());
    let owner = Ids { uid: found.stx_uid, gid: found.stx_gid };
    Ok((Identity { device, inode: found.stx_ino, born }, owner, kind))
}

/// What a path leads to, through links; `None` if that cannot be found out.
pub(crate) fn identity(path: &Path) -> Option<Identity> {
    open(path, OFlags::empty()).and_then(|there| look(&there)).ok().map(|(identity, ..)| identity)
}

/// A path with all links resolved; the path itself if it does not exist.
#[must_use]
pub fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The workspace of this call with all links resolved; a file system that does not answer is waited for until the call is
/// to stop.
pub(crate) async fn real_workspace(cx: &Context) -> Result<PathBuf> {
    let workspace = cx.workspace.path().to_owned();
    cx.scope.until_cancelled(blocking(move || Ok(real(&workspace)))).await
}

/// What is in a workspace can be changed by its containers: a link there never leads a mount out of it.
pub(crate) fn stays_inside(wanted: &Path, host: &Path, root: &Path) -> Result<()> {
    if !leads_out(wanted, host, root) {
        return Ok(());
    }
    let (wanted, host, root) = (GuestText::new(wanted), GuestText::new(host), GuestText::new(root));
    let problem = format!("cannot mount {wanted}: it leads out of the workspace or mount {root}, to {host}");
    Err(Error::Config { problem, hint: Some("name that place itself, in a configuration file of your own".into()) })
}

/// The place that a verb writes to or reads from: where the typed path leads, without leaving a workspace.
///
/// It may not exist yet, but its directory must. Whoever opens it follows no links any more.
pub(crate) async fn followed(cx: &Context, verb: &str, typed: &Path) -> Result<PathBuf> {
    let wanted = Workspace::resolve(&cx.caller.current_dir, typed);
    let place = wanted.path().to_owned();
    let host = cx.scope.until_cancelled(blocking(move || real_or_new(&place))).await?;
    let (place, real, roots) = (wanted.path().to_owned(), host.clone(), guest_places(cx).await?);
    let look = move || Ok(roots.into_iter().find(|root| leads_out(&place, &real, root)));
    if let Some(root) = cx.scope.until_cancelled(blocking(look)).await? {
        let (typed, host, root) = (GuestText::new(typed), GuestText::new(&host), GuestText::new(&root));
        let problem = format!("cannot {verb} {typed}: it leads out of the workspace or mount {root}, to {host}");
        return Err(Error::Usage { problem, hint: Some("name that place itself".into()) });
    }
    Ok(host)
}

/// Where a path leads, also if only its directory exists.
fn real_or_new(wanted: &Path) -> Result<PathBuf> {
    let failed = |source| Error::Host { step: "use", path: wanted.to_owned(), source };
    match (wanted.canonicalize(), wanted.parent(), wanted.file_name()) {
        (Ok(host), ..) => Ok(host),
        (Err(_), Some(dir), Some(name)) => Ok(dir.canonicalize().map_err(failed)?.join(name)),
        (Err(error), ..) => Err(failed(error)),
    }
}

/// Whether a path begins in a workspace and ends elsewhere.
#[must_use]
pub fn leads_out(wanted: &Path, host: &Path, root: &Path) -> bool {
    !host.starts_with(root) && wanted.ancestors().any(|above| real(above).starts_with(root))
}

/// Where containers of the caller may have put links: the workspace of this call, what the existing containers can
/// write, and what former ones could.
pub(crate) async fn guest_places(cx: &Context) -> Result<Vec<PathBuf>> {
    let (mut all, own) = (written_places(cx).await?, real_workspace(cx).await?);
    if !all.contains(&own) {
        all.push(own);
    }
    Ok(all)
}

/// The same without the workspace of this call, unless a container has had that already.
pub(crate) async fn written_places(cx: &Context) -> Result<Vec<PathBuf>> {
    let live = ownership::all_of(cx, Whose::Own).await?;
    let live: Vec<PathBuf> =
        live.iter().flat_map(|owned| owned.instance.writable_host_sources()).map(PathBuf::from).collect();
    let (store, cci_dir) = (launch::store(cx), cx.cci_dir());
    let look = move || {
        let noted = noted::PLACES.read(&cci_dir)?.into_iter().map(PathBuf::from);
        let saved = store.all()?.sessions.into_iter().map(|saved| saved.metadata.workspace);
        let all: BTreeSet<PathBuf> = live.into_iter().chain(saved).chain(noted).map(|place| real(&place)).collect();
        Ok(all.into_iter().collect())
    };
    cx.scope.until_cancelled(blocking(look)).await
}

/// The places of this user and of this host that containers never see.
pub(crate) fn protected(settings: &Settings, caller: &Caller) -> Vec<Protected> {
    let home = real(&caller.home);
    let closed = |path: PathBuf, below: bool| Protected { path: real(&path), below, except: Vec::new() };
    let cci = real(&home.join(".cci"));
    let mut protected = vec![
        closed(home.clone(), false),
        closed(home.join(".ssh"), true),
        closed(home.join(".config/cci"), true),
        closed(caller.config_dir(), true),
        closed(incus_socket::path(caller, settings), true),
        Protected {
            except: std::iter::once(cci.join("storage"))
                .chain(forks::workspaces(&cci))
                .chain(session_worktrees::workspaces(&cci))
                .collect(),
            path: cci,
            below: true,
        },
    ];
    let of_agents = agents().flat_map(Agent::protected);
    protected.extend(of_agents.map(|place| closed(home.join(place), true)));
    let named = agents().filter_map(|agent| caller.place_of(agent).named);
    protected.extend(named.map(|place| closed(place, true)));
    let of_every_host = PROTECTED.iter().filter(|path| !home.starts_with(path));
    protected.extend(of_every_host.map(|path| closed(PathBuf::from(path), true)));
    protected
}

/// A refusal as an error of the configuration.
pub(crate) fn refused(error: &MountError) -> Error {
    Error::Usage { problem: error.to_string(), hint: None }
}

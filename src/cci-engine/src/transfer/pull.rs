//! `file pull`: copies a file or a tree out of a container, assembled next to its place and moved there when complete.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_guest::transfer::{self, What};
use cci_guest::{GuestExit, GuestText};
use cci_incus::Status;

use super::flow::{self, Inlet};
use super::remote::{Remote, is_directory, missing};
use super::script;
use super::{Moved, stopped};
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::{Direction, TransferEvent};
use crate::instance::ownership;
use crate::ledger::Made;
use crate::site::host_path;
use cci_host::store::meter::Meter;
use cci_host::store::place::Place;
use cci_host::store::staging::Staging;
use cci_host::store::unpack::Unpack;

/// What to pull.
pub struct Pull {
    /// Where to pull it from.
    pub from: Remote,
    /// As it was typed.
    pub to: PathBuf,
    /// Whether to pull a directory with all its contents.
    pub recursive: bool,
    /// How many entries a container may send.
    pub max_entries: u64,
    /// How long it may be silent.
    pub silence: Duration,
}

/// Pulls it.
pub async fn pull(cx: &Context, ask: &Pull) -> Result<Moved> {
    of_kernel(&ask.from)?;
    let instance = ownership::find(cx, &ask.from.name).await?;
    let target = target(cx, ask).await?;
    let above =
        if ask.recursive && target.is_dir() { target.as_path() } else { target.parent().unwrap_or(Path::new("/")) };
    let failed = |source| Error::Host { step: "write to", path: above.to_owned(), source };
    let (staging, place) = (Staging::new(above).map_err(failed)?, Place::of(&target).map_err(failed)?);
    let made = Made::Staging(staging.path().to_owned());
    cx.scope.ledger.push(made.clone());
    let meter = Arc::new(Meter::default());
    let (inlet, outlet) = flow::flow();
    let (counted, single, max_entries) = (meter.clone(), !ask.recursive, ask.max_entries);
    let unpacking = blocking(move || {
        let dir = staging.dir().map_err(|source| Error::Host { step: "open", path: staging.path().into(), source })?;
        let unpacked = Unpack::new(dir, &place.name, single, max_entries, counted).run(outlet);
        unpacked.map(|unpacked| (unpacked, staging, place))
    });
    let sending = send(cx, ask, instance.status_code, inlet);
    let work = async { tokio::join!(sending, unpacking) };
    let (sent, unpacked) = flow::shown(cx, Direction::Pull, &meter, work).await;
    // why the data ended says more than that it ended
    sent?;
    let (unpacked, staging, place) = unpacked?;
    let (directories, arrived) = (unpacked.directories, target.clone());
    let tree = blocking(move || {
        let dir = staging.dir().map_err(|source| Error::Host { step: "open", path: staging.path().into(), source })?;
        place.settle(&dir, &directories)?;
        Ok(arrived.symlink_metadata().is_ok_and(|meta| meta.is_dir()))
    })
    .await?;
    cx.scope.ledger.forget(&made);
    for remark in unpacked.remarks {
        cx.emit(TransferEvent::Remark(remark));
    }
    Ok(Moved { tree, files: meter.files(), bytes: meter.bytes(), to: GuestText::new(target).to_string() })
}

/// The kernel makes these files while they are read, and says before that they are empty: tar would send nothing of them.
fn of_kernel(from: &Remote) -> Result<()> {
    let path = Path::new(&from.path);
    let goes_up = path.components().any(|part| part == Component::ParentDir);
    if goes_up || !["/proc", "/sys"].iter().any(|of_kernel| path.starts_with(of_kernel)) {
        return Ok(());
    }
    let (name, path) = (&from.name, GuestText::new(path));
    Err(Error::Usage {
        problem: format!("cannot pull {name}:{path}: the kernel makes its contents only while it is read"),
        hint: Some(format!("read it with `cci container exec {name} -- cat {path}`")),
    })
}

async fn send(cx: &Context, ask: &Pull, state: Status, inlet: Inlet) -> Result<()> {
    if state != Status::Running {
        return stopped::send(cx, &ask.from, ask.recursive, inlet).await;
    }
    let (dir, name) = ask.from.split().unwrap_or(("/", "."));
    let what = if ask.recursive { What::Tree } else { What::File };
    let command = transfer::send(what, &ask.from.path, dir, name);
    let ended = script::receive(cx, &ask.from.name, command, inlet, ask.silence).await?;
    let Some((exit, words)) = ended else { return Ok(()) };
    match exit {
        GuestExit::Success => Ok(()),
        transfer::TAR_CHANGED => {
            cx.emit(TransferEvent::Changed { words });
            Ok(())
        }
        GuestExit::NotFound => Err(missing(&ask.from)),
        GuestExit::IsDirectory => Err(is_directory(&ask.from)),
        GuestExit::NoProgram => Err(script::no_tar(&ask.from.name)),
        _ => Err(Error::StepFailed { step: "reading in the container".into(), problem: words, hint: None }),
    }
}

/// Where it goes: into an existing directory, else under the given name.
async fn target(cx: &Context, ask: &Pull) -> Result<PathBuf> {
    let to = Workspace::resolve(&cx.caller.current_dir, &ask.to);
    let to = to.path();
    let own: Option<OsString> = ask.from.split().map(|(_, name)| name.into());
    let failed = |problem: &str| Error::StepFailed {
        step: "pulling".into(),
        problem: format!("{} {problem}", GuestText::new(to)),
        hint: None,
    };
    if to.is_dir() {
        let to = host_path::followed(cx, "write to", &ask.to).await?;
        return Ok(own.map_or(to.clone(), |name| to.join(name)));
    }
    let named_dir = ask.to.as_os_str().as_encoded_bytes().ends_with(b"/");
    if to.exists() && ask.recursive {
        return Err(failed("is not a directory"));
    }
    if named_dir && !ask.recursive {
        return Err(failed("does not exist"));
    }
    let (Some(dir), Some(name)) = (to.parent(), to.file_name()) else { return Err(failed("is not a file name")) };
    // a link of that name is replaced, not followed
    Ok(host_path::followed(cx, "write to", dir).await?.join(name))
}

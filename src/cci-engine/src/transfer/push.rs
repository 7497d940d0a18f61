//! `file push`: copies a file or a tree of the host, as one tar stream into a container.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cci_core::{Error, Result};
use cci_guest::layout::{HOME, WORKSPACE};
use cci_guest::transfer::{self, What};
use cci_guest::{GuestExit, GuestText};
use cci_incus::Status;

use super::flow::{self, Inlet, Outlet};
use super::remote::Remote;
use super::script;
use super::{Moved, stopped};
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::{Direction, TransferEvent};
use crate::instance::ownership;
use crate::site::host_path;
use cci_host::store::meter::Meter;
use cci_host::store::pack::{Owner, Pack};
use cci_host::store::remark::Remark;

/// What to push.
pub struct Push {
    /// As it was typed.
    pub from: PathBuf,
    /// Where it goes.
    pub to: Remote,
    /// Whether to push a directory with all its contents.
    pub recursive: bool,
    /// The owner in the container, if not the agent's user.
    pub uid: Option<u32>,
    /// The group in the container, if not the agent's.
    pub gid: Option<u32>,
    /// The permission bits, if not those on the host.
    pub mode: Option<u32>,
}

/// Pushes it.
pub async fn push(cx: &Context, ask: &Push) -> Result<Moved> {
    let typed = cx.caller.current_dir.join(&ask.from);
    let from = host_path::followed(cx, "read", &ask.from).await?;
    let meta = from.metadata().map_err(|source| Error::Host { step: "read", path: ask.from.clone(), source })?;
    if meta.is_dir() && !ask.recursive {
        return Err(Error::Usage {
            problem: format!("{} is a directory", GuestText::new(&ask.from)),
            hint: Some("add -r to push it with everything in it".into()),
        });
    }
    let instance = ownership::find(cx, &ask.to.name).await?;
    let owner = owner(cx, ask);
    let meter = Arc::new(Meter::default());
    // of a sparse file only the data is sent
    if meta.is_file() && meta.blocks().saturating_mul(512) >= meta.len() {
        meter.expect_bytes(meta.len());
    }
    let (inlet, outlet) = flow::flow();
    let (counted, tree, source) = (meter.clone(), meta.is_dir(), from.clone());
    let packing = blocking(move || pack(&source, tree, owner, inlet, counted));
    let name = own_name(&typed, &ask.from)?;
    let taking = take(cx, ask, tree, &name, instance.status_code, outlet, owner);
    let work = async { tokio::join!(taking, packing) };
    let (taken, packed) = flow::shown(cx, Direction::Push, &meter, work).await;
    let remarks = match (packed, taken) {
        // the reader of the stream knows better why it broke
        (Err(Error::Host { source, .. }), Err(taken)) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            return Err(taken);
        }
        (Err(packed), _) => return Err(packed),
        (Ok(_), Err(taken)) => return Err(taken),
        (Ok(remarks), Ok(())) => remarks,
    };
    for remark in remarks {
        cx.emit(TransferEvent::Remark(remark));
    }
    let to = format!("{}:{}", ask.to.name, ask.to.path);
    Ok(Moved { tree, files: meter.files(), bytes: meter.bytes(), to })
}

/// Packs it; a failure corrupts the stream, so that the other end does not take half of it for the whole.
fn pack(from: &Path, tree: bool, owner: Owner, mut inlet: Inlet, meter: Arc<Meter>) -> Result<Vec<Remark>> {
    use std::io::Write;
    const SPOILED: [u8; 512] = [0xff; 512];
    let pack = Pack::new(&mut inlet, owner, meter);
    let name = from.file_name().unwrap_or_default();
    let packed = if tree { pack.tree(from) } else { pack.file(from, name) };
    if packed.is_err() {
        let _ = inlet.write_all(&SPOILED).and_then(|()| inlet.flush());
    }
    packed
}

async fn take(
    cx: &Context,
    ask: &Push,
    tree: bool,
    name: &str,
    state: Status,
    outlet: Outlet,
    owner: Owner,
) -> Result<()> {
    if state != Status::Running {
        return stopped::take(cx, &ask.to, tree, name, outlet, owner).await;
    }
    let command = transfer::take(if tree { What::Tree } else { What::File }, &ask.to.path, name);
    let (exit, words) = script::feed(cx, &ask.to.name, command, outlet).await?;
    let failed = |problem: String| Err(Error::StepFailed { step: "pushing".into(), problem, hint: None });
    let Remote { name: container, .. } = &ask.to;
    let path = GuestText::new(&ask.to.path);
    match exit {
        GuestExit::Success => Ok(()),
        GuestExit::NotFound => failed(format!("no directory for {path} in container {container}")),
        GuestExit::IsDirectory => failed(format!("{path} is a directory in container {container}, and stays")),
        GuestExit::NotDirectory => failed(format!("{path} is not a directory in container {container}, and stays")),
        GuestExit::NoProgram => Err(script::no_tar(container)),
        _ => failed(words),
    }
}

/// The agent's user under its home and the workspace, else root.
fn owner(cx: &Context, ask: &Push) -> Owner {
    let path = Path::new(&ask.to.path);
    let agents = path.starts_with(HOME) || path.starts_with(WORKSPACE);
    let id = if agents { cx.settings.incus.agent_uid } else { 0 };
    Owner { uid: ask.uid.unwrap_or(id), gid: ask.gid.unwrap_or(id), mode: ask.mode }
}

/// Its name in an existing directory; empty if the path names none, as with `.`.
fn own_name(from: &Path, typed: &Path) -> Result<String> {
    let bytes = typed.as_os_str().as_bytes();
    if bytes.ends_with(b"/.") || bytes == b"." {
        return Ok(String::new());
    }
    let Some(name) = from.file_name() else { return Ok(String::new()) };
    name.to_str().map(str::to_owned).ok_or_else(|| Error::usage(format!("{} is not UTF-8", GuestText::new(typed))))
}

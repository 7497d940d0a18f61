//! Measures `file push -r` and `file pull -r`: 2,000 files, 79 MB.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use cci_core::{Error, Result};
use cci_guest::transfer;
use cci_incus::Exec;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::bed::Bed;
use super::child;
use super::collected::Collected;
use super::floor::succeeded;
use super::row::Who;
use cci_engine::incus_error::DuringStep;

const FILES: u32 = 2000;
const BYTES: usize = 39_500;
/// Where the tree is in the container, by each of the ways.
const HOME: &str = "/home/code";

/// Makes the tree on the host.
pub(super) fn prepare(bed: &Bed) -> Result<()> {
    let tree = bed.dir("tree")?;
    let mut number = 1_u32;
    let mut contents = Vec::with_capacity(BYTES);
    for file in 0..FILES {
        contents.clear();
        while contents.len() < BYTES {
            // bytes that no file system or stream can make smaller
            number ^= number << 13;
            number ^= number >> 17;
            number ^= number << 5;
            contents.extend_from_slice(&number.to_le_bytes());
        }
        let dir = tree.join(format!("d{}", file % 20));
        let path = dir.join(format!("f{file}"));
        std::fs::create_dir_all(&dir)
            .and_then(|()| std::fs::write(&path, &contents))
            .map_err(|source| Error::Host { step: "write", path, source })?;
    }
    Ok(())
}

pub(super) async fn push(bed: &Bed, all: &Collected, name: &str) -> Result<()> {
    let tree = bed.dir("tree")?;
    let tree = tree.to_string_lossy();
    let target = format!("{name}:{HOME}/by-cci");
    bed.calm().await?;
    all.took("push", Who::Cci, child::cci(bed, "kept", &["file", "push", "-r", &tree, &target]).await?.took);
    bed.calm().await?;
    all.took("push", Who::Floor, bed.timed(tar_in(bed, name, Path::new(&*tree))).await?.1);
    if let Some(program) = &bed.incus {
        let target = format!("{name}{HOME}/by-incus/");
        bed.calm().await?;
        let ran = child::incus(bed, program, &["file", "push", "-r", "-p", &tree, &target]).await?;
        all.took("push", Who::Incus, ran.took);
    }
    in_container(bed, name, &["rm", "-rf", "/home/code/by-cci", "/home/code/by-incus"]).await
}

pub(super) async fn pull(bed: &Bed, all: &Collected, name: &str) -> Result<()> {
    if !is_there(bed, name).await? {
        tar_in(bed, name, &bed.dir("tree")?).await?;
    }
    let memory = in_memory(bed)?;
    let into = memory.path().join("pulled");
    let source = format!("{name}:{HOME}/by-tar");
    let target = into.to_string_lossy().into_owned();
    bed.calm().await?;
    all.took("pull", Who::Cci, child::cci(bed, "kept", &["file", "pull", "-r", &source, &target]).await?.took);
    removed(&into)?;
    made(&into)?;
    bed.calm().await?;
    let began = Instant::now();
    bed.timed(tar_out(bed, name, &into)).await?;
    all.took("pull", Who::Floor, began.elapsed());
    removed(&into)?;
    if let Some(program) = &bed.incus {
        made(&into)?;
        let source = format!("{name}{HOME}/by-tar");
        bed.calm().await?;
        let ran = child::incus(bed, program, &["file", "pull", "-r", &source, &target]).await?;
        all.took("pull", Who::Incus, ran.took);
        removed(&into)?;
    }
    Ok(())
}

/// Where a pulled tree lands: in memory, for a disk remembers the tree that was removed before, and makes each next one
/// wait (ext4 looks at every inode that was freed of late).
fn in_memory(bed: &Bed) -> Result<TempDir> {
    let make = |dir: &Path| tempfile::Builder::new().prefix("cci-bench-").tempdir_in(dir);
    let dir = make(Path::new("/dev/shm")).or_else(|_| make(bed.path()));
    dir.map_err(|source| Error::Host { step: "make a directory in", path: bed.path().to_owned(), source })
}

fn made(dir: &Path) -> Result<()> {
    std::fs::create_dir(dir).map_err(|source| Error::Host { step: "make", path: dir.to_owned(), source })
}

async fn is_there(bed: &Bed, name: &str) -> Result<bool> {
    let exec = Exec::new(["test", "-d", "/home/code/by-tar"]);
    let status = bed.cx.client.exec_detached(name, &exec, super::bed::END).await.during("look into a container")?;
    Ok(status == 0)
}

async fn in_container(bed: &Bed, name: &str, command: &[&str]) -> Result<()> {
    let exec = Exec::new(command.iter().copied());
    let status = bed.cx.client.exec_detached(name, &exec, super::bed::END).await.during("run a command")?;
    succeeded(command.first().copied().unwrap_or_default(), status)
}

/// `tar` of the host into `tar` in the container.
async fn tar_in(bed: &Bed, name: &str, tree: &Path) -> Result<()> {
    let mut host = tar(&["-cf", "-", "-C"], tree, &["."]);
    let mut host = host.stdout(Stdio::piped()).spawn().map_err(|error| no_tar(&error))?;
    let inside = Exec::new(transfer::unpack("/home/code/by-tar"));
    let mut process = bed.cx.client.exec(name, &inside).await.during("start tar")?;
    if let (Some(mut from), Some(mut to)) = (host.stdout.take(), process.stdin.take()) {
        tokio::io::copy(&mut from, &mut to).await.map_err(|error| no_tar(&error))?;
        to.shutdown().await.map_err(|error| no_tar(&error))?;
    }
    succeeded("tar", process.wait().await.during("wait for tar")?)
}

/// `tar` in the container into `tar` of the host.
async fn tar_out(bed: &Bed, name: &str, into: &Path) -> Result<()> {
    let mut host = tar(&["-xf", "-", "-C"], into, &[]);
    let mut host = host.stdin(Stdio::piped()).spawn().map_err(|error| no_tar(&error))?;
    let exec = Exec::new(["tar", "-cf", "-", "-C", "/home/code/by-tar", "."]);
    let mut process = bed.cx.client.exec(name, &exec).await.during("start tar")?;
    if let (Some(mut from), Some(mut to)) = (process.stdout.take(), host.stdin.take()) {
        tokio::io::copy(&mut from, &mut to).await.map_err(|error| no_tar(&error))?;
    }
    succeeded("tar", process.wait().await.during("wait for tar")?)?;
    let status = host.wait().await.map_err(|error| no_tar(&error))?;
    succeeded("tar", status.code().unwrap_or(1))
}

fn tar(before: &[&str], dir: &Path, after: &[&str]) -> Command {
    let mut command = Command::new("tar");
    command.args(before).arg(dir).args(after).kill_on_drop(true);
    command
}

fn no_tar(error: &std::io::Error) -> Error {
    Error::StepFailed { step: "tar through exec".into(), problem: error.to_string(), hint: None }
}

fn removed(dir: &Path) -> Result<()> {
    std::fs::remove_dir_all(dir).map_err(|source| Error::Host { step: "remove", path: dir.to_owned(), source })
}

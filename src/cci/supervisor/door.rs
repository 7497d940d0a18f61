//! A socket in a directory that a guest writes too: made where the guest cannot reach, and moved in over whatever the
//! guest has put there.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid};
use tokio::net::UnixListener;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use cci_host::store::run_dir::{Owner, RunDir, Watched};

/// How often it is made sure that a socket is there.
const MENDED: Duration = Duration::from_secs(10);

/// Which socket it is, so that another in its place is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

/// A socket that is listened at.
#[derive(Debug)]
pub(super) struct Door {
    directory: OwnedFd,
    name: &'static str,
    identity: Identity,
}

impl Door {
    /// Listens at a name in a directory; `private` is a directory of the user's own on the same file system. Only this
    /// user and `owner` can connect.
    pub(super) fn open(
        private: &Path,
        directory: &Path,
        name: &'static str,
        owner: Option<Owner>,
    ) -> io::Result<(Self, UnixListener)> {
        let private = opened(private)?;
        let directory = opened(directory)?;
        let made = format!(".door-{}", uuid::Uuid::new_v4().simple());
        // a path of any length fits into an address this way
        let listener = std::os::unix::net::UnixListener::bind(format!("/proc/self/fd/{}/{made}", private.as_raw_fd()))?;
        let moved = || -> io::Result<Identity> {
            rustix::fs::chmodat(&private, &made, Mode::RUSR | Mode::WUSR, AtFlags::empty())?;
            if let Some(owner) = owner.filter(|_| rustix::process::geteuid().is_root()) {
                let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
                rustix::fs::chownat(&private, &made, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
            }
            let stat = rustix::fs::statat(&private, &made, AtFlags::SYMLINK_NOFOLLOW)?;
            move_in(&private, &made, &directory, name)?;
            Ok(Identity(stat.st_dev, stat.st_ino))
        };
        let identity = moved().inspect_err(|_| {
            let _ = rustix::fs::unlinkat(&private, &made, AtFlags::empty());
        })?;
        listener.set_nonblocking(true)?;
        Ok((Self { directory, name, identity }, UnixListener::from_std(listener)?))
    }

    /// Whether it is still the one that is found under its name.
    pub(super) fn is_there(&self) -> bool {
        let there = rustix::fs::statat(&self.directory, self.name, AtFlags::SYMLINK_NOFOLLOW);
        there.is_ok_and(|there| Identity(there.st_dev, there.st_ino) == self.identity)
    }
}

impl Drop for Door {
    /// Whoever comes is refused at once. What a guest has put in its place meanwhile is left to the guest.
    fn drop(&mut self) {
        if self.is_there() {
            let _ = rustix::fs::unlinkat(&self.directory, self.name, AtFlags::empty());
        }
    }
}

/// Serves what comes in at a door among a session's sockets, in a task that ends with the session, and opens it again
/// where it is gone. The door is open when this returns; a failure is reported, and it is tried again.
pub(super) fn keep<F: Future<Output = Infallible>>(
    run: &RunDir,
    watched: &Watched,
    name: &'static str,
    serve: impl Fn(UnixListener) -> F + 'static,
    tasks: &mut JoinSet<()>,
) -> io::Result<()> {
    let (private, directory, owner) = (run.path().to_owned(), run.sockets(watched.session), watched.owner);
    let open = move || Door::open(&private, &directory, name, Some(owner));
    let (opened, reported) = match open() {
        Ok(opened) => (Some(opened), Ok(())),
        Err(error) => (None, Err(error)),
    };
    tasks.spawn_local(async move { match kept(opened, open, serve).await {} });
    reported
}

async fn kept<F: Future<Output = Infallible>>(
    mut opened: Option<(Door, UnixListener)>,
    open: impl Fn() -> io::Result<(Door, UnixListener)>,
    serve: impl Fn(UnixListener) -> F,
) -> Infallible {
    let mut ticks = interval(MENDED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if let Some((door, listener)) = opened {
            tokio::select! {
                never = serve(listener) => match never {},
                () = missing(&door, &mut ticks) => {}
            }
        } else {
            ticks.tick().await;
        }
        opened = open().ok();
    }
}

async fn missing(door: &Door, ticks: &mut Interval) {
    while door.is_there() {
        ticks.tick().await;
    }
}

fn opened(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

/// Puts it in place of anything but a directory, which is moved aside.
fn move_in(private: &OwnedFd, made: &str, directory: &OwnedFd, name: &str) -> io::Result<()> {
    let there = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
    if there.is_ok_and(|there| FileType::from_raw_mode(there.st_mode) == FileType::Directory) {
        let aside = format!("{name}.{}", uuid::Uuid::new_v4().simple());
        rustix::fs::renameat(directory, name, directory, aside)?;
    }
    Ok(rustix::fs::renameat(private, made, directory, name)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
    use std::path::PathBuf;

    use super::*;

    struct World(tempfile::TempDir);

    impl World {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            // longer than the address of a socket may be
            fs::create_dir_all(dir.path().join("private").join("x".repeat(120))).unwrap();
            Self(dir)
        }

        fn private(&self) -> PathBuf {
            self.0.path().join("private")
        }

        fn guest(&self) -> PathBuf {
            self.private().join("x".repeat(120))
        }

        fn open(&self) -> io::Result<(Door, UnixListener)> {
            Door::open(&self.private(), &self.guest(), "agent.sock", None)
        }

        fn left(&self) -> usize {
            fs::read_dir(self.private()).unwrap().count()
        }
    }

    #[tokio::test]
    async fn whatever_a_guest_puts_there_is_replaced_and_never_followed() {
        let world = World::new();
        let path = world.guest().join("agent.sock");
        let outside = world.0.path().join("outside");
        fs::write(&outside, "kept").unwrap();
        let planted: [&dyn Fn(); 5] = [
            &|| symlink(&outside, &path).unwrap(),
            &|| fs::write(&path, "x").unwrap(),
            &|| rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap(),
            &|| drop(Door::open(&world.private(), &world.guest(), "agent.sock", None).map(std::mem::forget)),
            &|| fs::create_dir_all(path.join("full/of")).unwrap(),
        ];
        for plant in planted {
            plant();
            let (door, _listener) = world.open().unwrap();
            let there = path.symlink_metadata().unwrap();
            assert!(there.file_type().is_socket() && there.mode() & 0o777 == 0o600, "{there:?}");
            assert!(door.is_there());
            drop(door);
            assert!(path.symlink_metadata().is_err(), "it is gone with its listener");
        }
        assert_eq!(fs::read_to_string(&outside).unwrap(), "kept");
        assert_eq!(world.left(), 1, "nothing is left where it was made");
    }

    #[tokio::test]
    async fn one_that_was_removed_or_replaced_is_noticed_and_what_replaced_it_left_alone() {
        let world = World::new();
        let path = world.guest().join("agent.sock");
        let (door, _listener) = world.open().unwrap();
        fs::remove_file(&path).unwrap();
        assert!(!door.is_there());
        symlink("/etc/passwd", &path).unwrap();
        assert!(!door.is_there());
        drop(door);
        assert!(path.symlink_metadata().unwrap().is_symlink());
    }

    #[tokio::test]
    async fn a_directory_that_is_a_link_is_not_entered() {
        let world = World::new();
        fs::rename(world.guest(), world.0.path().join("elsewhere")).unwrap();
        symlink(world.0.path().join("elsewhere"), world.guest()).unwrap();
        assert!(world.open().is_err());
        assert_eq!((world.left(), fs::read_dir(world.0.path().join("elsewhere")).unwrap().count()), (1, 0));
    }
}

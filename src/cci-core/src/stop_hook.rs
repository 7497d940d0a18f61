//! A quick stop: removes the half second that lxcfs waits after each stop, where that is safe.
//!
//! lxcfs adds a hook to every container that sleeps for 0.5 s so that a reboot finds its files fresh. LXC can only
//! clear all hooks of a kind, including Incus's own, so that one is added again.

use std::path::{Path, PathBuf};

/// What Incus's own hook calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopHook {
    /// The daemon's program.
    program: PathBuf,
    /// The directory of the daemon's socket.
    directory: PathBuf,
    /// The project of the containers.
    project: String,
}

impl StopHook {
    /// The hook of a daemon; `None` if a name cannot be written literally in LXC's configuration.
    #[must_use]
    pub fn new(program: &Path, directory: &Path, project: &str) -> Option<Self> {
        let plain = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte))
        };
        let paths = [program, directory].iter().all(|path| path.is_absolute() && path.to_str().is_some_and(plain));
        (paths && plain(project)).then(|| Self {
            program: program.to_owned(),
            directory: directory.to_owned(),
            project: project.to_owned(),
        })
    }

    /// Lines for `raw.lxc` of the container `name`; other post-stop hooks must come after them.
    #[must_use]
    pub fn raw_lxc(&self, name: &str) -> String {
        let Self { program, directory, project } = self;
        format!(
            "lxc.hook.post-stop =\nlxc.hook.post-stop = {} callhook {} \"{project}\" \"{name}\" stop\n",
            program.display(),
            directory.display()
        )
    }
}

/// Whether clearing the hooks removes lxcfs's and nothing else: `files` are what LXC adds to every container.
#[must_use]
pub fn is_worth_it<'a>(files: impl IntoIterator<Item = &'a str>) -> bool {
    let hooks: Vec<&str> = files
        .into_iter()
        .flat_map(str::lines)
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| key.trim() == "lxc.hook.post-stop")
        .map(|(_, hook)| hook.trim())
        .collect();
    matches!(hooks.as_slice(), [only] if only.ends_with("/lxcfs/lxc.reboot.hook"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemons_own_hook_is_written_again() {
        let hook = StopHook::new(Path::new("/usr/libexec/incus/incusd"), Path::new("/var/lib/incus"), "default");
        assert_eq!(
            hook.unwrap().raw_lxc("cci-9c09f805-1"),
            "lxc.hook.post-stop =\n\
             lxc.hook.post-stop = /usr/libexec/incus/incusd callhook /var/lib/incus \"default\" \"cci-9c09f805-1\" stop\n"
        );
    }

    #[test]
    fn what_lxc_would_read_differently_is_refused() {
        let of = |program: &str, dir: &str, project: &str| StopHook::new(Path::new(program), Path::new(dir), project);
        assert_eq!(of("incusd", "/var/lib/incus", "default"), None);
        assert_eq!(of("/usr/bin/incusd", "/var/lib/in cus", "default"), None);
        assert_eq!(of("/usr/bin/incusd", "/var/lib/incus", "a\"b"), None);
    }

    #[test]
    fn only_lxcfs_alone_is_removed() {
        let lxcfs =
            "lxc.hook.mount = /usr/share/lxcfs/lxc.mount.hook\nlxc.hook.post-stop = /usr/share/lxcfs/lxc.reboot.hook";
        assert!(is_worth_it([lxcfs]));
        assert!(!is_worth_it([lxcfs, "lxc.hook.post-stop = /usr/local/bin/account"]));
        assert!(!is_worth_it(["lxc.hook.mount = /x"]) && !is_worth_it([]));
    }
}

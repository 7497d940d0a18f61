//! gVisor around the agent: a kernel of its own in the container, so that no system call of the agent's reaches the host's.
//!
//! A container has one such sandbox, in which all commands are that are to be inside. The first one starts it, as the
//! container's root, as which `runsc` has to run. What is inside is the agent's user without any capability. It has the
//! container's files, `/run/cci` and the container's network, but neither the rest of `/run` nor tmux's socket: who
//! answers there would start commands outside.
//!
//! Outside nothing is looked up where the agent can write: it could put a program of its own there.

use crate::become_command::BECOME;
use crate::exit::GuestExit;
use crate::layout::{HOME, SYSTEM_PATH, TMUX_SOCKET as SOCKET};
use crate::shell::quoted;

/// The sandbox's directory: where it is, a sandbox has been started since the container's start.
const PLACE: &str = "/run/cci-gvisor";

/// How `runsc` is called. Files are shared with the host and the rest of the container, which also change them; the
/// network's rules are the container's.
const RUNSC: &str = "/usr/bin/runsc --root=$at/state --platform=systrap --network=host --host-uds=open \
    --overlay2=none --file-access=shared --ignore-cgroups";

/// Starts the sandbox unless it runs, as root, and becomes a command in it.
const AS_ROOT: &str = r#"file=$1 directory=$2 mask=$3
shift 3
umask 022
fail() {
  rm -f -- "$file"
  echo "cci: gVisor could not be started: $1" >&2
  exit "$failed"
}
{ mkdir -p -m 0700 "$at" "$at/state" && exec 9>"$at/lock" && flock 9; } || fail "$at cannot be written"
case $($runsc state code 2>/dev/null) in
*'"status": "running"'*) ;;
*)
  $runsc delete --force code 2>/dev/null
  # what stands in for /run: `/run/cci` is a link, which a mount would follow
  rm -rf "$at/run" && mkdir -p "$at/run" && ln -s /var/lib/cci "$at/run/cci" && : >"$at/nothing" || fail "$at cannot be written"
  resolv=$(readlink -f /etc/resolv.conf)
  case $resolv in /run/*) mkdir -p "$at${resolv%/*}" && cp "$resolv" "$at$resolv" ;; esac
  cat >"$at/config.json" <<CONFIG
{"ociVersion":"1.0.0","hostname":"$(uname -n)","root":{"path":"/"},
"process":{"cwd":"/","user":{"uid":0,"gid":0},"noNewPrivileges":true,"capabilities":{},"env":["PATH=$PATH"],
"args":["/bin/sh","-c","while :; do sleep 2147483647 & wait \$!; done"]},
"mounts":[{"destination":"/proc","type":"proc"},{"destination":"/sys","type":"sysfs"},{"destination":"/dev/shm","type":"tmpfs"},
{"destination":"/run","type":"bind","source":"$at/run","options":["ro"]}],
"linux":{"namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}]}}
CONFIG
  # runsc itself cannot mount over a socket
  export at socket runsc
  unshare --mount --propagation private /bin/sh -c '[ ! -e "$socket" ] || mount --bind "$at/nothing" "$socket" || exit
    exec $runsc run --detach --bundle "$at" code' </dev/null >"$at/log" 2>&1 9>&- ||
    fail "$(grep -v '^$' "$at/log" | tail -n 1 | cut -c 1-400)"
  ;;
esac
exec 9>&-
exec $runsc exec --user "$SUDO_UID:$SUDO_GID" --cwd "$directory" code /bin/sh -c "$inside" cci "$file" "$mask" "$@""#;

/// Takes the environment over inside, and becomes the command.
const INSIDE: &str = r#". "$1"
rm -f -- "$1"
umask "$2"
shift 2
unset TMUX TMUX_PANE
case :$PATH: in *:"$own":*) ;; *) PATH=$own:$PATH ;; esac
"#;

/// Ends the sandbox, with everything in it.
const END: &str = r#"[ ! -d "$at/state" ] || $runsc delete --force code"#;

fn as_root(lines: &str) -> String {
    let inside = format!("own={HOME}/.local/bin\n{INSIDE}{BECOME}");
    format!(
        "PATH={SYSTEM_PATH} at={PLACE} socket={SOCKET} failed={failed}\nrunsc=\"{RUNSC}\"\ninside={inside}\n{lines}",
        failed = GuestExit::NoEnvironment,
        inside = quoted(&inside)
    )
}

/// Lines of a shell of the agent's user that become the command `"$@"` inside, with the environment and in the
/// directory of the shell.
///
/// No value of the environment is in an argument: a file that only that user can read hands them over.
#[must_use]
pub fn enter() -> String {
    format!(
        "_cci_file=$(umask 077; /usr/bin/mktemp {HOME}/.cci-environment-XXXXXX) && export -p >\"$_cci_file\" || \
         exit {failed}\nexec /usr/bin/sudo -n /bin/sh -c {root} cci \"$_cci_file\" \"$PWD\" \"$(umask)\" \"$@\"",
        failed = GuestExit::NoEnvironment,
        root = quoted(&as_root(AS_ROOT))
    )
}

/// The command that becomes another one inside.
#[must_use]
pub fn inside(command: &[String]) -> Vec<String> {
    let shell = ["/bin/sh".to_owned(), "-c".to_owned(), enter(), "cci".to_owned()];
    shell.into_iter().chain(command.iter().cloned()).collect()
}

/// Lines of a shell that go inside with `"$@"` where the container has a sandbox.
#[must_use]
pub fn enter_if_there() -> String {
    format!("[ ! -d {PLACE} ] || {{ {}; }}\n", enter())
}

/// Lines of a shell that end the sandbox, if there is one.
#[must_use]
pub fn end() -> String {
    format!("[ ! -d {PLACE} ] || /usr/bin/sudo -n /bin/sh -c {}\n", quoted(&as_root(END)))
}

/// Lines of a shell that end a sandbox whose tmux has ended: the socket of a new one would be within its reach.
#[must_use]
pub fn end_if_left() -> String {
    format!("/usr/bin/tmux -S {SOCKET} has-session 2>/dev/null || {{ {}}}\n", end())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_lines_are_those_of_a_shell() {
        for lines in [enter(), enter_if_there(), end(), end_if_left(), as_root(AS_ROOT), as_root(END)] {
            let read = Command::new("sh").args(["-n", "-c", &lines]).output().unwrap();
            assert!(read.status.success(), "{}: {lines}", String::from_utf8_lossy(&read.stderr));
        }
    }

    #[test]
    fn the_environment_arrives_as_it_is_and_the_file_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("environment");
        let odd = "it's\n\"$HOME\" `x` \\";
        let write = format!("export -p >'{}'", file.display());
        assert!(Command::new("sh").args(["-c", &write]).env("ODD", odd).env("TMUX", "x").status().unwrap().success());
        let script = format!("own=/own\n{INSIDE}{BECOME}");
        let print = "printf '%s|' \"$ODD\" \"$TMUX\"; umask";
        let argv = ["-c", &script, "cci", file.to_str().unwrap(), "027", "sh", "-c", print];
        let done = Command::new("sh").args(argv).env_clear().env("PATH", "/usr/bin:/bin").output().unwrap();
        assert_eq!(String::from_utf8(done.stdout).unwrap(), format!("{odd}||0027\n"));
        assert!(!file.exists());
    }

    #[test]
    fn where_no_sandbox_is_nothing_is_entered() {
        let script = format!("{}echo outside", enter_if_there());
        let done = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(done.stdout, b"outside\n");
    }
}

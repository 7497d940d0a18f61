//! The scripts that send and receive files as a tar stream, in a running container.

use crate::exit::GuestExit;
use crate::shell;

/// Sends `$1` as a tar stream: `$2` is `tree` or `file`, `$3` and `$4` its directory and name.
const SEND: &str = r#"
if tar --version 2>/dev/null | grep -q GNU; then options="--format=gnu --sparse"; else options=; fi
if [ -d "$1" ]; then
    [ "$2" = tree ] || exit $is_directory
    cd -- "$1" && exec tar -c $options -f - .
elif [ -e "$1" ]; then
    cd -- "$3" && exec tar -c -h $options -f - -- "./$4"
else
    exit $not_found
fi"#;

/// Receives a tar stream of a tree, `.`, for `$1`; if that is an existing directory, as `$2` in it.
const TAKE_TREE: &str = r#"
to=$1
if [ -d "$to" ]; then [ -z "$2" ] || to="${to%/}/$2"; fi
if [ -e "$to" ] && [ ! -d "$to" ]; then exit $not_directory; fi
if [ -d "$to" ]; then cd -- "$to" && exec tar -x -p --numeric-owner -f -; fi
up=${to%/}; up=${up%/*}; [ -d "${up:-/}" ] || exit $not_found
new="${to%/}.cci-$$"
mkdir -m 700 -- "$new" || exit $failed
trap 'rm -rf -- "$new"' EXIT
(cd -- "$new" && tar -x -p --numeric-owner -f -) || exit $failed
mv -T -- "$new" "${to%/}" || exit $failed
trap - EXIT"#;

/// Receives a tar stream of one file, `./$2`, for `$1`.
const TAKE_FILE: &str = r#"
to=$1
case $to in */) [ -d "$to" ] || exit $not_found;; esac
if [ -d "$to" ]; then to="${to%/}/$2"; fi
if [ -d "$to" ]; then exit $is_directory; fi
up=${to%/*}; [ -d "${up:-/}" ] || exit $not_found
new="$to.cci-$$"
mkdir -m 700 -- "$new" || exit $failed
trap 'rm -rf -- "$new"' EXIT
(cd -- "$new" && tar -x -p --numeric-owner -f -) || exit $failed
if [ -e "$to" ] && [ ! -f "$to" ] && [ ! -L "$to" ]; then cat <"$new/$2" >"$to"; else mv -fT -- "$new/$2" "$to"; fi || exit $failed"#;

/// The status of GNU tar if some entries changed while it read them; what it sent is complete anyway.
pub const TAR_CHANGED: GuestExit = GuestExit::Other(1);

/// What is sent or received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A directory with all its contents; or a file, if that is what exists.
    Tree,
    /// One file.
    File,
}

/// The command that sends the file or tree at `path`, which is `name` in `directory`.
///
/// It exits with [`GuestExit::NotFound`], [`GuestExit::IsDirectory`] if only a file is wanted, or tar's own status.
#[must_use]
pub fn send(what: What, path: &str, directory: &str, name: &str) -> Vec<String> {
    let kind = match what {
        What::Tree => "tree",
        What::File => "file",
    };
    command(SEND, &[path, kind, directory, name])
}

/// The command that receives a stream for `path`; if that is a directory, for `name` in it.
///
/// A stream that is cut off leaves what exists unchanged.
#[must_use]
pub fn take(what: What, path: &str, name: &str) -> Vec<String> {
    let script = match what {
        What::Tree => TAKE_TREE,
        What::File => TAKE_FILE,
    };
    command(script, &[path, name])
}

/// The command that unpacks a tar stream in a directory, which it creates.
#[must_use]
pub fn unpack(directory: &str) -> Vec<String> {
    shell::command(r#"mkdir -p "$1" && exec tar -xf - -C "$1""#, [directory])
}

fn command(script: &str, args: &[&str]) -> Vec<String> {
    let exits = [
        ("failed", GuestExit::TransferFailed),
        ("is_directory", GuestExit::IsDirectory),
        ("not_directory", GuestExit::NotDirectory),
        ("not_found", GuestExit::NotFound),
    ];
    let named = exits.map(|(name, exit)| format!("{name}={exit}; ")).concat();
    shell::command(&(named + script), args)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::path::Path;
    use std::process::{Command, Stdio};

    /// What a command prints and how it exits with this input.
    fn run(argv: &[String], stdin: &[u8]) -> (GuestExit, Vec<u8>) {
        let mut child = Command::new(&argv[0])
            .args(&argv[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // a command that refuses reads nothing
        let _ = child.stdin.take().unwrap().write_all(stdin);
        let done = child.wait_with_output().unwrap();
        (GuestExit::from(done.status.code().unwrap()), done.stdout)
    }

    fn text(path: &Path) -> &str {
        path.to_str().unwrap()
    }

    #[test]
    fn a_tree_that_is_sent_is_taken_again() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::write(from.join("sub/it's"), "content").unwrap();
        let (exit, stream) = run(&send(What::Tree, text(&from), text(dir.path()), "from"), b"");
        assert_eq!(exit, GuestExit::Success);
        assert_eq!(run(&take(What::Tree, text(&to), "from"), &stream).0, GuestExit::Success);
        assert_eq!(fs::read(to.join("sub/it's")).unwrap(), b"content");
        // into the existing directory it goes under its name
        assert_eq!(run(&take(What::Tree, text(&to), "from"), &stream).0, GuestExit::Success);
        assert_eq!(fs::read(to.join("from/sub/it's")).unwrap(), b"content");
    }

    #[test]
    fn what_is_in_the_way_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let (file, sub) = (dir.path().join("file"), dir.path().join("sub"));
        fs::write(&file, "old").unwrap();
        fs::create_dir_all(sub.join("file")).unwrap();
        let gone = dir.path().join("gone");
        let sends = |what, path: &Path| run(&send(what, text(path), text(dir.path()), "x"), b"").0;
        assert_eq!(sends(What::File, &sub), GuestExit::IsDirectory);
        assert_eq!(sends(What::Tree, &gone), GuestExit::NotFound);
        let takes = |what, path: &Path| run(&take(what, text(path), "file"), b"").0;
        assert_eq!(takes(What::Tree, &file), GuestExit::NotDirectory);
        assert_eq!(takes(What::Tree, &gone.join("x")), GuestExit::NotFound);
        assert_eq!(takes(What::File, &sub), GuestExit::IsDirectory);
        assert_eq!(takes(What::File, &gone.join("x")), GuestExit::NotFound);
    }

    #[test]
    fn a_stream_that_breaks_off_leaves_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "old").unwrap();
        assert_eq!(run(&take(What::File, text(&file), "file"), &[0xff; 512]).0, GuestExit::TransferFailed);
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

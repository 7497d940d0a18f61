//! A container that sends what it should not: nothing is written outside the destination, nothing hangs, nothing is
//! left.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::container::launched;
use crate::support::host::{Host, Output, U1000};

/// One entry of a crafted archive.
fn entry(kind: u8, name: &str, link: &str, size: &str, content: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000755\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:0>11}\0").as_bytes());
    put(136, b"14000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar  \0");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut all = block.to_vec();
    all.extend(content);
    all.resize(all.len().next_multiple_of(512), 0);
    all
}

fn file(name: &str, content: &str) -> Vec<u8> {
    entry(b'0', name, "", &format!("{:o}", content.len()), content.as_bytes())
}

fn dir(name: &str) -> Vec<u8> {
    entry(b'5', name, "", "0", b"")
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

/// A container whose `tar` sends what the test wants.
struct Hostile {
    host: Host,
    name: String,
}

impl Hostile {
    fn new() -> Self {
        let host = Host::live(U1000);
        let name = launched(&host);
        host.cci(&["container", "exec", &name, "--", "mkdir", "/srv/d"]).ok();
        fs::write(host.dir("outside").join("secret"), "as it was").unwrap();
        Self { host, name }
    }

    /// Its `tar` is this script, with the archive at `/archive`.
    fn tar(&self, script: &str, archive: &[u8]) {
        let exec = |command: &str, stdin: &[u8]| {
            self.host.cci_with(&["container", "exec", &self.name, "--", "sh", "-c", command], &[], stdin).ok();
        };
        exec("cat >/archive", archive);
        exec(
            "rm -f /usr/local/bin/tar /usr/bin/tar /bin/tar; cat >/usr/bin/tar; chmod 755 /usr/bin/tar",
            script.as_bytes(),
        );
    }

    fn sends(&self, archive: &[u8]) {
        self.tar("#!/bin/sh\nexec cat /archive\n", archive);
    }

    fn pull(&self, more: &[&str]) -> Output {
        let from = format!("{}:/srv/d", self.name);
        self.host.cci(&[&["file", "pull", "-r"], more, &[&from, "here"]].concat())
    }

    /// It fails with these words, and leaves no trace.
    #[track_caller]
    fn is_refused(&self, more: &[&str], words: &str) {
        let out = self.pull(more);
        assert_eq!(out.code, 1, "{out}");
        assert!(out.stderr.contains(words), "{words} is missing in {out}");
        self.nothing_is_left();
    }

    #[track_caller]
    fn nothing_is_left(&self) {
        let left: Vec<_> = fs::read_dir(&self.host.proj).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "{left:?}");
        self.outside_is_as_it_was();
    }

    #[track_caller]
    fn outside_is_as_it_was(&self) {
        let outside = self.host.dir("outside");
        assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "as it was");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    }

    fn outside(&self) -> String {
        self.host.dir("outside").to_str().unwrap().to_owned()
    }
}

#[test]
fn names_that_lead_out_of_the_tree_are_refused() {
    let world = Hostile::new();
    let outside = world.outside();
    for name in [format!("{outside}/new"), "../../outside/new".into(), "./a/../../../outside/new".into(), "..".into()] {
        world.sends(&archive(&[dir("./"), dir("./a/"), file(&name, "x")]));
        world.is_refused(&[], "unsafe name");
    }
}

#[test]
fn a_link_out_of_the_tree_is_left_out_and_never_followed() {
    let world = Hostile::new();
    let outside = world.outside();
    let link = |target: &str| entry(b'2', "./l", target, "0", b"");
    for target in [outside.as_str(), "../outside", "d/../../outside"] {
        world.sends(&archive(&[dir("./"), link(target), file("./kept", "kept")]));
        let out = world.pull(&[]).ok();
        assert!(out.stderr.contains("left out l: it links out of the tree"), "{out}");
        let here = world.host.proj.join("here");
        assert!(here.join("l").symlink_metadata().is_err());
        assert_eq!(fs::read_to_string(here.join("kept")).unwrap(), "kept");
        fs::remove_dir_all(here).unwrap();
    }
    // one that stays in the tree lends its target to another, which would lead out from there
    let step = entry(b'2', "./a/b/s", "../..", "0", b"");
    let out_of_step = entry(b'2', "./a/b/l", "s/../outside", "0", b"");
    world.sends(&archive(&[dir("./"), dir("./a/"), dir("./a/b/"), step, out_of_step]));
    let out = world.pull(&[]).ok();
    assert!(out.stderr.contains("left out a/b/l: it links out of the tree"), "{out}");
    assert!(world.host.proj.join("here/a/b/l").symlink_metadata().is_err());
    fs::remove_dir_all(world.host.proj.join("here")).unwrap();
    // through a link that stays in the tree nothing is written either
    for inner in ["l/f", "l/sub/f"] {
        world.sends(&archive(&[dir("./"), dir("./d/"), dir("./d/sub/"), link("d"), file(&format!("./{inner}"), "x")]));
        world.is_refused(&[], &format!("cannot write {inner}"));
    }
    // and no hard link reaches what did not come with the archive
    world.sends(&archive(&[dir("./"), entry(b'1', "./h", "../../outside/secret", "0", b"")]));
    world.is_refused(&[], "unsafe name");
    world.outside_is_as_it_was();
}

#[test]
fn devices_and_pipes_are_left_out() {
    let world = Hostile::new();
    let entries = [
        dir("./"),
        entry(b'3', "./null", "", "0", b""),
        entry(b'4', "./disk", "", "0", b""),
        entry(b'6', "./pipe", "", "0", b""),
    ];
    world.sends(&archive(&entries));
    let out = world.pull(&[]).ok();
    for name in ["null", "disk", "pipe"] {
        assert!(out.stderr.contains(&format!("left out {name}: it is neither")), "{out}");
    }
    assert_eq!(fs::read_dir(world.host.proj.join("here")).unwrap().count(), 0);
}

#[test]
fn an_endless_file_an_endless_name_and_a_flood_of_entries_are_refused() {
    let world = Hostile::new();
    // 8 GiB short of the largest size that octal digits can say
    world.sends(&[dir("./"), entry(b'0', "./big", "", "77777777777", b"x"), vec![b'x'; 1 << 20]].concat());
    let free = rustix::fs::statvfs(&world.host.proj).unwrap();
    if free.f_bavail * free.f_frsize < 8 << 30 {
        world.is_refused(&[], "larger than the free space");
    }
    // base-256: more than any disk has
    let mut huge = entry(b'0', "./big", "", "0", b"");
    huge[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0]);
    huge[148..156].copy_from_slice(b"        ");
    let sum: u32 = huge.iter().map(|byte| u32::from(*byte)).sum();
    huge[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    world.sends(&[dir("./"), huge, vec![b'x'; 1 << 20]].concat());
    world.is_refused(&[], "larger than the free space");
    world.sends(&[entry(b'L', "././@LongLink", "", "7777777777", b""), vec![b'n'; 1 << 20]].concat());
    world.is_refused(&[], "a name in it is too long");
    let flood: Vec<Vec<u8>> =
        std::iter::once(dir("./")).chain((0..1000).map(|n| file(&format!("./{n}"), ""))).collect();
    world.sends(&archive(&flood));
    world.is_refused(&["--max-entries", "1000"], "more than 1000 entries");
    assert_eq!(world.pull(&["--max-entries", "1001"]).code, 0);
}

#[test]
fn a_container_that_falls_silent_or_breaks_off_is_given_up() {
    let world = Hostile::new();
    let half = [dir("./"), entry(b'0', "./f", "", "2000", b"half")].concat();
    world.tar("#!/bin/sh\ncase $1 in --version) exit 0;; esac\ncat /archive\nexec sleep 1000\n", &half);
    world.is_refused(&["--timeout", "2"], "no answer within 2 s");
    world.sends(&half);
    world.is_refused(&[], "ends within an entry");
    world.sends(&dir("./"));
    world.is_refused(&[], "ends too early");
    world.sends(&vec![0xff; 4096]);
    world.is_refused(&[], "it is damaged");
    world.sends(b"");
    world.is_refused(&[], "ends too early");
    world.tar("#!/bin/sh\nprintf 'no \\033[31mway' >&2; exit 2\n", b"");
    world.is_refused(&[], r"no \u{1b}[31mway");
}

#[test]
fn a_destination_with_links_in_it_is_not_left_through_them() {
    let world = Hostile::new();
    let outside = world.outside();
    let here = world.host.dir("proj/here");
    fs::create_dir(here.join("d")).unwrap();
    std::os::unix::fs::chown(here.join("d"), Some(1000), Some(1000)).unwrap();
    symlink(&outside, here.join("d/sub")).unwrap();
    world.sends(&archive(&[dir("./"), dir("./sub/"), file("./sub/new", "x"), file("./secret", "x")]));
    let out = world.pull(&[]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("is not a directory here, and stays"), "{out}");
    world.outside_is_as_it_was();
    assert_eq!(fs::read_dir(here.join("d")).unwrap().count(), 1, "nothing was moved before everything was looked at");
    // a link in the place of a file is replaced, not followed
    fs::remove_file(here.join("d/sub")).unwrap();
    symlink(Path::new(&outside).join("secret"), here.join("d/secret")).unwrap();
    world.pull(&[]).ok();
    world.outside_is_as_it_was();
    assert_eq!(fs::read(here.join("d/secret")).unwrap(), b"x");
}

#[test]
fn a_directory_that_is_swapped_for_a_link_during_the_pull_leads_nowhere() {
    let world = Hostile::new();
    let outside = world.outside();
    // the second half comes only when the test has swapped the directory under the first
    let first = [dir("./"), dir("./a/"), file("./a/one", "1")].concat();
    let second = archive(&[file("./a/two", "2")]);
    let script = format!(
        "#!/bin/sh\ncase $1 in --version) exit 0;; esac\nhead -c {} /archive\nuntil [ -e /go ]; do sleep 0.05; done\ntail -c +{} /archive\n",
        first.len(),
        first.len() + 1
    );
    world.tar(&script, &[first, second].concat());
    let from = format!("{}:/srv/d", world.name);
    let mut pull = world.host.cci_command(&["file", "pull", "-r", &from, "here"]);
    let pulling = std::thread::spawn(move || {
        pull.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        pull.output().unwrap()
    });
    let staging = crate::support::wait::until("the first half is here", std::time::Duration::from_secs(60), || {
        let mut dirs = fs::read_dir(&world.host.proj).unwrap().flatten();
        let staging = dirs.find(|entry| entry.file_name().as_bytes().starts_with(b".cci-pull-"));
        let staging = staging.map(|entry| entry.path()).filter(|path| path.join("here/a/one").exists());
        staging.ok_or_else(|| "not yet".to_owned())
    });
    fs::rename(staging.join("here/a"), staging.join("moved")).unwrap();
    symlink(&outside, staging.join("here/a")).unwrap();
    world.host.cci(&["container", "exec", &world.name, "touch", "/go"]).ok();
    let out = pulling.join().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write a/two"), "{stderr}");
    world.nothing_is_left();
}

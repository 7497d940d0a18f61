//! A terminal that keeps every byte that is written to it, with a shell of the host's user that has jobs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::fs::{Gid, Mode, OFlags, Uid, fchown};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::host::{Host, kill_group};
use super::wait;

/// The prompt of the shell in it.
pub const READY: &str = "READY> ";

/// One terminal; dropping it closes it.
pub struct Pty {
    side: Option<File>,
    written: Arc<Mutex<Vec<u8>>>,
    shell: Child,
}

impl Pty {
    /// Opens a terminal of this type with a shell in the host's project directory.
    pub fn open(host: &Host, term: &str) -> Self {
        let side = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&side).unwrap();
        unlockpt(&side).unwrap();
        let name = ptsname(&side, Vec::new()).unwrap();
        let other = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        fchown(&other, Some(Uid::from_raw(host.user.uid)), Some(Gid::from_raw(host.user.gid()))).unwrap();
        tcsetwinsize(&other, Winsize { ws_col: 100, ws_row: 30, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let end = || Stdio::from(other.try_clone().unwrap());
        let mut shell = host.command("setsid");
        shell.args(["-c", "-w", "bash", "--norc", "--noprofile", "-i"]);
        shell.env("PS1", READY).env("TERM", term).env_remove("COLORTERM");
        let shell = shell.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop(other);
        let side = File::from(side);
        let written = Arc::new(Mutex::new(Vec::new()));
        let (mut reads, kept) = (side.try_clone().unwrap(), Arc::clone(&written));
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = reads.read(&mut chunk) {
                kept.lock().unwrap().extend_from_slice(&chunk[..read]);
            }
        });
        let pty = Self { side: Some(side), written, shell };
        pty.wait_for(READY);
        // the shell's own editing switches it on and off at each prompt
        let place = pty.len();
        pty.enter("bind 'set enable-bracketed-paste off'; echo PLA''IN");
        pty.wait_behind(place, "PLAIN");
        pty.enter("");
        pty
    }

    /// Types bytes as they are.
    pub fn type_text(&self, text: &str) {
        self.side.as_ref().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Types a line.
    pub fn enter(&self, line: &str) {
        self.type_text(&format!("{line}\r"));
    }

    /// Leaves tmux. It takes keys that arrive together for a paste, so they are pressed one by one until it is left.
    pub fn detach(&self) {
        let mut keys = ["\u{2}", "d"].into_iter().cycle();
        wait::until("the session is left", Duration::from_secs(30), || {
            keys.by_ref().take(1).for_each(|key| self.type_text(key));
            if self.written().contains("Container kept running") { Ok(()) } else { Err(self.written()) }
        });
    }

    /// Everything that was written to it so far.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// How many bytes that is: a place to wait behind, taken before what is waited for can begin.
    pub fn len(&self) -> usize {
        self.written.lock().unwrap().len()
    }

    /// Everything that was written behind a place.
    pub fn behind(&self, place: usize) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()[place..]).into_owned()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until something was written.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_behind(0, text)
    }

    /// Waits until something was written behind a place; everything behind that place.
    #[track_caller]
    pub fn wait_behind(&self, place: usize, text: &str) -> String {
        wait::until(&format!("the terminal gets {text:?}"), Duration::from_secs(30), || {
            let rest = self.behind(place);
            if rest.contains(text) { Ok(rest) } else { Err(rest.escape_debug().to_string()) }
        })
    }

    /// Changes its size.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(self.side.as_ref().unwrap().as_fd(), size).unwrap();
    }

    /// Closes it under whatever runs in it.
    pub fn close(mut self) {
        self.hang_up();
    }

    fn hang_up(&mut self) {
        // the thread that reads has another descriptor of it: the shell is told by a signal, as it is by a terminal
        let children = format!("/proc/{0}/task/{0}/children", self.shell.id());
        let children = std::fs::read_to_string(children).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|pid| rustix::process::Pid::from_raw(pid.parse().ok()?)) {
            let _ = rustix::process::kill_process(child, rustix::process::Signal::HUP);
        }
        drop(self.side.take());
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.hang_up();
        kill_group(&self.shell);
        let _ = self.shell.wait();
    }
}

/// What of these bytes has switched something on in a terminal that nothing has switched off again.
pub fn left_on(written: &str) -> Vec<String> {
    let mut on = BTreeSet::new();
    for (at, _) in written.match_indices('\u{1b}') {
        let rest = &written[at + 1..];
        match rest.as_bytes() {
            [b'=', ..] => drop(on.insert("keypad".to_owned())),
            [b'>', ..] => drop(on.remove("keypad")),
            [b'[', b'?', ..] => {
                let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest.len());
                let switch = rest.as_bytes().get(end);
                for mode in rest[2..end].split(';') {
                    // the cursor and the line wrap are on where nobody asks
                    let usual = matches!(mode, "7" | "25");
                    match switch {
                        Some(b'h') if usual => drop(on.remove(mode)),
                        Some(b'l') if usual => drop(on.insert(mode.to_owned())),
                        Some(b'h') => drop(on.insert(mode.to_owned())),
                        Some(b'l') => drop(on.remove(mode)),
                        _ => {}
                    }
                }
            }
            _ if rest.starts_with("[>4;1m") || rest.starts_with("[>4;2m") => drop(on.insert("keys".to_owned())),
            _ if rest.starts_with("[>4m") || rest.starts_with("[>4;0m") => drop(on.remove("keys")),
            _ => {}
        }
    }
    on.into_iter().collect()
}

//! A real terminal: a tmux server on the host with one window, typed into and read as a user would.

use std::process::Command;
use std::time::Duration;

use super::host::Host;
use super::wait;

/// One terminal, in which a shell of the host's user runs; dropping it closes the terminal.
pub struct Screen {
    socket: String,
}

impl Screen {
    /// Opens a terminal of 110 by 35 characters with a shell in the host's project directory.
    pub fn open(host: &Host) -> Self {
        Self::sized(host, 110, 35)
    }

    pub fn sized(host: &Host, columns: u16, rows: u16) -> Self {
        let socket = host.prefix.trim_end_matches('-').to_owned() + &format!("-{:x}", unique());
        let screen = Self { socket };
        let mut shell = vec!["env".to_owned(), "-i".to_owned()];
        shell.extend(host.environment().into_iter().map(|(name, value)| format!("{name}={value}")));
        shell.push("PS1=READY> ".to_owned());
        shell.extend(host.user.prefix());
        shell.extend(["bash", "--norc", "--noprofile"].map(str::to_owned));
        let size = [columns.to_string(), rows.to_string()];
        let cwd = host.proj.to_str().unwrap();
        let mut args = vec!["-f", "/dev/null", "new-session", "-d", "-x", &size[0], "-y", &size[1], "-c", cwd];
        args.extend(shell.iter().map(String::as_str));
        screen.tmux(&args);
        screen.wait_for("READY>", Duration::from_secs(10));
        screen
    }

    /// Types text as it is.
    pub fn type_text(&self, text: &str) {
        self.tmux(&["send-keys", "-l", "--", text]);
    }

    /// Presses a key by tmux's name for it.
    pub fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Types a line.
    pub fn enter(&self, line: &str) {
        self.type_text(line);
        self.press("Enter");
    }

    /// What the terminal shows.
    pub fn text(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// What it shows and what has scrolled away.
    pub fn history(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-S", "-"])
    }

    /// What it shows, with the escape sequences of colours.
    pub fn ansi(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// The lines as they were written: one that the terminal had to break is whole again.
    pub fn logical_lines(&self) -> Vec<String> {
        self.tmux(&["capture-pane", "-p", "-J"]).lines().map(str::to_owned).collect()
    }

    /// Changes the terminal's size.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// The pid of the shell in the terminal.
    pub fn shell_pid(&self) -> u32 {
        self.tmux(&["display-message", "-p", "#{pane_pid}"]).trim().parse().unwrap()
    }

    /// Waits until the terminal shows this.
    #[track_caller]
    pub fn wait_for(&self, text: &str, limit: Duration) -> String {
        wait::until(&format!("the terminal shows {text:?}"), limit, || {
            let shown = self.text();
            if shown.contains(text) { Ok(shown) } else { Err(shown) }
        })
    }

    /// Closes the terminal under whatever runs in it, as a person who closes the window does.
    pub fn close(self) {
        drop(self);
    }

    #[track_caller]
    fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux").args(["-L", &self.socket]).args(args).output().expect("the tests need tmux");
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).output();
    }
}

fn unique() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
}

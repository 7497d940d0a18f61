//! What a command on the host prints to let requests in. It is asked for again and again, because it changes.

use std::cell::RefCell;
use std::io;
use std::process::Stdio;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout};

/// How long what it printed is used, as the agents do.
const LASTS: Duration = Duration::from_secs(300);
/// How soon a command that failed is run again.
const REST: Duration = Duration::from_secs(10);
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// No key is longer.
const LARGEST: u64 = 16 * 1024;

/// The command of an account, and what it printed last.
#[derive(Default)]
pub(in crate::supervisor) struct Helper {
    /// One run at a time.
    turn: Arc<Mutex<()>>,
    printed: RefCell<Option<Printed>>,
}

struct Printed {
    command: String,
    until: Instant,
    /// The key, or why there is none.
    what: Result<String, String>,
}

impl Helper {
    /// What the command prints.
    pub(in crate::supervisor) async fn key(self: &Rc<Self>, command: &str) -> Result<String, String> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        if let Some(printed) = self.printed.borrow().as_ref()
            && printed.command == command
            && Instant::now() < printed.until
        {
            return printed.what.clone();
        }
        let (helper, command) = (Rc::clone(self), command.to_owned());
        // the end of the request that asks cuts nothing short: the next one has what came of it
        let running = spawn_local(async move {
            let what = helper.run(&command).await;
            drop(turn);
            what
        });
        running.await.unwrap_or_else(|_| Err("the command of the host that prints its key cannot be run".into()))
    }

    async fn run(&self, command: &str) -> Result<String, String> {
        let printed = timeout(PATIENCE, print(command)).await;
        let what = printed.unwrap_or_else(|_| Err(format!("does not end within {} s", PATIENCE.as_secs())));
        let what = what.map_err(|problem| format!("the command of the host that prints its key {problem}"));
        let until = Instant::now() + if what.is_ok() { LASTS } else { REST };
        self.printed.replace(Some(Printed { command: command.to_owned(), until, what: what.clone() }));
        what
    }

    /// What it printed opens nothing: it is asked again.
    pub(in crate::supervisor) fn forget(&self) {
        self.printed.replace(None);
    }
}

/// The processes of a command, killed with it where it is given up.
struct Group(Option<Pid>);

impl Group {
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // one that has just ended is fine
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// No error shows what it printed.
async fn print(command: &str) -> Result<String, String> {
    let failed = |error: io::Error| format!("cannot be run: {error}");
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = shell.current_dir("/").process_group(0).kill_on_drop(true).spawn().map_err(failed)?;
    let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
    let mut bytes = Vec::new();
    if let Some(out) = child.stdout.take() {
        out.take(LARGEST + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    }
    if bytes.len() as u64 > LARGEST {
        return Err("prints too much".into());
    }
    let status = child.wait().await.map_err(failed)?;
    group.has_ended();
    if !status.success() {
        return Err(format!("fails: {status}"));
    }
    let text = String::from_utf8(bytes).unwrap_or_default();
    let key = text.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("prints no key".into());
    }
    Ok(key.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test]
    async fn a_command_is_run_once_for_many_requests_and_again_when_its_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let count = dir.path().join("count");
        let command = format!("echo x >>{0}; echo key-$(wc -l <{0})", count.display());
        let asked = async {
            let helper = Rc::new(Helper::default());
            // one that goes away takes nothing with it
            let _ = timeout(Duration::ZERO, helper.key(&command)).await;
            let keys = tokio::join!(helper.key(&command), helper.key(&command), helper.key(&command));
            assert_eq!(keys, (Ok("key-1".into()), Ok("key-1".into()), Ok("key-1".into())));
            helper.forget();
            assert_eq!(helper.key(&command).await, Ok("key-2".into()));
        };
        LocalSet::new().run_until(asked).await;
        assert_eq!(fs::read_to_string(&count).unwrap(), "x\nx\n");
    }

    #[tokio::test]
    async fn what_fails_or_prints_no_key_says_so_without_its_output() {
        for (command, said) in [
            ("echo secret; exit 3", "fails"),
            ("printf ''", "prints no key"),
            ("echo sec ret", "prints no key"),
            ("head -c 100000 /dev/zero | tr '\\0' s", "prints too much"),
        ] {
            let asked = async { Rc::new(Helper::default()).key(command).await };
            let why = LocalSet::new().run_until(asked).await.unwrap_err();
            assert!(why.contains(said) && !why.contains("sec"), "{command}: {why}");
        }
    }
}

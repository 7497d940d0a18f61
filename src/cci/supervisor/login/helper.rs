//! What a command on the host prints to let requests in. It is asked for again and again, because it changes.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout};

use super::command::Run;
use super::pace::Seldom;

/// How long what it printed is used, as the agents do.
const LASTS: Duration = Duration::from_secs(300);
/// How soon a command that failed is run again.
const REST: Duration = Duration::from_secs(10);
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// A key.
const KEY: Wanted = Wanted { what: "key", is_it: is_key };

/// What a command is to print.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) what: &'static str,
    /// Whether a text is that.
    pub(super) is_it: fn(&str) -> bool,
}

/// The command of an account, and what it printed last.
#[derive(Default)]
pub(in crate::supervisor) struct Helper {
    /// One run at a time.
    turn: Arc<Mutex<()>>,
    printed: RefCell<Option<Printed>>,
    forgets: Seldom,
}

struct Printed {
    run: Run,
    until: Instant,
    /// The key, or why there is none.
    what: Result<String, String>,
}

impl Helper {
    /// The key that a command prints.
    pub(in crate::supervisor) async fn key(self: &Rc<Self>, command: &str) -> Result<String, String> {
        self.printed(&Run::of_a_shell(command), KEY).await
    }

    /// What a command prints.
    pub(super) async fn printed(self: &Rc<Self>, run: &Run, wanted: Wanted) -> Result<String, String> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        if let Some(printed) = self.printed.borrow().as_ref()
            && printed.run == *run
            && Instant::now() < printed.until
        {
            return printed.what.clone();
        }
        let (helper, run) = (Rc::clone(self), run.clone());
        // the end of the request that asks cuts nothing short: the next one has what came of it
        let running = spawn_local(async move {
            let what = helper.run(run, wanted).await;
            drop(turn);
            what
        });
        let what = wanted.what;
        running.await.unwrap_or_else(|_| Err(format!("the command of the host that prints its {what} cannot be run")))
    }

    async fn run(&self, run: Run, Wanted { what, is_it }: Wanted) -> Result<String, String> {
        let printed = timeout(PATIENCE, run.output()).await;
        let printed = printed.unwrap_or_else(|_| Err(format!("does not end within {} s", PATIENCE.as_secs())));
        let printed = printed.and_then(|text| if is_it(&text) { Ok(text) } else { Err(format!("prints no {what}")) });
        let printed = printed.map_err(|problem| format!("the command of the host that prints its {what} {problem}"));
        let until = Instant::now() + if printed.is_ok() { LASTS } else { REST };
        self.printed.replace(Some(Printed { run, until, what: printed.clone() }));
        printed
    }

    /// What it printed opens nothing: it is asked again.
    pub(in crate::supervisor) fn forget(&self) {
        if self.forgets.may_be()
            && let Some(printed) = self.printed.borrow_mut().as_mut()
        {
            printed.until = Instant::now();
        }
    }

    /// What it printed last, whether that still opens anything or not.
    pub(in crate::supervisor) fn last(&self) -> Option<String> {
        self.printed.borrow().as_ref()?.what.clone().ok()
    }
}

/// Whether a text can be in a header.
pub(super) fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
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
            helper.forget();
            assert_eq!(
                helper.key(&command).await,
                Ok("key-2".into()),
                "a session that is refused again and again runs nothing"
            );
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

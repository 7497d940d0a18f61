//! `tmux send`, `capture` and `list`: drives a session without a terminal.

use std::time::Duration;

use cci_core::{Error, Result};
use cci_guest::tmux::{self, Part};
use cci_guest::{GuestExit, output};
use cci_incus::{Captured, Exec};

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::ownership;
use crate::session::pane::Pane;
use crate::session::running::running;

/// How long tmux may take to answer.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a pane must not change to count as quiet, and how often to look.
const QUIET: Duration = Duration::from_millis(1500);
const LOOK: Duration = Duration::from_millis(250);

/// What is sent.
pub enum Input {
    /// Text, as it is, followed by Enter if asked for.
    Text {
        /// What is typed, as it is.
        text: Vec<u8>,
        /// Whether Enter follows.
        enter: bool,
    },
    /// Keys by tmux's names.
    Keys(Vec<String>),
}

/// Sends input to the agent once it is ready for a prompt, and returns when the agent has it; `force` sends it to whatever
/// is in the pane.
pub async fn send(cx: &Context, name: &str, input: &Input, force: bool) -> Result<()> {
    let keys = match input {
        Input::Keys(keys) => keys.as_slice(),
        Input::Text { .. } => &[],
    };
    let mut pane = Pane::open(cx, name, keys, running(cx, name)).await?;
    let sent = async {
        if !force {
            pane.turn().await?;
        }
        match input {
            Input::Keys(_) => pane.keys(force).await,
            Input::Text { text, enter } if force => pane.force(text, *enter).await,
            Input::Text { text, enter } => {
                let ready = pane.ready().await?;
                pane.prompt(text, &ready, *enter).await
            }
        }
    };
    cx.scope.until_cancelled(sent).await
}

/// Waits until the pane has not changed for a while.
pub async fn wait_until_quiet(cx: &Context, name: &str, limit: Duration) -> Result<()> {
    let quiet = async {
        let mut ticks = tokio::time::interval(LOOK);
        let (mut seen, mut since) = (Vec::new(), tokio::time::Instant::now());
        loop {
            ticks.tick().await;
            let now = capture(cx, name, Part::Visible, false).await?;
            if now != seen {
                (seen, since) = (now, tokio::time::Instant::now());
            } else if since.elapsed() >= QUIET {
                return Ok(());
            }
        }
    };
    tokio::time::timeout(limit, quiet).await.unwrap_or_else(|_| {
        Err(Error::TimedOut {
            step: format!("waiting for {name} to be quiet"),
            seconds: limit.as_secs(),
            still_running: false,
        })
    })
}

/// What the pane shows.
pub async fn capture(cx: &Context, name: &str, part: Part, ansi: bool) -> Result<Vec<u8>> {
    running(cx, name).await?;
    ask(cx, name, &tmux::capture(name, part, ansi), &[]).await.map(|done| done.stdout)
}

/// The running containers that have a session.
pub async fn list(cx: &Context) -> Result<Vec<String>> {
    let names: Vec<String> =
        ownership::all(cx).await?.into_iter().filter(ownership::Owned::runs).map(|owned| owned.instance.name).collect();
    let asked = names.into_iter().map(|name| async move {
        let there = on_server(cx, &name, &["has-session".to_owned()], &[]).await;
        (name, there)
    });
    let mut there = Vec::new();
    for (name, answer) in futures_util::future::join_all(asked).await {
        match answer {
            Ok(done) if GuestExit::from(done.status) == GuestExit::NoSession => {}
            Ok(_) => there.push(name),
            Err(error) if running(cx, &name).await.is_ok() => return Err(error),
            // it ended while it was asked
            Err(_) => {}
        }
    }
    Ok(there)
}

async fn ask(cx: &Context, name: &str, command: &[String], stdin: &[u8]) -> Result<Captured> {
    let done = on_server(cx, name, command, stdin).await?;
    match done.status.into() {
        GuestExit::Success => Ok(done),
        GuestExit::NoSession => Err(Error::NoTmuxSession { name: name.to_owned() }),
        exit => Err(Error::StepFailed {
            step: format!("tmux in {name}"),
            problem: format!("status {exit}: {}", output::whole(&done.stderr)),
            hint: None,
        }),
    }
}

/// As root in the container, which may use any user's server.
async fn on_server(cx: &Context, name: &str, command: &[String], stdin: &[u8]) -> Result<Captured> {
    let exec = Exec { command: tmux::on_any_server(name, command), ..Exec::default() };
    cx.client.exec_captured(name, &exec, stdin, LIMIT).await.during("talk to tmux")
}

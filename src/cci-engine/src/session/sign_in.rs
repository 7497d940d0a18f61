//! The agent's own login, in a container that is made for it and removed behind it: what comes of it is for the host alone.

use std::collections::BTreeMap;
use std::time::Duration;

use cci_agent::{Agent, By, Login, json};
use cci_core::environment::{HostLocale, environment};
use cci_core::{Error, Result};
use cci_guest::layout::USER;
use cci_incus::Exec;
use serde_json::Value;
use uuid::Uuid;

use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::remove::remove_any;
use crate::launch::standalone;
use crate::process::container_exec::{self, Command};
use crate::{launch, roll_back};

/// Where the agent puts its login meanwhile: in memory, so that no disk of the host ever has it.
const PLACE: &str = "/dev/shm/login";
/// Makes that place for the agent alone, and becomes what follows. A container that boots has no /dev/shm at first.
const IN_PLACE: &str = "for _ in $(seq 100); do mountpoint -q /dev/shm && break; sleep 0.1; done; \
                        umask 077 && mkdir -p -- \"$0\" && exec \"$@\"";
/// How long reading it may take.
const READS: Duration = Duration::from_secs(30);
/// No login is larger.
const LARGEST: usize = 1024 * 1024;

/// Has a person log in, at the terminal, and returns what an account is made of. The container is gone then, however it
/// ends.
pub async fn sign_in(cx: &Context, agent: &'static dyn Agent, login: &'static dyn Login) -> Result<Value> {
    let cx = &launch::environment::resolved(cx).await?;
    let words = login.sign_in();
    let name = format!("{}login-{}", cx.prefix.as_str(), &Uuid::new_v4().simple().to_string()[..8]);
    let work = async {
        standalone(cx, &cx.settings.defaults.image, &name, true).await?;
        let cx = &cx.with_environment(variables(cx, agent, login));
        let argv = ["sh", "-c", IN_PLACE, PLACE].iter().chain(words).map(|word| (*word).to_owned()).collect();
        let command = Command {
            argv,
            user: Some(USER.to_owned()),
            group: None,
            cwd: Some("/".to_owned()),
            tty: true,
            no_input: false,
            capture: false,
        };
        let outcome = container_exec::run(cx, &name, &command).await?;
        let unfinished = |problem: String| Error::StepFailed {
            step: format!("logging in with {}", agent.title()),
            problem,
            hint: Some("nothing was kept; a token or a key is added with --token or --api-key".into()),
        };
        if outcome.status != 0 {
            return Err(unfinished(format!("{} ended with status {}", agent.title(), outcome.status)));
        }
        let account = read(cx, &name, login).await?;
        let account = account.ok_or_else(|| unfinished(format!("{} has left no login", agent.title())))?;
        remove_any(&cx.client, &name).await?;
        Ok(account)
    };
    roll_back::on_failure(cx, work).await
}

/// What the agent finds in its environment: nothing that lets it in already, and no place of its own.
fn variables(cx: &Context, agent: &dyn Agent, login: &dyn Login) -> BTreeMap<String, String> {
    let all = environment(agent, &HostLocale::default(), &cx.settings.environment(), &cx.environment);
    let mut kept: BTreeMap<_, _> =
        all.into_iter().filter(|(name, _)| !login.variables().contains(&name.as_str())).collect();
    kept.remove("TERM");
    kept.extend(login.directory_environment(PLACE).into_iter().map(|(name, value)| (name.to_owned(), value)));
    kept
}

/// What the agent has left there; `None` if it is no login.
async fn read(cx: &Context, name: &str, login: &dyn Login) -> Result<Option<Value>> {
    let file = format!("{PLACE}/{}", login.file());
    let most = (LARGEST + 1).to_string();
    let command = ["head", "-c", &most, "--", &file].map(str::to_owned).to_vec();
    let uid = cx.settings.incus.agent_uid;
    let exec = Exec { command, user: Some(uid), group: Some(uid), ..Exec::default() };
    let read = cx.client.exec_captured(name, &exec, b"", READS).await.during("read the login")?;
    let whole = (read.status == 0 && read.stdout.len() <= LARGEST).then(|| json::parse(&read.stdout).ok()).flatten();
    Ok(whole.and_then(|file| login.account(By::Login(&file))))
}

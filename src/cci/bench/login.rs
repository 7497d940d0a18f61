//! Measures the login socket and the supervisor behind it, in a home of the bed's own: with a login that opens nothing,
//! against a stub on loopback.

use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use cci_agent::{By, HostPlace, Import, Login, default_agent};
use cci_core::{Error, Result};
use cci_guest::agent_socket::LOGIN_SOCKET;
use cci_incus::Exec;
use tokio::time::sleep;

use super::bed::Bed;
use super::boot::booted;
use super::child::{self, Home};
use super::collected::Collected;
use super::launching::SHELL;
use super::resident;
use super::row::Who;
use super::stub::{Answer, Stub};
use cci_engine::blocking::blocking;
use cci_engine::incus_error::DuringStep;

/// The project directory of the session.
const PROJECT: &str = "login";
const SOCKET: &[&str] = &["login-first", "login-stream", "login-200"];
const SUPERVISOR: &[&str] = &["supervisor-memory", "supervisor-idle", "supervisor-after"];
const LAUNCH: &[&str] = &["shell-login", "shell-supervisor"];
/// How many requests wait for their first byte in a round.
const FIRST: usize = 50;
/// How many streams run at once.
const STREAMS: usize = 200;
/// How long a supervisor is watched that has nothing to do.
const IDLE: Duration = Duration::from_secs(10);
/// What opens nothing.
const TOKEN: &str = "sk-ant-oat01-of-the-bench";
/// How long anything in the container may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Measures everything about it that is wanted.
pub(super) async fn measure(bed: &Bed, all: &Collected) -> Result<()> {
    let keys = [SOCKET, SUPERVISOR, LAUNCH].concat();
    if !all.wants(&keys) {
        return Ok(());
    }
    bed.part(all, &keys, rounds(bed, all)).await?;
    bed.remove_containers().await
}

async fn rounds(bed: &Bed, all: &Collected) -> Result<()> {
    let stub =
        Stub::start().await.map_err(|source| Error::Host { step: "listen on", path: "loopback".into(), source })?;
    let home = home(bed, &stub).await?;
    for round in 0..=bed.runs {
        all.begin(round);
        bed.part(all, LAUNCH, launches(bed, all, &home)).await?;
    }
    if all.wants(&[SOCKET, SUPERVISOR].concat()) {
        let name = bed.name(PROJECT, 1);
        child::cci_at(bed, &home, PROJECT, &SHELL).await?;
        bed.timed(booted(bed, &name)).await?;
        bed.part(all, SUPERVISOR, idle(bed, all, &home)).await?;
        for round in 0..=bed.runs {
            all.begin(round);
            bed.part(all, &["login-first"], first(bed, all, &stub, &name)).await?;
            bed.part(all, &["login-stream"], stream(bed, all, &stub, &name)).await?;
            bed.part(all, &["login-200"], many(bed, all, &stub, &name)).await?;
        }
        bed.part(all, SUPERVISOR, after(bed, all, &home)).await?;
    }
    child::cci_at(bed, &home, PROJECT, &["supervisor", "stop"]).await.map(drop)
}

/// A home with a login that does not end.
async fn home(bed: &Bed, stub: &Stub) -> Result<Home> {
    let home = Home { path: bed.dir("home")?, api: Some(stub.url()) };
    let agent = default_agent();
    let login = agent.login().ok_or_else(|| Error::Internal("the agent has no login".into()))?;
    let content = login.account(By::Token(TOKEN)).unwrap_or_default().to_string();
    let place = HostPlace { home: home.path.clone(), named: None };
    let directory = agent.sources(&place, &Import::default()).directory;
    blocking(move || {
        let file = directory.join(login.file());
        let host = |source| Error::Host { step: "write", path: file.clone(), source };
        std::fs::create_dir_all(&directory).map_err(host)?;
        let mut options = std::fs::OpenOptions::new();
        let mut written = options.write(true).create(true).truncate(true).mode(0o600).open(&file).map_err(host)?;
        std::io::Write::write_all(&mut written, content.as_bytes()).map_err(host)
    })
    .await?;
    Ok(home)
}

/// Launches without a login, with one while the supervisor runs, and with one for which it must be started.
async fn launches(bed: &Bed, all: &Collected, home: &Home) -> Result<()> {
    let name = [bed.name(PROJECT, 1)];
    let without = Home { api: None, path: bed.dir("nobody")? };
    bed.calm().await?;
    all.took("shell-login", Who::Floor, child::cci_at(bed, &without, PROJECT, &SHELL).await?.took);
    bed.end(&name).await?;
    child::cci_at(bed, home, PROJECT, &["supervisor", "stop"]).await?;
    bed.calm().await?;
    all.took("shell-supervisor", Who::Cci, child::cci_at(bed, home, PROJECT, &SHELL).await?.took);
    bed.end(&name).await?;
    bed.calm().await?;
    let took = child::cci_at(bed, home, PROJECT, &SHELL).await?.took;
    all.took("shell-login", Who::Cci, took);
    all.took("shell-supervisor", Who::Floor, took);
    bed.end(&name).await
}

/// The first byte of short answers.
async fn first(bed: &Bed, all: &Collected, stub: &Stub, name: &str) -> Result<()> {
    bed.calm().await?;
    for took in through(bed, name, Answer::Short, FIRST, "%{time_starttransfer}").await? {
        all.took("login-first", Who::Cci, took);
    }
    for _ in 0..FIRST {
        all.took("login-first", Who::Floor, straight(bed, stub, Answer::Short).await?.0);
    }
    Ok(())
}

/// One long answer.
async fn stream(bed: &Bed, all: &Collected, stub: &Stub, name: &str) -> Result<()> {
    bed.calm().await?;
    for took in through(bed, name, Answer::Stream, 1, "%{time_total}").await? {
        all.took("login-stream", Who::Cci, took);
    }
    all.took("login-stream", Who::Floor, straight(bed, stub, Answer::Stream).await?.1);
    Ok(())
}

/// The slowest of many answers at once, beside one alone.
async fn many(bed: &Bed, all: &Collected, stub: &Stub, name: &str) -> Result<()> {
    bed.calm().await?;
    let took = through(bed, name, Answer::Paced, STREAMS, "%{time_total}").await?;
    all.took("login-200", Who::Cci, took.into_iter().max().unwrap_or_default());
    all.took("login-200", Who::Floor, straight(bed, stub, Answer::Paced).await?.1);
    Ok(())
}

async fn straight(bed: &Bed, stub: &Stub, answer: Answer) -> Result<(Duration, Duration)> {
    let failed = |source| Error::Host { step: "ask", path: PathBuf::from("the stub"), source };
    bed.timed(async { stub.asked(answer).await.map_err(failed) }).await.map(|(took, _)| took)
}

/// Asks through the socket in the container, several at once where the answers are paced; how long each took.
async fn through(bed: &Bed, name: &str, answer: Answer, times: usize, what: &str) -> Result<Vec<Duration>> {
    let at_once = if answer == Answer::Paced { "-Z --parallel-immediate --parallel-max 300" } else { "" };
    let script = format!(
        "exec curl -q -s {at_once} --noproxy '*' --unix-socket {LOGIN_SOCKET} -H 'Expect:' \
         -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' -d '{}' -o /dev/null \
         -w '%{{http_code}} {what}\\n' 'http://localhost/v1/messages?n=[1-{times}]'",
        default_agent().login().map_or("", Login::placeholder),
        answer.asked()
    );
    let user = Some(bed.cx.settings.incus.agent_uid);
    let command = ["sh", "-c", &script].map(str::to_owned).to_vec();
    let exec = Exec { command, user, group: user, ..Exec::default() };
    let asked = async { bed.cx.client.exec_captured(name, &exec, &[], LIMIT).await.during("ask through the socket") };
    let said = String::from_utf8_lossy(&bed.timed(asked).await?.0.stdout).into_owned();
    let took: Vec<Duration> =
        said.lines().filter_map(|line| line.strip_prefix("200 ")?.parse().ok()).map(Duration::from_secs_f64).collect();
    if took.len() == times {
        return Ok(took);
    }
    let said = cci_guest::output::whole(said.lines().take(3).collect::<Vec<_>>().join(", ").as_bytes());
    Err(Error::StepFailed {
        step: "asking through the login socket".into(),
        problem: format!("{} of {times} were answered: {said}", took.len()),
        hint: None,
    })
}

/// What a supervisor takes that watches a session in which nothing happens.
async fn idle(bed: &Bed, all: &Collected, home: &Home) -> Result<()> {
    let pid = supervisor(bed, home).await?;
    bed.calm().await?;
    let before = worked(pid)?;
    let waited = async {
        sleep(IDLE).await;
        Ok(())
    };
    bed.timed(waited).await?;
    all.took("supervisor-idle", Who::Cci, worked(pid)?.saturating_sub(before));
    all.add("supervisor-memory", Who::Cci, resident::mib(&pid.to_string())?);
    Ok(())
}

/// What it keeps once it has worked: the C library's allocator gives little back.
async fn after(bed: &Bed, all: &Collected, home: &Home) -> Result<()> {
    let pid = supervisor(bed, home).await?;
    bed.calm().await?;
    all.add("supervisor-after", Who::Cci, resident::mib(&pid.to_string())?);
    Ok(())
}

/// The process of the supervisor that runs.
async fn supervisor(bed: &Bed, home: &Home) -> Result<u64> {
    let ran = child::cci_at(bed, home, PROJECT, &["supervisor", "status", "--format", "json"]).await?;
    let status: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    status["pid"].as_u64().ok_or_else(|| Error::Internal("no supervisor runs".into()))
}

/// How long the threads of a process have had a processor.
fn worked(pid: u64) -> Result<Duration> {
    let place = PathBuf::from(format!("/proc/{pid}/task"));
    let host = |source| Error::Host { step: "read", path: place.clone(), source };
    let mut nanos = 0;
    for thread in std::fs::read_dir(&place).map_err(host)? {
        let read = std::fs::read_to_string(thread.map_err(host)?.path().join("schedstat")).unwrap_or_default();
        nanos += read.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(Duration::from_nanos(nanos))
}

//! Which agents an image has that does not note them: they are asked, in a container of it.

use std::collections::BTreeMap;
use std::time::Duration;

use cci_agent::installable;
use cci_core::build::agents::Version;
use cci_core::{Error, Result};
use cci_guest::output;
use cci_incus::{Exec, Source};
use tokio::io::AsyncReadExt;

use super::container::BuildContainer;
use super::log::Log;
use super::steps::timed;
use crate::context::Context;
use crate::event::BuildStep;
use crate::launch::launch_mark;
use crate::process::exec::{self, Begun};

/// How long an agent may take to say its version, with the start of the container.
const LIMIT: Duration = Duration::from_secs(60);
/// As much as is read of what it says.
const MOST: u64 = 4096;

/// The versions of the agents in an image.
pub(super) async fn versions(cx: &Context, name: &str, fingerprint: &str) -> Result<BTreeMap<String, Version>> {
    let step = BuildStep::StartFrom { base: name.to_owned() };
    let log = Log::create(cx).await?;
    let mark = launch_mark();
    let created = BuildContainer::create(cx, Source::fingerprint(fingerprint), &mark, true);
    let container = timed(cx, &log, &step, created).await?;
    let mut versions = BTreeMap::new();
    for agent in installable() {
        if let Some(version) = version(cx, &container.name, agent.name()).await? {
            versions.insert(agent.name().to_owned(), version);
        }
    }
    container.remove(cx).await?;
    Ok(versions)
}

/// Whether gVisor is in a container.
pub(super) async fn has_gvisor(cx: &Context, container: &str) -> Result<bool> {
    Ok(first_line(cx, container, "runsc").await?.starts_with("runsc version "))
}

/// What a program in a container says of its version; `None` if there is none.
async fn version(cx: &Context, container: &str, program: &str) -> Result<Option<Version>> {
    // a program that is not there says nothing
    Ok(Version::printed(&first_line(cx, container, program).await?))
}

/// The first line that a program in a container prints when it is asked for its version.
async fn first_line(cx: &Context, container: &str, program: &str) -> Result<String> {
    let during = format!("ask {program} for its version");
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let exec = Exec {
        command: vec![program.to_owned(), "--version".to_owned()],
        environment: [("PATH", path), ("HOME", "/root")].map(|(name, value)| (name.into(), value.into())).into(),
        cwd: Some("/".to_owned()),
        ..Exec::default()
    };
    let asked = async {
        let mut process = match exec::start(cx, container, "", &exec, &during).await? {
            Begun::Runs(process) => process,
            Begun::Refused(_) => return Ok(String::new()),
        };
        drop(process.stdin.take());
        let mut said = Vec::new();
        if let Some(out) = process.stdout.take() {
            // what cannot be read was not said
            let _ = out.take(MOST).read_to_end(&mut said).await;
        }
        let first = said.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(output::line(first))
    };
    tokio::time::timeout(LIMIT, asked).await.map_err(|_| Error::TimedOut {
        step: during.clone(),
        seconds: LIMIT.as_secs(),
        still_running: false,
    })?
}

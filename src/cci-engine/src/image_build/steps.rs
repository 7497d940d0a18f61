//! Runs one step in the build container: its output goes to the log, its failure into the error.

use std::collections::VecDeque;
use std::time::Instant;

use cci_core::build::steps::Step;
use cci_core::{Error, Result};
use cci_guest::output;
use cci_incus::Exec;

use super::log::Log;
use crate::context::Context;
use crate::event::{Activity, Amount, BuildEvent, BuildStep, Event, Progress};
use crate::incus_error::DuringStep;
use crate::process::exec::{self, Begun};

/// Runs it to its end and reports how long it took; `amount` is its place among the others. Returns its last lines.
pub(crate) async fn run(
    cx: &Context,
    container: &str,
    step: &Step,
    amount: Amount,
    log: &Log,
) -> Result<VecDeque<String>> {
    let part = BuildStep::Run { title: step.title.clone() };
    timed(cx, log, &part, async {
        cx.emit(Progress { activity: Activity::Build(part.clone()), amount });
        let (status, last) =
            tokio::time::timeout(step.limit, execute(cx, container, step, log)).await.map_err(|_| {
                Error::TimedOut { step: step.title.clone(), seconds: step.limit.as_secs(), still_running: false }
            })??;
        if status == 0 {
            return Ok(last);
        }
        Err(Error::StepFailed {
            step: format!("step '{}'", step.title),
            problem: output::failure(status, last.iter().map(String::as_str)),
            hint: Some(log.hint()),
        })
    })
    .await
}

/// Reports that something begins and, when it is done, how long it took.
#[tracing::instrument(name = "build", skip_all, fields(%step))]
pub(crate) async fn timed<T>(
    cx: &Context,
    log: &Log,
    step: &BuildStep,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let start = Instant::now();
    cx.emit(BuildEvent::StepBegan(step.clone()));
    log.say(&step.to_string()).await?;
    let done = work.await?;
    cx.emit(Event::Idle);
    let took = start.elapsed();
    log.say(&format!("{step}: {:.1} s", took.as_secs_f64())).await?;
    cx.emit(BuildEvent::StepDone { step: step.clone(), took });
    Ok(done)
}

/// The exit status of a step's command and its last lines.
async fn execute(cx: &Context, container: &str, step: &Step, log: &Log) -> Result<(i32, VecDeque<String>)> {
    let during = format!("run step '{}'", step.title);
    let exec = Exec {
        command: step.command.clone(),
        environment: step.environment.clone(),
        cwd: Some("/".to_owned()),
        ..Exec::default()
    };
    let mut process = match exec::start(cx, container, "", &exec, &during).await? {
        Begun::Runs(process) => process,
        Begun::Refused(exit) => return Ok((exit.status(), VecDeque::new())),
    };
    // nothing is typed into a step: a program that asks a question gets the end of its input
    drop(process.stdin.take());
    let last = match process.stdout.take() {
        Some(output) => log.take_down(output).await?,
        None => VecDeque::new(),
    };
    Ok((process.wait().await.during(&during)?, last))
}

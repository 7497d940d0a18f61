//! What running containers may reach beside their policies.

use cci_core::Result;
use cci_core::network::Allowance;
use cci_host::store::run_dir::{RunDir, Watched};
use jiff::Timestamp;

use crate::blocking::blocking;
use crate::context::Context;

/// What a container may reach beside its policy now.
pub(super) async fn in_force(cx: &Context, container: &str) -> Result<Vec<Allowance>> {
    let Some(watched) = judged(cx, container).await? else { return Ok(Vec::new()) };
    let (run, now) = (RunDir::of(&cx.cci_dir()), Timestamp::now());
    let noted = blocking(move || Ok(run.allowances(&watched))).await?;
    Ok(noted.into_iter().filter(|allowance| !allowance.is_over(now)).collect())
}

/// What all containers of this caller's that are watched may reach beside their policies.
pub(super) async fn of_all(cx: &Context) -> Result<Vec<Allowance>> {
    let run = RunDir::of(&cx.cci_dir());
    blocking(move || Ok(run.watched().iter().flat_map(|watched| run.allowances(watched)).collect())).await
}

/// The session of a container whose connections are judged by name.
pub(super) async fn judged(cx: &Context, container: &str) -> Result<Option<Watched>> {
    let (run, project, container) = (RunDir::of(&cx.cci_dir()), cx.client.project().to_owned(), container.to_owned());
    blocking(move || Ok(run.judged(&project, &container))).await
}

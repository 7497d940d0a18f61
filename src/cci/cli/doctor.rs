//! `cci doctor`: checks this machine, and gives a fix for each problem.

use std::time::Duration;

use cci_core::Result;
use cci_core::hint::hint;
use cci_core::setup::finding::{Finding, Health, worst};
use cci_core::setup::findings::findings;
use cci_guest::GuestText;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::setup::{SetupArgs, set_up};
use super::verb::{Call, OnIncus, Verb};
use crate::ui::count::count;
use crate::ui::size::human;
use crate::ui::text::Text;
use cci_engine::checkpoint::verify;
use cci_engine::context::Context;
use cci_engine::upkeep::setup::{look, measure};

/// A clone that takes longer is a full copy.
const SLOW: Duration = Duration::from_secs(2);

/// Check the Incus installation
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci doctor\n  cci doctor --format=json | jq '.findings[] | select(.status != \"ok\")'\n  cci doctor --fix        the same as `cci setup`\n\nExit status: 0 healthy, 1 works with warnings, 2 does not work"
)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    format: FormatArg,
    /// Fix what setup can fix
    #[arg(long)]
    fix: bool,
}

/// What `--format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci doctor")]
struct Report {
    /// The worst of the findings: ok, warning or broken.
    status: &'static str,
    findings: Vec<Reported>,
}

/// One finding.
#[derive(Debug, Serialize, JsonSchema)]
struct Reported {
    /// The stable name of the check.
    id: &'static str,
    /// ok, warning or broken.
    status: &'static str,
    message: String,
    /// The command or change that fixes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    fix: Option<String>,
}

impl Verb for DoctorArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Report>("doctor", "the findings")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Image, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for DoctorArgs {
    const IN_ANY_HOME: bool = true;

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        if self.fix {
            set_up(&SetupArgs::default(), cx, call.terminal).await?;
        }
        let mut findings = findings(&look(cx, None).await);
        if worst(&findings) != Health::Broken {
            findings.push(clone_time(cx).await);
        }
        findings.extend(checkpoints(cx).await);
        print(self.format.format, &report(&findings), |_| text(&findings, call.flags.verbose > 0))?;
        Ok(match worst(&findings) {
            Health::Ok => 0,
            Health::Warning => 1,
            Health::Broken => 2,
        })
    }
}

/// Whether all that checkpoints hold is there; nothing where there are none.
async fn checkpoints(cx: &Context) -> Option<Finding> {
    const FIX: &str = "take new checkpoints; `cci clean --checkpoints` removes those that are not current";
    let finding = |health, text: String, fix: Option<&str>| finding("checkpoints", health, text, fix);
    let verified = match verify::verify(cx).await {
        Ok(verified) if verified.workspaces == 0 => return None,
        Ok(verified) => verified,
        Err(error) => {
            let text = format!("checkpoints cannot be verified: {error}");
            return Some(finding(Health::Warning, text, hint(&error).as_deref()));
        }
    };
    let (checkpoints, size) = (count(verified.checkpoints, "checkpoint", "checkpoints"), human(verified.bytes));
    let all = format!("{checkpoints} of {}, {size}", count(verified.workspaces, "workspace", "workspaces"));
    if let Some((workspace, id, objects)) = verified.damaged.first() {
        let damaged = verified.damaged.len();
        let objects = count(*objects, "object", "objects");
        let first = format!("{id} of {} lacks {objects}", GuestText::new(workspace));
        return Some(finding(Health::Warning, format!("{all}; {damaged} damaged: {first}"), Some(FIX)));
    }
    match verified.unreadable.first() {
        Some(first) => Some(finding(Health::Warning, format!("{all}; not all can be read: {first}"), Some(FIX))),
        None => Some(finding(Health::Ok, format!("{all}: complete"), None)),
    }
}

fn finding(id: &'static str, health: Health, text: String, fix: Option<&str>) -> Finding {
    Finding { id, health, text, fix: fix.map(str::to_owned), steps: Vec::new() }
}

async fn clone_time(cx: &Context) -> Finding {
    let finding = |health, text: String, fix: Option<&str>| finding("clone", health, text, fix);
    match measure(cx).await {
        Ok(Some(took)) if took < SLOW => {
            finding(Health::Ok, format!("a container is cloned in {} ms", took.as_millis()), None)
        }
        Ok(Some(took)) => finding(
            Health::Warning,
            format!("a container is cloned in {} ms", took.as_millis()),
            Some("use a pool on btrfs or zfs"),
        ),
        Ok(None) => finding(
            Health::Warning,
            format!("a clone could not be measured: there is no image '{}'", cx.settings.defaults.image),
            Some("cci build"),
        ),
        Err(error) => finding(Health::Broken, format!("cannot create a container: {error}"), hint(&error).as_deref()),
    }
}

fn word(health: Health) -> &'static str {
    match health {
        Health::Ok => "ok",
        Health::Warning => "warning",
        Health::Broken => "broken",
    }
}

fn text(findings: &[Finding], verbose: bool) -> Text {
    let mut out = Text::default();
    for finding in findings {
        let name = if verbose { format!(" [{}]", finding.id) } else { String::new() };
        out.line(format_args!("{:>8}  {}{name}", word(finding.health), finding.text));
        if let Some(fix) = &finding.fix {
            out.line(format_args!("           fix: {fix}"));
        }
    }
    out.with(match worst(findings) {
        Health::Ok => "Healthy",
        Health::Warning => "Works, with warnings",
        Health::Broken => "Does not work",
    })
}

fn report(findings: &[Finding]) -> Report {
    let reported = findings.iter().map(|finding| Reported {
        id: finding.id,
        status: word(finding.health),
        message: finding.text.clone(),
        fix: finding.fix.clone(),
    });
    Report { status: word(worst(findings)), findings: reported.collect() }
}

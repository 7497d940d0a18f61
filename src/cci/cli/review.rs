//! `cci review`: what a session left that would run on this host, or changes what runs there.

pub(super) mod left;
mod shown;
mod text;
mod words;

use cci_core::slot::SlotChoice;
use cci_core::{Error, Result};
use cci_guest::GuestText;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::complete;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::shell::slot;
use super::verb::{Call, OnIncus, Verb};
use cci_engine::checkpoint::review::look::{Review, Whose, look};
use cci_engine::checkpoint::review::settle::Settled;
use cci_engine::context::Context;
use shown::{Shown, listed};

/// Show what a session left that would run on this host
#[derive(Debug, Args)]
#[command(
    after_help = "The workspace is compared with the first checkpoint of the session. The exit status is 0 if there is nothing, 1 if there are findings.\n\nExamples:\n  cci review                            of the session that was active last\n  cci review --slot 2                   of the one in slot 2\n  cci review --accept                   all is fine, until it changes again\n  cci review --revert 3fa9c1            make this file what it was\n  cci review --quarantine               take all of these files away\n  cci review && git push                in a script"
)]
pub(crate) struct ReviewArgs {
    /// The container of the session, which can be gone; without it, the session of this workspace that was active last
    #[arg(add = ArgValueCandidates::new(complete::containers))]
    name: Option<String>,
    /// Accept the findings: each is quiet until its file changes again
    #[arg(long)]
    accept: bool,
    /// Make the file of this finding what it was when the session began; repeatable
    #[arg(long, value_name = "FINDING", add = ArgValueCandidates::new(complete::findings))]
    revert: Vec<String>,
    /// Move the files of all findings to a directory below ~/.cci; what was there before comes back
    #[arg(long, conflicts_with_all = ["accept", "revert"])]
    quarantine: bool,
    #[command(flatten)]
    format: FormatArg,
}

impl Verb for ReviewArgs {
    const SCHEMAS: &'static [Described] =
        &[Described::new::<Shown>("review", "what a session left that would run on this host")];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Slot, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for ReviewArgs {
    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let mut review = look(cx, &self.whose(slot(call.flags.launch.slot)?)?).await?;
        let mut shown = Shown {
            checkpoint: review.since.id.to_string(),
            at: review.since.at.clone(),
            session_id: review.since.session.map(|id| id.to_string()).unwrap_or_default(),
            accepted_before: review.accepted,
            ..Shown::default()
        };
        self.settle(call, &mut review, &mut shown).await?;
        shown.findings = review.findings.iter().map(listed).collect();
        print(self.format.format, &shown, |shown| text::text(shown, &review.findings))?;
        if !shown.undo.is_empty() {
            call.terminal.hint(&format!("take it back with `cci rewind {} --only workspace`", shown.undo));
        }
        if review.findings.is_empty() {
            return Ok(0);
        }
        if !self.asks_for_more() {
            let again = self.name.as_ref().map_or_else(|| "cci review".to_owned(), |name| format!("cci review {name}"));
            call.terminal.hint(&format!(
                "make a file what it was with `{again} --revert FINDING`, accept all with `{again} --accept`"
            ));
        }
        Ok(1)
    }
}

impl ReviewArgs {
    fn whose(&self, slot: SlotChoice) -> Result<Whose> {
        match (&self.name, slot) {
            (Some(_), SlotChoice::Exactly(_)) => {
                Err(Error::usage("a session is chosen by its container or by --slot, not by both"))
            }
            (Some(name), _) => Ok(Whose::Container(name.clone())),
            (None, SlotChoice::Exactly(slot) | SlotChoice::Preferably(slot)) => Ok(Whose::Slot(slot)),
            (None, SlotChoice::Auto) => Ok(Whose::Latest),
        }
    }

    /// Whether something is to be done about the findings.
    fn asks_for_more(&self) -> bool {
        self.accept || self.quarantine || !self.revert.is_empty()
    }

    /// Does what was asked for: what is put back is not accepted.
    async fn settle(&self, call: &Call<'_>, review: &mut Review, shown: &mut Shown) -> Result<()> {
        let chosen = review.chosen(&self.revert)?;
        if self.quarantine && !review.findings.is_empty() {
            let (settled, dir) = review.quarantine(review.findings.clone()).await?;
            shown.quarantine = GuestText::new(&dir).to_string();
            tell(call, settled, shown);
        } else if !chosen.is_empty() {
            let settled = review.put_back(chosen).await?;
            tell(call, settled, shown);
        }
        if self.accept {
            let (accepted, all) = (review.accept(review.findings.clone()).await?, review.findings.len());
            shown.accepted = accepted.iter().map(listed).collect();
            if all > 0 {
                call.terminal.warn("what could not be looked at is not accepted");
            }
        }
        Ok(())
    }
}

fn tell(call: &Call<'_>, settled: Settled, shown: &mut Shown) {
    for (_, error) in &settled.failed {
        call.terminal.warn_of(error);
    }
    shown.reverted = settled.done.iter().map(listed).collect();
    shown.undo = settled.undo.filter(|_| !settled.done.is_empty()).map(|id| id.to_string()).unwrap_or_default();
}

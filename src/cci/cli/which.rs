//! `NAME…|--all [--force]`: which containers a verb acts on, and whether it asks first.

use cci_core::{Error, Result};
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::complete;
use super::question::Question;
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::instance::shutdown;

/// Which containers.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The containers
    #[arg(add = ArgValueCandidates::new(complete::containers))]
    names: Vec<String>,
    /// All of this user's containers
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Do not ask
    #[arg(long, short)]
    force: bool,
}

/// The chosen containers.
pub(crate) enum Chosen {
    /// These.
    These(Vec<String>),
    /// None, and the user knows.
    Nothing,
}

/// Reads the names; a single name asks nothing, `--all` and several ask unless `--force`.
pub(crate) async fn choose(which: &Which, verb: &str, cx: &Context, terminal: &Terminal) -> Result<Chosen> {
    let names = match (which.all, which.names.is_empty()) {
        (true, _) => shutdown::everything(cx).await?,
        (false, false) => once_each(&which.names),
        (false, true) => {
            return Err(Error::StepFailed {
                step: verb.to_owned(),
                problem: "no container named".into(),
                hint: Some("name one of `cci list`, or use --all".into()),
            });
        }
    };
    if names.is_empty() {
        Terminal::result(&Text::one(format_args!("No containers to {verb}")))?;
        return Ok(Chosen::Nothing);
    }
    if !which.force && (which.all || names.len() > 1) && !confirmed(&names, verb, terminal).await? {
        Terminal::result(&Text::one("Cancelled."))?;
        return Ok(Chosen::Nothing);
    }
    Ok(Chosen::These(names))
}

/// The names in their order, without those that are there already.
fn once_each(names: &[String]) -> Vec<String> {
    let is_first = |(at, name): &(usize, &String)| !names[..*at].contains(name);
    names.iter().enumerate().filter(is_first).map(|(_, name)| name.clone()).collect()
}

async fn confirmed(names: &[String], verb: &str, terminal: &Terminal) -> Result<bool> {
    let question = format!("{verb} {} container(s): {}", names.len(), names.join(", "));
    Question { text: &question, act: &question, flag: "--force" }.confirmed(terminal).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_is_named_twice_is_one() {
        assert_eq!(once_each(&["b", "a", "b"].map(str::to_owned)), ["b", "a"]);
    }
}

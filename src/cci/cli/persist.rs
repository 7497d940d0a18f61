//! `cci persist`: keeps running ephemeral containers for good.

use cci_core::Result;
use clap::Args;

use super::which::{self, Chosen, Which};
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::instance::{end, persist};

/// Keep running ephemeral containers for good
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci persist cci-9c09f805-1\n  cci persist --all --force")]
pub(crate) struct PersistArgs {
    #[command(flatten)]
    which: Which,
}

pub(crate) async fn run(args: &PersistArgs, cx: &Context, terminal: &Terminal) -> Result<u8> {
    let names = match which::choose(&args.which, "persist", cx, terminal).await? {
        Chosen::These(names) => names,
        Chosen::Nothing => return Ok(0),
    };
    let mut kept = 0;
    for name in &names {
        match persist::persist(cx, name).await {
            Ok(()) => {
                Terminal::result(&Text::one(format_args!("Persisted {name}")))?;
                kept += 1;
            }
            Err(error) => terminal.warn(&error.to_string()),
        }
    }
    end::verdict(names.len(), kept).map(|()| 0)
}

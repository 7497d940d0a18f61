//! `cci persist`: makes running ephemeral containers persistent.

use cci_core::Result;
use clap::Args;

use super::verb::{Call, OnIncus, Verb};
use super::which::{self, Chosen, Which};
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::instance::{persist, shutdown};
use cci_host::settings::Trust;

/// Make running ephemeral containers persistent
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci persist cci-9c09f805-1\n  cci persist --all --force")]
pub(crate) struct PersistArgs {
    #[command(flatten)]
    which: Which,
}

impl Verb for PersistArgs {}

impl OnIncus for PersistArgs {
    fn trust(&self) -> Trust {
        Trust::LeftOut
    }

    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        let names = match which::choose(&self.which, "persist", cx, call.terminal).await? {
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
                Err(error) => call.terminal.warn_of(&error),
            }
        }
        shutdown::verdict(names.len(), kept).map(|()| 0)
    }
}

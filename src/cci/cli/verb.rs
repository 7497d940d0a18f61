//! What every verb says of itself, in its own file. The table of the verbs is `verbs.rs`.

use std::sync::Arc;

use cci_core::Result;
use clap::{Args, Command};

use super::flags::GlobalArgs;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::Format;
use crate::ui::terminal::Terminal;
use cci_engine::context::Context;
use cci_host::settings::Trust;

/// The arguments of a verb.
pub(crate) trait Verb: Args {
    /// What it and the verbs below it print with `--format json`.
    const SCHEMAS: &'static [Described] = &[];

    /// The launch flags that mean something to it, or to the verb of these words below it. The others are a usage error
    /// and no part of its help. Each verb that works with Incus takes the file that says where Incus is.
    fn launch_flags(_below: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Config]
    }

    /// The output format asked for, if the verb has one.
    fn format(&self) -> Option<Format> {
        None
    }

    /// Whether the verb passes a command's own status through, so that cci's failures need one of their own.
    fn passes_status(&self) -> bool {
        false
    }
}

/// A verb that works with Incus.
pub(crate) trait OnIncus: Verb {
    /// Whether a failure or Ctrl-C ends it from outside, and what it made is rolled back then. The others see to it
    /// themselves.
    const ROLLED_BACK: bool = true;

    /// Whether root may call it with another user's `HOME`, as a `sudo` does that keeps it: it makes nothing there.
    const IN_ANY_HOME: bool = false;

    /// What becomes of a project file that is not approved: only what starts something in a container needs it, and none
    /// keeps the person from ending what runs.
    fn trust(&self) -> Trust {
        Trust::SetAside
    }

    /// Whether it makes or shows containers, and so first removes what a killed command left of them.
    fn clears_up(&self) -> bool {
        false
    }

    /// Calls the use-case, and prints how it ended; the status to end with.
    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8>;
}

/// A verb that works with a broken configuration and without Incus.
pub(crate) trait Offline: Verb {
    /// Does the work, and prints how it ended; the status to end with.
    async fn run(self, call: &Call<'_>) -> Result<u8>;
}

/// What there is before the configuration is read.
pub(crate) struct Call<'a> {
    pub(crate) flags: &'a GlobalArgs,
    pub(crate) terminal: &'a Arc<Terminal>,
    pub(crate) program: Program,
}

/// All the verbs, for those among them that are about the others.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    /// The whole command line, with everything made.
    pub(crate) command: fn() -> Command,
    /// What the verbs print as JSON, by name.
    pub(crate) schemas: fn() -> Vec<Described>,
}

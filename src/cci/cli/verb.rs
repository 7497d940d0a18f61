//! What every verb declares about itself, in its own file. The table of the verbs is `verbs.rs`.

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

    /// The launch flags that it accepts, or that the verb of these words below it accepts. The others are a usage error
    /// and not in its help. Each verb that works with Incus takes the file that says where Incus is.
    fn launch_flags(_below: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Config]
    }

    /// The output format asked for, if the verb has one.
    fn format(&self) -> Option<Format> {
        None
    }

    /// Whether the verb passes on a command's exit status, so that cci's failures need one of their own.
    fn passes_status(&self) -> bool {
        false
    }
}

/// A verb that works with Incus.
pub(crate) trait OnIncus: Verb {
    /// Whether a failure or Ctrl-C ends it from outside, so that what it created is rolled back. The others handle this
    /// themselves.
    const ROLLED_BACK: bool = true;

    /// Whether root may run it with another user's `HOME`, as under a `sudo` that keeps it: it creates nothing there.
    const IN_ANY_HOME: bool = false;

    /// What happens to a project file that is not approved: only verbs that start something in a container need it, and
    /// no verb keeps the user from stopping what runs.
    fn trust(&self) -> Trust {
        Trust::SetAside
    }

    /// Whether it creates or shows containers, and so first removes what a killed command left.
    fn clears_up(&self) -> bool {
        false
    }

    /// Calls the use-case, and prints the outcome; returns the exit status.
    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8>;
}

/// A verb that works with a broken configuration and without Incus.
pub(crate) trait Offline: Verb {
    /// Does the work, and prints the outcome; returns the exit status.
    async fn run(self, call: &Call<'_>) -> Result<u8>;
}

/// What is known before the configuration is read.
pub(crate) struct Call<'a> {
    pub(crate) flags: &'a GlobalArgs,
    pub(crate) terminal: &'a Arc<Terminal>,
    pub(crate) program: Program,
}

/// All the verbs, for those that are about the others.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    /// The whole command line, with everything built.
    pub(crate) command: fn() -> Command,
    /// What the verbs print as JSON, by name.
    pub(crate) schemas: fn() -> Vec<Described>,
}

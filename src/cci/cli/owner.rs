//! `--any-owner`: for the verbs that take a container's or an image's name.

use clap::Args;

use cci_engine::context::Context;

#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct OwnerArg {
    /// Act on it although it is another user's
    #[arg(long)]
    any_owner: bool,
}

impl OwnerArg {
    /// The call with the reach that the flag gives it.
    pub(super) fn reach(self, cx: &Context) -> Context {
        cx.of_any_owner(self.any_owner)
    }
}

//! `--any-owner`: for the verbs that take a container's or an image's name.

use clap::Args;

use cci_engine::context::Context;

#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct OwnerArg {
    /// Act on it even if it belongs to another user
    #[arg(long)]
    any_owner: bool,
}

impl OwnerArg {
    /// The context with the reach that the flag gives.
    pub(super) fn reach(self, cx: &Context) -> Context {
        cx.of_any_owner(self.any_owner)
    }
}

//! Files of a container that does not run.

use cci_core::{Error, Result};

use super::flow::{Inlet, Outlet};
use super::remote::Remote;
use crate::app::context::Context;
use crate::store::pack::Owner;

pub(super) async fn send(_cx: &Context, from: &Remote, _tree: bool, _inlet: Inlet) -> Result<()> {
    Err(Error::ContainerNotRunning { name: from.name.clone() })
}

pub(super) async fn take(_: &Context, to: &Remote, _: bool, _: &str, _: Outlet, _: Owner) -> Result<()> {
    Err(Error::ContainerNotRunning { name: to.name.clone() })
}

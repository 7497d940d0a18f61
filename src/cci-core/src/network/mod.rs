//! What a container may reach: modes, policies, and how the host enforces them.

mod block;
mod dns;
mod entry;
mod guard;
mod host_firewall;
mod host_name;
mod host_names;
mod mode;
mod policy;
mod preset;
mod reach;
mod resolved;
mod reverse;
mod route;
mod rule;
mod special;
mod verdict;

pub use block::{Block, BlockError};
pub use dns::{UPLINKS, asking, front, nothing};
pub use entry::{BY_NAME, Entry, EntryError, Ports, Target};
pub use guard::hooks;
pub use host_firewall::{Firewall, FirewallFacts, Obstacle};
pub use host_name::{HostName, NotAName};
pub use host_names::{HostFiles, HostNames};
pub use mode::{Mode, ModeError};
pub use policy::{DOORS, Keeper, Policy, PolicyName, STAND_IN};
pub use preset::listed;
pub use reach::{Grant, Listed, Names, Reach, Unlisted};
pub use resolved::Resolved;
pub use route::{free_subnet, local_addresses, routes, subnet_on};
pub use rule::{Action, Rule};
pub use special::{Addresses, Special};
pub use verdict::{Flow, Protocol, Verdict};

//! What each network mode reaches, asked by live packets that never leave this machine.

mod adversary;
mod allow;
mod ask;
mod attacks;
mod audit;
mod brought_back;
mod by_name;
mod dns;
mod guard;
mod host;
mod hosts;
mod keys;
mod learn;
mod matrix;
mod modes;
mod names;
mod probes;
mod proof;
mod proxy;
mod refresh;
mod resolver;

pub(crate) use probes::{PROBE, Reached, SERVER, configure, host, network_of, read};

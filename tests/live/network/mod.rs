//! What each network mode reaches, asked by live packets that never leave this machine.

mod adversary;
mod allow;
mod ask;
mod attacks;
mod audit;
mod brought_back;
mod by_name;
mod clients;
mod dns;
mod elsewhere;
mod floods;
mod forged;
mod guard;
mod hears;
mod host;
mod hosts;
mod keys;
mod learn;
mod matrix;
mod modes;
mod names;
mod over_tls;
mod probes;
mod proof;
mod proxy;
mod refresh;
mod resolver;
mod scale;

pub(crate) use probes::{PROBE, Reached, SERVER, configure, host, network_of, read};

//! What every test stands on: a host of its own, real users, a real terminal, a stand-in internet.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]

pub mod anthropic;
pub mod base;
pub mod bed;
pub mod clean_root;
pub mod completion;
pub mod daemon;
pub mod delay;
pub mod figures;
pub mod host;
pub mod https;
pub mod internet;
pub mod machine;
pub mod names;
pub mod printed;
pub mod proxy;
pub mod schema;
pub mod screen;
pub mod timeline;
pub mod wait;
pub mod watch;

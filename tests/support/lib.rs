//! The foundation of every test: a host of its own, real users, a real terminal, a stand-in internet.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    missing_docs,
    reason = "what a test stands on fails with it, and is documented where its name does not say it all"
)]

pub mod anthropic;
pub mod base;
pub mod bed;
pub mod clean_root;
pub mod clouds;
pub mod completion;
pub mod daemon;
pub mod figures;
pub mod host;
pub mod host_agent;
pub mod https;
pub mod https_proxy;
pub mod internet;
pub mod issuer;
pub mod machine;
pub mod names;
pub mod printed;
pub mod proxy;
pub mod pty;
pub mod running;
pub mod schema;
pub mod screen;
pub mod timeline;
pub mod tree;
pub mod wait;
pub mod watch;
pub mod web;

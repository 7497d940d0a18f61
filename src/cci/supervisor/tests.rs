//! A whole supervisor on real sockets, with a lookout and a duty of the tests'.

mod accounts;
mod allow;
mod api;
mod ask;
mod commands;
mod egress;
mod guests;
mod login;
mod over_tls;
mod providers;
mod secrets;
mod why;
mod world;

//! What a container could try, each beside the allowed form of the same thing.

pub(super) mod hellos;

mod addresses;
mod ended;
mod many;
mod proxies;
mod requests;
mod smuggling;
mod switched;
mod time;
mod tls;
mod tunnels;
mod world;

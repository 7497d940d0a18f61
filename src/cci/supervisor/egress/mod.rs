//! Connections of sessions that are judged by the name they ask for: they come in where a container's network sends them,
//! are known by the container's address, and what is refused is written down.

mod ask;
mod begin;
mod gateways;
mod heard;
mod notice;
mod record;
mod refusals;
mod requests;
mod resolver;
mod rules;
mod why;

pub(super) use ask::ask;
pub(super) use begin::begin;
pub(super) use gateways::Gateways;
pub(super) use heard::{heard, silent};
pub(super) use record::Record;
pub(super) use rules::{Asked, Rules};
pub(super) use why::why;

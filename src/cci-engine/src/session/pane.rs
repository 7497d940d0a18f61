//! The agent's pane, read and typed into by one command in the container: what is sent goes to the agent or nowhere.

mod connection;
mod prompt;
mod screen;
mod start;

pub(crate) use connection::Pane;
pub(crate) use start::Up;

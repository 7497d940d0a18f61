//! Connections on their way out of a container, judged by the name they ask for: found in a TLS hello or an HTTP head,
//! judged, looked up on this host, its addresses judged, and the very address that was judged dialled.
//!
//! TLS is ended only where somebody carries secrets in it (`carry.rs`); all other bytes of TLS are passed on as they
//! came. Requests of HTTP/1 are passed on one by one, each judged anew. What is not one of the two has no name, and is
//! refused.

mod alert;
mod answer;
mod asked;
mod body;
mod carry;
mod connection;
mod dial;
mod ended;
mod ends;
mod exchange;
mod frames;
mod head;
mod hello;
mod http;
mod kernel;
mod limits;
mod lines;
mod note;
mod onward;
mod outward;
mod refusal;
mod replayed;
mod resolve;
mod serve;
mod splice;
mod stream;
mod tasks;
#[cfg(test)]
mod tests;
mod tls;
mod upgraded;
mod upstream;
mod words;

pub use carry::{Carry, Ending, Nobody};
pub use connection::Egress;
pub use dial::{Dial, Tcp};
pub use head::{Kind, Request};
pub use hello::{Hello, HelloReader};
pub use kernel::Pipes;
pub use limits::Limits;
pub use note::{Note, Notes, Peer};
pub use onward::{Lost, Onward};
pub use outward::rule;
pub use refusal::Refusal;
pub use resolve::{Answer, Remembered, Resolve, System};
pub use stream::Stream;

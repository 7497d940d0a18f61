//! Requests on their way out of a container: where each wants to go, its placeholders swapped for what they stand for and
//! that scrubbed from the answer, requests signed, streams of messages read; and connections that are judged by the name
//! they ask for. Knows the rules and addresses of `cci-core::network`, and nothing of Incus.

pub mod egress;
mod event_stream;
mod forms;
mod meant;
mod of_connection;
mod scrub;
mod sigv4;
mod swap;

pub use event_stream::EventStream;
pub use meant::{Meant, NotPlain, meant};
pub use of_connection::of_connection;
pub use scrub::{Scrub, Scrubbed};
pub use sigv4::{AwsKeys, AwsRequest, AwsScope, sign};
pub use swap::{Swap, Swapped, is_foreign, mentions, swap};

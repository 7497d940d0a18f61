//! A typed async client of the Incus REST API: transport, operations, events, exec, files, images and networks.
//!
//! Everything starts at [`Client`]. Calls are values that a transport sends; the body of an answer decides what it
//! is; work that goes on in the daemon is an [`Operation`], waited for with a name and a deadline.

mod client;
mod error;
mod event;
mod exec;
mod instance;
mod observe;
mod operation;
mod progress;
mod reply;
mod request;
mod server;
mod status;
mod transport;
mod url;
mod websocket;
mod wire;

pub use client::Client;
pub use error::{Error, Result};
pub use event::{Event, EventBody, EventKind, Events, Lifecycle};
pub use exec::{Captured, Control, Exec, Process, Stderr, Stdin, Stdout, TermSize};
pub use instance::{
    Address, Config, CpuUsage, Device, Devices, DiskUsage, ImageName, ImageServer, Instance,
    InstancePatch, InstancePut, InstanceState, MemoryUsage, NetworkState, NewInstance, NewSnapshot,
    Snapshot, Source, StateAction, StateChange,
};
pub use observe::{Exchange, Observer};
pub use operation::{Done, Operation, OperationInfo};
pub use progress::Progress;
pub use request::Etag;
pub use server::{Auth, Environment, Server, StorageDriver};
pub use status::Status;
pub use transport::HttpsRemote;

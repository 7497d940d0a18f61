//! A typed async client of the Incus REST API: transport, operations, events, exec, files, images and networks.
//!
//! Everything starts at [`Client`]. Calls are values that a transport sends; the body of an answer decides what it
//! is; work that goes on in the daemon is an [`Operation`], waited for with a name and a deadline.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use cci_incus::{Client, Exec, NewInstance, Source, StateChange};
//!
//! # async fn example() -> cci_incus::Result<()> {
//! let client = Client::unix("/var/lib/incus/unix.socket");
//! let new = NewInstance { start: true, ephemeral: true, ..NewInstance::new("c1", Source::alias("debian/12")) };
//! client.create_instance(&new).await?.wait("create the container", Duration::from_secs(60)).await?;
//!
//! let done = client.exec_captured("c1", &Exec::new(["uname", "-r"]), &[], Duration::from_secs(10)).await?;
//! assert_eq!(done.status, 0);
//!
//! // an ephemeral one is deleted by its stop
//! client.change_state("c1", &StateChange::kill()).await?.wait("stop the container", Duration::from_secs(60)).await?;
//! # Ok(())
//! # }
//! ```

mod acl;
mod certificate;
mod client;
mod error;
mod event;
mod exec;
#[cfg(feature = "fake")]
pub mod fake;
mod file;
#[cfg(feature = "fuzzing")]
pub mod fuzz;
mod image;
mod instance;
#[cfg(test)]
mod near;
mod network;
mod operation;
mod pool;
mod profile;
mod progress;
mod project;
mod reply;
mod request;
mod server;
mod sftp;
mod simplestreams;
mod socket;
mod status;
mod transport;
mod url;
mod volume;
mod warning;
mod websocket;
mod wire;

/// What the API speaks of, for code that has no use for a client.
pub use cci_incus_types as types;
pub use cci_incus_types::{Device, Devices, Disk, Nic, OperationKind, Refusal, device, start_log};

pub use acl::{Acl, AclAction, AclPut, AclRule, AclState};
pub use client::Client;
pub use error::{Error, Result};
pub use event::{Event, EventBody, EventKind, Events, Lifecycle};
pub use exec::{Captured, Control, Exec, Process, Stderr, Stdin, Stdout, TermSize, until_it_runs};
pub use file::{FileKind, FileMeta, FileOwner};
pub use image::{Alias, Exported, Image, ImageAlias, ImageSource, NewImage, Properties, Publish, Uploaded};
pub use instance::{
    Address, Config, CpuUsage, DiskUsage, ImageName, ImageServer, Instance, InstancePatch, InstancePut, InstanceState,
    MemoryUsage, NetworkState, NewInstance, NewSnapshot, Snapshot, Source, StateAction, StateChange,
};
pub use network::{Network, NetworkLease, NetworkStatus, NewNetwork};
pub use operation::{Done, Operation, OperationInfo};
pub use pool::{NewStoragePool, PoolResources, StoragePool, Usage};
pub use profile::{Profile, ProfilePut};
pub use progress::Progress;
pub use project::{NewProject, Project};
pub use request::Etag;
/// The SFTP protocol, whose types an [`Sftp`] session takes and gives.
pub use russh_sftp;
pub use server::{Auth, Environment, Server, StorageDriver};
pub use sftp::Sftp;
pub use simplestreams::{ImageStreams, Product};
pub use socket::{SocketEnv, candidates};
pub use status::Status;
pub use transport::HttpsRemote;
pub use volume::{BACKUP_ROOT, NewVolume, Volume};
pub use warning::Warning;

//! A project of a test's own, emptied and deleted at its end, also by a panic.

use std::path::PathBuf;

use cci_incus::{Client, NewProject, StateChange, Status};

use super::{LIMIT, apart, token};

/// The features that a project can have of its own or share with the default one.
const FEATURES: [&str; 4] = ["images", "profiles", "networks", "storage.volumes"];

/// A project of this test run.
pub(crate) struct Project {
    socket: PathBuf,
    /// Its name, with which everything in it can begin.
    pub(crate) name: String,
}

impl Project {
    /// A project with these features of its own; the others it shares with the default project.
    pub(crate) fn new(own: &[&str]) -> Self {
        let project = Self {
            socket: socket(),
            name: format!("cci-incus-{}", token()),
        };
        let mut new = NewProject::new(&project.name);
        for feature in FEATURES {
            new.config.insert(
                format!("features.{feature}"),
                own.contains(&feature).to_string(),
            );
        }
        apart(async { project.client().create_project(&new).await.unwrap() });
        project
    }

    /// A client of this project. Each test makes its own: connections belong to a runtime.
    pub(crate) fn client(&self) -> Client {
        Client::unix(&self.socket).in_project(&self.name)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let client = self.client();
        apart(async {
            for instance in client.instances().await.unwrap_or_default() {
                remove(&client, &instance.name, instance.status_code).await;
            }
            let (project, _) = client.get_project(&self.name).await.unwrap();
            let own = |feature: &str| {
                project
                    .config
                    .get(feature)
                    .is_some_and(|value| value == "true")
            };
            if own("features.images") {
                for image in client.images().await.unwrap_or_default() {
                    let delete = client.delete_image(&image.fingerprint).await.unwrap();
                    let _ = delete.wait("the delete", LIMIT).await;
                }
            }
            if own("features.networks") {
                for acl in client.acls().await.unwrap_or_default() {
                    let _ = client.delete_acl(&acl.name).await;
                }
            }
            if let Err(error) = client.delete_project(&self.name).await {
                eprintln!("the project of this test stays: {error}");
            }
        });
    }
}

/// Stops and deletes; a stopped ephemeral one is deleted by Incus, unless its start had failed.
async fn remove(client: &Client, name: &str, status: Status) {
    if status != Status::Stopped
        && let Ok(stop) = client.change_state(name, &StateChange::kill()).await
    {
        let _ = stop.wait("the stop", LIMIT).await;
    }
    if let Ok(delete) = client.delete_instance(name).await {
        let _ = delete.wait("the delete", LIMIT).await;
    }
}

/// The daemon that the tests share with everything else on this machine.
fn socket() -> PathBuf {
    let socket = PathBuf::from("/var/lib/incus/unix.socket");
    assert!(
        socket.exists(),
        "these tests need a running Incus at {}; `cci setup` makes one",
        socket.display()
    );
    socket
}

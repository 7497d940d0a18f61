//! A project with a running container, deleted when the last test that uses it ends, also by a panic.

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
};

use cci_incus::{Client, NewInstance, NewProject, Source, StateChange, Status};

use super::LIMIT;

/// The image that every container of these tests is made from.
pub(crate) const IMAGE: &str = "cci-test-base";

/// A project of this test run, with one running container.
pub(crate) struct Bed {
    socket: PathBuf,
    project: String,
    /// The container's name.
    pub(crate) container: String,
}

/// The bed that tests share which leave the container as it was; made by the first of them, deleted after the last.
pub(crate) fn shared() -> Arc<Bed> {
    static SHARED: Mutex<Weak<Bed>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let bed = Arc::new(Bed::new());
        *shared = Arc::downgrade(&bed);
        bed
    })
}

impl Bed {
    /// A bed of this test's own.
    pub(crate) fn new() -> Self {
        let socket = socket();
        let project = format!("cci-incus-{}", token());
        // Incus wants names to be unique on a network, whatever the project
        let container = format!("{project}-c1");
        let bed = Self { socket, project, container };
        apart(async {
            let client = bed.client();
            super::image::ensure(&client.in_project("default")).await;
            client.create_project(&project_of_tests(&bed.project)).await.unwrap();
            bed.launch(&client, &bed.container).await;
        });
        bed
    }

    /// A client of this bed's project. Each test makes its own: connections belong to a runtime.
    pub(crate) fn client(&self) -> Client {
        Client::unix(&self.socket).in_project(&self.project)
    }

    /// Another running container.
    pub(crate) async fn launch(&self, client: &Client, name: &str) {
        let mut new = NewInstance::new(name, Source::alias(IMAGE));
        (new.ephemeral, new.start) = (true, true);
        client.create_instance(&new).await.unwrap().wait("the create", LIMIT).await.unwrap();
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let client = self.client();
        apart(async {
            for instance in client.instances().await.unwrap_or_default() {
                remove(&client, &instance.name, instance.status_code).await;
            }
            if let Err(error) = client.delete_project(client.project()).await {
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

fn project_of_tests(name: &str) -> NewProject {
    let mut project = NewProject::new(name);
    for feature in ["images", "profiles", "networks"] {
        project.config.insert(format!("features.{feature}"), "false".to_owned());
    }
    project
}

fn socket() -> PathBuf {
    let socket = Path::new("/var/lib/incus/unix.socket");
    assert!(socket.exists(), "these tests need a running Incus at {}; `cci setup` makes one", socket.display());
    socket.to_path_buf()
}

/// A name that no other run has.
pub(crate) fn token() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    format!("{:08x}", RandomState::new().hash_one(std::process::id()) & 0xffff_ffff)
}

/// Runs on a runtime of its own, so that it works in tests and in drops alike.
fn apart<F: Future<Output = ()> + Send>(work: F) {
    thread::scope(|scope| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        if let Err(panic) = scope.spawn(move || runtime.block_on(work)).join()
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    });
}

//! A project with a running container.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use cci_incus::{Client, NewInstance, Source};

use super::{LIMIT, Project, apart, image};

/// The image that every container of these tests is made from.
pub(crate) const IMAGE: &str = "cci-test-base";

/// A project of this test run, with one running container.
pub(crate) struct Bed {
    project: Project,
    /// The container's name.
    pub(crate) container: String,
}

/// The bed of tests that leave the container as it was; made by the first of them, deleted after the last.
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
        let project = Project::new(&[]);
        // Incus wants names to be unique on a network, whatever the project
        let bed = Self {
            container: format!("{}-c1", project.name),
            project,
        };
        apart(async {
            let client = bed.client();
            image::ensure(&client.in_project("default")).await;
            launch(&client, &bed.container).await;
        });
        bed
    }

    /// A client of this bed's project.
    pub(crate) fn client(&self) -> Client {
        self.project.client()
    }

    /// Another name that is free on the network.
    pub(crate) fn name(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.project.name)
    }
}

/// Makes a running ephemeral container.
async fn launch(client: &Client, name: &str) {
    let mut new = NewInstance::new(name, Source::alias(IMAGE));
    (new.ephemeral, new.start) = (true, true);
    client
        .create_instance(&new)
        .await
        .unwrap()
        .wait("the create", LIMIT)
        .await
        .unwrap();
}

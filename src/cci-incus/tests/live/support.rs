//! What live tests stand on: projects of their own, containers that are gone afterwards, daemons of their own.

mod bed;
mod daemon;
mod image;
mod project;
mod requests;
mod web;

use std::{future::Future, thread, time::Duration};

use cci_incus::Exec;

pub(crate) use bed::{Bed, IMAGE, shared};
pub(crate) use daemon::Daemon;
pub(crate) use image::{base_image, tiny_image};
pub(crate) use project::Project;
pub(crate) use requests::Requests;
pub(crate) use web::Web;

/// Long enough for everything that a test starts.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A script for the shell in a container.
pub(crate) fn sh(script: &str) -> Exec {
    Exec::new(["sh", "-c", script])
}

/// A name that no other run has.
pub(crate) fn token() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    format!("{:08x}", RandomState::new().hash_one(std::process::id()) & 0xffff_ffff)
}

/// Runs on a runtime of its own, so that it works in tests and in drops alike.
pub(crate) fn apart<T: Send, F: Future<Output = T> + Send>(work: F) -> T {
    thread::scope(|scope| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        match scope.spawn(move || runtime.block_on(work)).join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Asks until the answer is yes; the deadline fails the test.
pub(crate) async fn until(what: &str, mut asked: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !asked().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, asking).await.unwrap_or_else(|_| panic!("{what} did not come"));
}

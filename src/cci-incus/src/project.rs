//! Projects: separate names of instances, and optionally of images, profiles, volumes and networks.

use serde::{Deserialize, Serialize};

use crate::{
    client::Client,
    error::Result,
    instance::Config,
    request::{Etag, Request},
    wire::null_is_default,
};

/// A project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Project {
    /// Unique on the server.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Settings: `features.images`, …
    #[serde(deserialize_with = "null_is_default")]
    pub config: Config,
    /// Paths of what is in it.
    #[serde(deserialize_with = "null_is_default")]
    pub used_by: Vec<String>,
}

/// A project to be created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewProject {
    /// Unique on the server.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Settings: with `features.images` = `false` it shares the images of the default project.
    pub config: Config,
}

impl NewProject {
    /// A project with the server's default features.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

impl Client {
    /// All projects that the caller sees (`GET /1.0/projects?recursion=1`).
    pub async fn projects(&self) -> Result<Vec<Project>> {
        self.read_list(&Request::get(["projects"], "list projects").of_the_server().with("recursion", "1")).await
    }

    /// One project and its version (`GET /1.0/projects/NAME`).
    pub async fn get_project(&self, name: &str) -> Result<(Project, Etag)> {
        let request = Request::get(["projects", name], format!("read project {name}"));
        self.read_tagged(&request.of_the_server()).await
    }

    /// Creates a project (`POST /1.0/projects`).
    pub async fn create_project(&self, new: &NewProject) -> Result<()> {
        let request = Request::post(["projects"], format!("create project {}", new.name));
        self.settle(&request.of_the_server().json(new)).await
    }

    /// Deletes an empty project (`DELETE /1.0/projects/NAME`).
    pub async fn delete_project(&self, name: &str) -> Result<()> {
        let request = Request::delete(["projects", name], format!("delete project {name}"));
        self.settle(&request.of_the_server()).await
    }
}

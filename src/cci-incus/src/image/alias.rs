//! Names of images, which can be moved from one image to another atomically.

use serde::Deserialize;
use serde_json::json;

use crate::{client::Client, error::Result, request::Request};

/// A name of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Alias {
    /// Unique within the project.
    pub name: String,
    /// Free text.
    pub description: String,
    /// The fingerprint of the image.
    pub target: String,
}

impl Client {
    /// All aliases of the project (`GET /1.0/images/aliases?recursion=1`).
    pub async fn aliases(&self) -> Result<Vec<Alias>> {
        self.read_list(&Request::get(["images", "aliases"], "list image aliases").with("recursion", "1")).await
    }

    /// One alias; `None` if there is none (`GET /1.0/images/aliases/NAME`).
    pub async fn alias(&self, name: &str) -> Result<Option<Alias>> {
        match self.read(&Request::get(["images", "aliases", name], format!("read image alias {name}"))).await {
            Ok(alias) => Ok(Some(alias)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Names an image; a conflict if the name is in use (`POST /1.0/images/aliases`).
    pub async fn create_alias(&self, name: &str, fingerprint: &str) -> Result<()> {
        self.settle(&create(name, fingerprint)).await
    }

    /// Moves an alias to another image atomically (`PUT /1.0/images/aliases/NAME`).
    pub async fn point_alias(&self, name: &str, fingerprint: &str) -> Result<()> {
        self.settle(&point(name, fingerprint)).await
    }
}

fn create(name: &str, fingerprint: &str) -> Request {
    Request::post(["images", "aliases"], format!("create image alias {name}"))
        .json(&json!({"name": name, "target": fingerprint, "type": "container", "description": ""}))
}

fn point(name: &str, fingerprint: &str) -> Request {
    Request::put(["images", "aliases", name], format!("move image alias {name}"))
        .json(&json!({"target": fingerprint, "description": ""}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_one_put_and_a_slash_stays_in_the_name() {
        let request = point("debian/12", "abc");
        assert_eq!(request.target("p"), "/1.0/images/aliases/debian%2F12?project=p");
        assert_eq!(request.method, hyper::Method::PUT);
    }
}

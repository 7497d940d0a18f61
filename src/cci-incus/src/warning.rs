//! Warnings: problems that the server found on its host and that are not resolved.

use serde::Deserialize;

use crate::{client::Client, error::Result, request::Request};

/// One problem that the server found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Warning {
    /// Its kind, as a sentence that is the same for each of its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// `new`, `acknowledged` or `resolved`.
    pub status: String,
    /// The latest message.
    pub last_message: String,
}

impl Client {
    /// All unresolved warnings (`GET /1.0/warnings?recursion=1`).
    pub async fn warnings(&self) -> Result<Vec<Warning>> {
        let all: Vec<Warning> = self.read(&get()).await?;
        Ok(all.into_iter().filter(|warning| warning.status != "resolved").collect())
    }
}

fn get() -> Request {
    Request::get(["warnings"], "list the server's warnings").with("recursion", "1")
}

//! Warnings: what the server found amiss with its host and has not seen fixed.

use serde::Deserialize;

use crate::{client::Client, error::Result, request::Request};

/// One thing that the server found amiss.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Warning {
    /// What it is, as a sentence that is the same for each of its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// `new`, `acknowledged` or `resolved`.
    pub status: String,
    /// What was said the last time.
    pub last_message: String,
}

impl Client {
    /// Everything that is amiss and not resolved (`GET /1.0/warnings?recursion=1`).
    pub async fn warnings(&self) -> Result<Vec<Warning>> {
        let all: Vec<Warning> = self.read(&get()).await?;
        Ok(all.into_iter().filter(|warning| warning.status != "resolved").collect())
    }
}

fn get() -> Request {
    Request::get(["warnings"], "list the server's warnings").with("recursion", "1")
}

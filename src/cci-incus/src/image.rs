//! Images of the server: listed, found by name, deleted.

mod alias;
mod export;
mod import;
mod multipart;
mod publish;
mod splitter;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

pub use alias::Alias;
pub use export::Exported;
pub use import::Uploaded;
pub use publish::{ImageSource, Publish};

use crate::{client::Client, error::Result, operation::Operation, request::Request, url, wire::null_is_default};

/// Descriptive keys of an image: `os`, `release`, `description`, …
pub type Properties = BTreeMap<String, String>;

/// An image.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Image {
    /// SHA-256 of its files, as hex.
    pub fingerprint: String,
    /// Names that point to it.
    #[serde(deserialize_with = "null_is_default")]
    pub aliases: Vec<ImageAlias>,
    /// Bytes of its files.
    pub size: i64,
    /// Descriptive keys.
    #[serde(deserialize_with = "null_is_default")]
    pub properties: Properties,
    /// Whether anyone may download it.
    pub public: bool,
    /// Whether it was fetched by a create and may be removed when unused.
    pub cached: bool,
    /// `x86_64`, `aarch64`, …
    pub architecture: String,
    /// `container` or `virtual-machine`.
    #[serde(rename = "type")]
    pub kind: String,
    /// RFC 3339: when it was built.
    pub created_at: String,
    /// RFC 3339: when it was imported.
    pub uploaded_at: String,
    /// RFC 3339; the year 1 if it was never used.
    pub last_used_at: String,
}

/// A name of an image, as the image lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ImageAlias {
    /// Unique within the project.
    pub name: String,
    /// Free text.
    pub description: String,
}

/// The names and properties of an image to be created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewImage {
    /// Names to give it; a name in use makes the whole work fail.
    pub aliases: Vec<String>,
    /// Descriptive keys, which override those in its own metadata.
    pub properties: Properties,
    /// Whether anyone may download it.
    pub public: bool,
}

impl NewImage {
    /// Adds a name.
    #[must_use]
    pub fn alias(mut self, name: impl Into<String>) -> Self {
        self.aliases.push(name.into());
        self
    }

    /// Adds a descriptive key.
    #[must_use]
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.insert(key.into(), value.into());
        self
    }

    fn alias_objects(&self) -> Vec<Value> {
        self.aliases.iter().map(|name| json!({"name": name, "description": ""})).collect()
    }

    /// The headers that replace the body of other calls in an upload.
    fn on(&self, request: Request) -> Request {
        let request = request.header("x-incus-public", self.public.to_string());
        let request = if self.properties.is_empty() {
            request
        } else {
            request.header("x-incus-properties", pairs(&self.properties))
        };
        if self.aliases.is_empty() {
            return request;
        }
        let aliases = url::query(self.aliases.iter().map(|name| ("alias", name.as_str())));
        request.header("x-incus-aliases", aliases)
    }
}

fn pairs(properties: &Properties) -> String {
    url::query(properties.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

impl Client {
    /// All images of the project (`GET /1.0/images?recursion=1`).
    pub async fn images(&self) -> Result<Vec<Image>> {
        self.read_list(&Request::get(["images"], "list images").with("recursion", "1")).await
    }

    /// An image by its fingerprint or a prefix of one (`GET /1.0/images/FINGERPRINT`).
    pub async fn image(&self, fingerprint: &str) -> Result<Image> {
        self.read(&Request::get(["images", fingerprint], format!("read image {fingerprint}"))).await
    }

    /// An image by alias, else by a prefix of its fingerprint; `None` if there is none.
    pub async fn image_by(&self, name: &str) -> Result<Option<Image>> {
        let alias = self.alias(name).await?;
        let fingerprint = alias.as_ref().map_or(name, |alias| &alias.target);
        if alias.is_none() && !is_fingerprint(name) {
            return Ok(None);
        }
        match self.image(fingerprint).await {
            Ok(image) => Ok(Some(image)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets some properties of an image; the others stay (`PATCH /1.0/images/FINGERPRINT`).
    pub async fn set_image_properties(&self, fingerprint: &str, properties: &Properties) -> Result<()> {
        self.settle(&set_properties(fingerprint, properties)).await
    }

    /// Deletes an image with its aliases (`DELETE /1.0/images/FINGERPRINT`).
    pub async fn delete_image(&self, fingerprint: &str) -> Result<Operation> {
        self.start(&Request::delete(["images", fingerprint], format!("delete image {fingerprint}"))).await
    }
}

fn set_properties(fingerprint: &str, properties: &Properties) -> Request {
    Request::patch(["images", fingerprint], format!("change image {fingerprint}"))
        .json(&json!({ "properties": properties }))
}

/// Anything else would be looked up as a name, with whatever answer Incus gives.
fn is_fingerprint(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_described_in_headers() {
        let image = NewImage::default().alias("a b").alias("c").property("description", "x&y");
        let request = image.on(Request::post(["images"], "import an image"));
        assert_eq!(
            request.headers,
            [
                ("x-incus-public", "false".to_owned()),
                ("x-incus-properties", "description=x%26y".to_owned()),
                ("x-incus-aliases", "alias=a%20b&alias=c".to_owned()),
            ]
        );
    }

    #[test]
    fn a_fingerprint_is_hexadecimal() {
        assert!(is_fingerprint("e750779"));
        assert!(!is_fingerprint("cci") && !is_fingerprint("") && !is_fingerprint(&"a".repeat(65)));
    }
}

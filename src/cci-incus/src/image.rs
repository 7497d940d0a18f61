//! Images: `/1.0/images`.

use serde::Deserialize;

use crate::client::Client;
use crate::error::Result;
use crate::operation::Operation;
use crate::request::{Method, Request, escape};

/// A local image.
#[derive(Debug, Clone, Deserialize)]
pub struct Image {
    /// SHA-256, in hex.
    pub fingerprint: String,
    /// What its maker wrote on it.
    #[serde(default)]
    pub properties: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Alias {
    target: String,
}

impl Client {
    /// The image of an alias or a fingerprint, `None` if there is none.
    pub async fn image_by(&self, name: &str) -> Result<Option<Image>> {
        let alias = self.value::<Alias>(Request::get(format!("/1.0/images/aliases/{}", escape(name)))).await;
        let fingerprint = match alias {
            Ok(alias) => alias.target,
            Err(error) if error.is_not_found() => name.to_owned(),
            Err(error) => return Err(error),
        };
        match self.value(Request::get(format!("/1.0/images/{}", escape(&fingerprint)))).await {
            Ok(image) => Ok(Some(image)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes an image.
    pub async fn delete_image(&self, fingerprint: &str) -> Result<Operation> {
        self.operation_of(Request::new(Method::DELETE, format!("/1.0/images/{}", escape(fingerprint)))).await
    }
}

//! Which images there are, and whether one exists.

use cci_core::Result;
use cci_core::mark::LAUNCH;
use cci_incus::Image;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::incus_error::DuringStep;

/// What the names of cci's own images start with.
const OWN: &str = "cci";

/// Which images to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those that cci built, and those with its name.
    Ours,
    /// Every image of the project.
    All,
    /// Those with an alias that starts with this.
    Prefix(String),
}

/// One image as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ListedImage {
    /// SHA-256 of its files, as hex.
    pub fingerprint: String,
    /// Its names.
    pub aliases: Vec<String>,
    /// Bytes.
    pub size: u64,
    /// RFC 3339.
    pub created_at: String,
    /// Its description.
    pub description: String,
}

/// The images, newest first.
pub async fn list(cx: &Context, selection: &Selection) -> Result<Vec<ListedImage>> {
    let images = cx.client.images().await.during("list the images")?;
    let mut listed: Vec<_> = images.iter().filter(|image| selection.takes(image)).map(listed).collect();
    listed.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
    Ok(listed)
}

/// Whether an image of this alias or fingerprint exists.
pub async fn exists(cx: &Context, name: &str) -> Result<bool> {
    Ok(cx.client.image_by(name).await.during("look for the image")?.is_some())
}

impl Selection {
    fn takes(&self, image: &Image) -> bool {
        let named = |prefix: &str| image.aliases.iter().any(|alias| alias.name.starts_with(prefix));
        match self {
            Self::All => true,
            Self::Prefix(prefix) => named(prefix),
            Self::Ours => image.properties.contains_key(LAUNCH) || named(OWN),
        }
    }
}

fn listed(image: &Image) -> ListedImage {
    // an image without a creation date has the date of its import
    let untold = image.created_at.starts_with("0001-") || image.created_at.starts_with("1970-");
    let created_at = if untold { &image.uploaded_at } else { &image.created_at };
    // the undated name before the dated one
    let mut aliases: Vec<String> = image.aliases.iter().map(|alias| alias.name.clone()).collect();
    aliases.sort_unstable();
    ListedImage {
        fingerprint: image.fingerprint.clone(),
        aliases,
        size: u64::try_from(image.size).unwrap_or_default(),
        created_at: created_at.clone(),
        description: image.properties.get("description").cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use cci_incus::ImageAlias;

    use super::*;

    #[test]
    fn ours_are_those_that_cci_made_or_that_have_its_name() {
        let image = |alias: &str| Image {
            aliases: vec![ImageAlias { name: alias.into(), ..ImageAlias::default() }],
            ..Image::default()
        };
        let mut published = image("mine");
        assert!(!Selection::Ours.takes(&published));
        published.properties.insert(LAUNCH.into(), "x".into());
        assert!(Selection::Ours.takes(&published));
        assert!(Selection::Ours.takes(&image("cci-rust")));
        assert!(Selection::All.takes(&Image::default()));
        assert!(Selection::Prefix("mi".into()).takes(&published));
        assert!(!Selection::Prefix("ine".into()).takes(&published));
    }
}

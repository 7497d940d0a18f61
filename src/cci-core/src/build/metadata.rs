//! The metadata that Incus needs to import a root file system as an image.

use serde_json::json;

/// The text of `metadata.yaml`: JSON, which every reader of YAML reads.
///
/// `created` is in seconds since 1970; `architecture` is the kernel's name for it, such as `x86_64`.
#[must_use]
pub fn metadata(architecture: &str, created: i64, description: &str) -> String {
    json!({
        "architecture": architecture,
        "creation_date": created,
        "properties": { "description": description },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_keys_that_incus_asks_for() {
        assert_eq!(
            metadata("x86_64", 7, "say \"hi\""),
            r#"{"architecture":"x86_64","creation_date":7,"properties":{"description":"say \"hi\""}}"#
        );
    }
}

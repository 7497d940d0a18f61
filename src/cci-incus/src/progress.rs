//! The progress of an operation, from its metadata.

use serde_json::Value;

/// A step of a download, of unpacking or of packing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Incus's own words: `rootfs: 45% (12.34MB/s)`.
    pub text: String,
    /// 0 to 100, if Incus reports it.
    pub percent: Option<u8>,
}

impl Progress {
    /// Reads the metadata of an operation; `None` if it reports no progress.
    pub(crate) fn of(metadata: &Value) -> Option<Self> {
        let fields = metadata.as_object()?;
        let text = fields.iter().find(|(key, _)| key.ends_with("_progress")).and_then(|(_, value)| value.as_str())?;
        Some(Self { text: text.to_owned(), percent: percent(text) })
    }
}

/// The number before the first `%`, if it is one from 0 to 100.
fn percent(text: &str) -> Option<u8> {
    let (before, _) = text.split_once('%')?;
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|percent| *percent <= 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_download_reports_its_percentage() {
        let metadata = json!({"download_progress": "rootfs: 45% (12.34MB/s)"});
        let progress = Progress { text: "rootfs: 45% (12.34MB/s)".into(), percent: Some(45) };
        assert_eq!(Progress::of(&metadata), Some(progress));
    }

    #[test]
    fn packing_reports_bytes_only() {
        let metadata = json!({"create_image_from_container_pack_progress": "Image pack: 12.3MB (4MB/s)"});
        assert_eq!(Progress::of(&metadata).and_then(|progress| progress.percent), None);
    }

    #[test]
    fn other_metadata_reports_nothing() {
        assert_eq!(Progress::of(&json!({"fds": {}})), None);
        assert_eq!(Progress::of(&Value::Null), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*%?.*") {
            prop_assert!(percent(&text).is_none_or(|percent| percent <= 100));
        }
    }
}

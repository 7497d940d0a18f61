//! What the session store writes next to each conversation, and how a metadata file of any version is read.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::pin::Pinned;
use crate::session::SessionId;

/// The layout that this version writes.
pub const SCHEMA_VERSION: u32 = 1;

/// One session's `metadata.json`; the first five fields are the ones every version has.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// The conversation.
    pub session_id: SessionId,
    /// Its container, by name.
    pub container_name: String,
    /// Whether that container outlives its stop.
    pub persistent: bool,
    /// The workspace, absolute.
    pub workspace: PathBuf,
    /// When it was last written, RFC 3339.
    pub saved_at: String,
    /// Everything else: cci's additional fields, and those of other versions, kept unchanged.
    pub further: Map<String, Value>,
}

/// The fields this version adds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Further {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The slot it ran in.
    pub slot: Option<u8>,
    /// The agent.
    pub tool: Option<String>,
    /// The profile it was launched with.
    pub profile: Option<String>,
    /// The image as it was asked for.
    pub image: Option<String>,
    /// The network mode it was launched with.
    pub network: Option<String>,
    /// The boundary it was launched with.
    pub boundary: Option<String>,
    /// When the session began, RFC 3339.
    pub created_at: Option<String>,
    /// The storage volume that holds the conversation, where the daemon cannot reach this directory.
    pub volume: Option<InVolume>,
    /// The workspace and the mounts, with their identities.
    pub pinned: Vec<Pinned>,
    /// Which variables the command line gave the agent, by name: the container cannot add to those by which it is let in.
    pub given: Option<Vec<String>>,
}

/// Where a conversation is kept that the daemon cannot reach in its directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InVolume {
    /// The storage pool.
    pub pool: String,
    /// Identifies the last filling of the volume: one filled by another is not this conversation's latest.
    pub filling: Option<String>,
}

/// A metadata file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A field that every version has is missing or of another type.
    #[error("field '{0}' is missing or has the wrong type")]
    Field(&'static str),
}

impl Metadata {
    /// Reads any JSON object that has the first five fields, in any layout.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        let mut fields: Map<String, Value> = serde_json::from_slice(bytes)?;
        let mut text = |key: &'static str| match fields.remove(key) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(MetadataError::Field(key)),
        };
        let session_id = text("session_id")?.parse().map_err(|_| MetadataError::Field("session_id"))?;
        let container_name = text("container_name")?;
        let workspace = PathBuf::from(text("workspace")?);
        let saved_at = text("saved_at")?;
        let Some(Value::Bool(persistent)) = fields.remove("persistent") else {
            return Err(MetadataError::Field("persistent"));
        };
        Ok(Self { session_id, container_name, persistent, workspace, saved_at, further: fields })
    }

    /// The file's content: the five common fields first, then the others.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut fields = Map::new();
        fields.insert("session_id".into(), self.session_id.to_string().into());
        fields.insert("container_name".into(), self.container_name.clone().into());
        fields.insert("persistent".into(), self.persistent.into());
        fields.insert("workspace".into(), self.workspace.to_string_lossy().into_owned().into());
        fields.insert("saved_at".into(), self.saved_at.clone().into());
        fields.extend(self.further.clone());
        format!("{:#}\n", Value::Object(fields))
    }

    /// cci's additional fields; one of the wrong type counts as absent.
    #[must_use]
    pub fn further(&self) -> Further {
        serde_json::from_value(Value::Object(self.further.clone())).unwrap_or_default()
    }

    /// Sets cci's additional fields and leaves the others alone.
    pub fn set_further(&mut self, further: &Further) {
        if let Ok(Value::Object(fields)) = serde_json::to_value(further) {
            self.further.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OLD: &str = r#"{"saved_at":"2026-01-02T03:04:05Z","x":{"y":1},"workspace":"/w","persistent":false,
        "container_name":"cci-1-1","session_id":"3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f"}"#;

    const FIELDS: &str = "session_id|container_name|persistent|workspace|saved_at|x|slot";

    /// What a field may hold instead; nothing takes it away.
    fn values() -> impl Strategy<Value = Option<Value>> {
        let others = [
            None,
            Some(Value::Null),
            Some(true.into()),
            Some(7.into()),
            Some("text".into()),
            Some(Vec::<Value>::new().into()),
        ];
        prop::sample::select(others.to_vec())
    }

    #[test]
    fn the_five_fields_come_first_and_unknown_ones_are_kept() {
        let mut metadata = Metadata::parse(OLD.as_bytes()).unwrap();
        metadata.set_further(&Further { slot: Some(2), ..Further::default() });
        let json = metadata.to_json();
        let order = ["session_id", "container_name", "persistent", "workspace", "saved_at", "\"x\""];
        let places: Vec<_> = order.iter().map(|key| json.find(key).unwrap()).collect();
        assert!(places.is_sorted(), "{json}");
        let again = Metadata::parse(json.as_bytes()).unwrap();
        assert_eq!(again.further["x"]["y"], 1);
        assert_eq!(again.further().slot, Some(2));
    }

    #[test]
    fn a_number_of_another_version_keeps_every_digit() {
        let old = OLD.replace(r#"{"y":1}"#, "111.1111112222230882");
        let once = Metadata::parse(old.as_bytes()).unwrap();
        let twice = Metadata::parse(once.to_json().as_bytes()).unwrap();
        assert_eq!(twice, once);
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = Metadata::parse(OLD.replace("workspace", "work").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "field 'workspace' is missing or has the wrong type");
    }

    proptest! {
        #[test]
        fn a_wrong_field_is_named_or_kept(key in FIELDS, value in values()) {
            let mut fields: Map<String, Value> = serde_json::from_str(OLD).unwrap();
            match &value {
                Some(value) => drop(fields.insert(key.clone(), value.clone())),
                None => drop(fields.remove(&key)),
            }
            match Metadata::parse(Value::Object(fields.clone()).to_string().as_bytes()) {
                Ok(read) => {
                    prop_assert_eq!(Metadata::parse(read.to_json().as_bytes()).unwrap(), read.clone());
                    let again: Map<String, Value> = serde_json::from_str(&read.to_json()).unwrap();
                    prop_assert_eq!(again.get(&key), value.as_ref());
                }
                Err(error) => {
                    let text = format!("field '{key}' is missing or has the wrong type");
                    prop_assert_eq!(error.to_string(), text);
                    prop_assert_ne!(key, "x");
                }
            }
        }
    }
}

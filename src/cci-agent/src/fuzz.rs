//! The fuzz targets.

#![expect(clippy::missing_panics_doc, reason = "a target that panics is a finding")]

use serde_json::Value;

use crate::agents::agents;
use crate::import::Import;
use crate::json;
use crate::seed::{Document, Documents, Form, Given, HostPlace};

/// The host's and a session's configuration of every agent: seeding the result once more changes nothing.
pub fn credentials(bytes: &[u8]) {
    for agent in agents() {
        let sources = agent.sources(&HostPlace::default(), &Import::default());
        let session: Documents = sources
            .session
            .iter()
            .filter_map(|name| Some((*name, json::parse(bytes).ok().or_else(|| json::mended(bytes))?)))
            .collect();
        let host = |document: &Document| match document.form {
            Form::Json(keep) => json::read(bytes, keep).ok().map(|value| (document.name, value)),
            Form::Text => Some((document.name, Value::String(String::from_utf8_lossy(bytes).into_owned()))),
        };
        let host: Documents = sources.host.iter().filter_map(host).collect();
        let given = Given { host, session, api_key: Some("sk-ant-test"), ..Given::default() };
        let seeded = agent.seed(&given);
        let read = |(name, content): &(&'static str, Vec<u8>)| Some((*name, json::parse(content).ok()?));
        let session = seeded.files.iter().filter_map(read).collect();
        let again = agent.seed(&Given { session, noted: seeded.noted.clone(), ..given });
        assert_eq!(again.files.len(), seeded.files.len());
        for (name, content) in &seeded.files {
            let value: Value = serde_json::from_slice(content).unwrap_or_default();
            assert!(value.is_object(), "{}: {name} is no object", agent.name());
            let once = again.files.iter().find(|(other, _)| other == name);
            let once: Option<Value> = once.and_then(|(_, content)| serde_json::from_slice(content).ok());
            assert_eq!(once, Some(value.clone()), "{}: seeding it again changes it", agent.name());
            if (agent.name(), *name) == ("claude", "settings.json") {
                assert_eq!(value["permissions"]["defaultMode"], "bypassPermissions", "{value}");
            }
        }
    }
}

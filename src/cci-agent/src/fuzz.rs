//! The fuzz targets.

#![expect(clippy::missing_panics_doc, reason = "a target that panics is a finding")]

use serde_json::Value;

use crate::agents::agents;
use crate::seed::{Files, Given};

/// The host's and a session's configuration of every agent: seeding is idempotent, and no content of a session prevents
/// its start.
pub fn credentials(bytes: &[u8]) {
    for agent in agents() {
        let sources = agent.sources();
        let all =
            |names: &'static [&'static str]| -> Files { names.iter().map(|name| (*name, bytes.to_vec())).collect() };
        let given = Given { session: all(sources.session), api_key: Some("sk-ant-test"), ..Given::default() };
        assert!(agent.seed(&given).is_ok(), "{}: a session's own files hinder its start", agent.name());
        let Ok(seeded) = agent.seed(&Given { host: all(sources.host), ..given.clone() }) else { continue };
        let session: Files = seeded.files.iter().cloned().collect();
        let again = agent.seed(&Given { host: all(sources.host), session, ..given });
        assert_eq!(again.ok().as_ref(), Some(&seeded), "{}: what was made is not made of itself", agent.name());
        for (name, content) in &seeded.files {
            let value: Value = serde_json::from_slice(content).unwrap_or_default();
            assert!(value.is_object(), "{}: {name} is no object", agent.name());
            if (agent.name(), *name) == ("claude", "settings.json") {
                assert_eq!(value["permissions"]["defaultMode"], "bypassPermissions", "{value}");
            }
        }
    }
}

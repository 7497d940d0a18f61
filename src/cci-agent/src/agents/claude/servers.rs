//! The MCP servers that the user has added to Claude Code on the host, for every workspace or for this one.

use std::path::Path;

use serde_json::{Map, Value};

use super::named::{Found, Named};
use super::settings::translate;
use crate::omission::Omission;
use crate::seed::Given;

/// Where they are in the agent's state.
pub(super) const SERVERS: &str = "mcpServers";

/// Those that work in a container; one that names something only the host has is left out and reported.
pub(super) fn of_host(
    state: Option<&Value>,
    given: &Given<'_>,
    file: &Path,
    named: &mut Named<'_>,
) -> (Map<String, Value>, Vec<Omission>) {
    let (mut servers, mut omitted) = (Map::new(), Vec::new());
    for (name, mut server) in all(state, given.workspace) {
        let key = format!("{SERVERS}.{name}");
        let mut needs = Vec::new();
        translate(&mut server, &key, &key, named, &mut |_, found| needs.push(found));
        // whether the image has a program, it alone knows
        let left_out = needs.iter().any(|found| !matches!(found, Found::Program(_)));
        if left_out {
            needs.retain(|found| !matches!(found, Found::Program(_)));
            needs.truncate(1);
        } else {
            servers.insert(name, server);
        }
        omitted.extend(needs.into_iter().map(|found| found.told(file, &key, left_out)));
    }
    (servers, omitted)
}

/// Those of every workspace, and over them those of this one.
fn all(state: Option<&Value>, workspace: &str) -> Map<String, Value> {
    let of =
        |table: Option<&Value>| table.and_then(|table| table.get(SERVERS)?.as_object().cloned()).unwrap_or_default();
    let project = state.and_then(|state| state.get("projects")?.get(workspace));
    of(state).into_iter().chain(of(project)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::host_files::Everything;
    use crate::seed::HostPlace;

    #[test]
    fn servers_that_work_inside_come_along_and_the_others_are_told() {
        let files = Everything { programs: vec![("uvx", "/home/ann/.local/bin/uvx")], ..Everything::default() };
        let given = Given {
            place: HostPlace { home: "/home/ann".into(), named: None },
            workspace: "/p",
            state: "/home/code/.claude".into(),
            guest_home: "/home/code",
            files: Some(&files),
            ..Given::default()
        };
        let state = json!({
            "mcpServers": {
                "web": { "type": "http", "url": "https://mcp.example/x" },
                "near": { "type": "http", "url": "http://127.0.0.1:80/" },
                "own": { "command": "node", "args": ["/home/ann/.claude/srv/a.js"] },
                "tool": { "command": "uvx", "args": ["x"] },
                "far": { "command": "/home/ann/bin/mcp", "args": [] },
            },
            "projects": { "/p": { "mcpServers": { "here": { "command": "npx", "args": ["x"] } } }, "/q": { "mcpServers": { "other": {} } } },
        });
        let mut named = Named::of(&given);
        let (servers, omitted) = of_host(Some(&state), &given, Path::new("/s"), &mut named);
        assert_eq!(servers.keys().collect::<Vec<_>>(), ["web", "own", "tool", "here"]);
        assert_eq!(servers["own"]["args"][0], "/home/code/.claude/srv/a.js");
        assert_eq!(named.copied.len(), 1);
        let (file, key) = (Path::new("/s").to_owned(), "mcpServers.near".to_owned());
        let near = Omission::NamesLoopback { file: file.clone(), key, left_out: true };
        let (key, place) = ("mcpServers.far".to_owned(), "/home/ann/bin/mcp".into());
        let (key_of_tool, program) = ("mcpServers.tool".to_owned(), "uvx".to_owned());
        let tool = Omission::NeedsProgram { file: file.clone(), key: key_of_tool, program, left_out: false };
        assert_eq!(omitted, [near, tool, Omission::NamesHost { file, key, place, left_out: true }]);
    }
}

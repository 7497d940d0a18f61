//! `cci list`: the containers, for people and for programs.

use cci_core::Result;
use cci_core::lifetime::Lifetime;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::json_schema::Described;
use super::output::{Format, FormatArg, print};
use super::verb::{Call, OnIncus, Verb};
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::instance::list::{self, Listed, ListedSession};
use cci_engine::instance::ownership::Whose;
use cci_host::zone::Zone;
use cci_incus::Status;

/// Show the containers
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci list\n  cci list --format=json | jq -r '.active_containers[].name'")]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    format: FormatArg,
    /// Include saved sessions
    #[arg(long)]
    all: bool,
    /// Show only running containers
    #[arg(long, conflicts_with = "stopped")]
    running: bool,
    /// Show only stopped containers
    #[arg(long)]
    stopped: bool,
    /// Include other users' containers
    #[arg(long)]
    all_users: bool,
}

/// What `--format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci list")]
struct Lists {
    /// The caller's containers, by name.
    active_containers: Vec<Listed>,
    /// With `--all` only, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<ListedSession>")]
    saved_sessions: Option<Vec<ListedSession>>,
}

impl Verb for ListArgs {
    const SCHEMAS: &'static [Described] = &[Described::new::<Lists>("list", "the containers and saved sessions")];

    fn format(&self) -> Option<Format> {
        Some(self.format.format)
    }
}

impl OnIncus for ListArgs {
    fn clears_up(&self) -> bool {
        true
    }

    async fn run(self, _: &Call<'_>, cx: &Context) -> Result<u8> {
        let whose = if self.all_users { Whose::Everybodys } else { Whose::Own };
        let sessions = async { if self.all { list::sessions(cx).await.map(Some) } else { Ok(None) } };
        let (mut listed, sessions) = tokio::try_join!(list::list(cx, whose), sessions)?;
        listed.retain(|one| {
            !(self.running && one.state != Status::Running || self.stopped && one.state != Status::Stopped)
        });
        let lists = Lists { active_containers: listed, saved_sessions: sessions };
        print(self.format.format, &lists, |lists| text(&lists.active_containers, lists.saved_sessions.as_deref()))
    }
}

fn text(listed: &[Listed], sessions: Option<&[ListedSession]>) -> Text {
    let zone = Zone::of_this_process();
    let mut out = Text::one("Active Containers:").with("------------------");
    if listed.is_empty() {
        out.line("  (none)");
    }
    for one in listed {
        write_one(&mut out, &zone, one);
    }
    let Some(sessions) = sessions else { return out };
    out.append(&Text::one("").with("Saved Sessions:").with("---------------"));
    if sessions.is_empty() {
        out.line("  (none)");
    }
    for one in sessions {
        write_session(&mut out, &zone, one);
    }
    out
}

fn write_session(out: &mut Text, zone: &Zone, one: &ListedSession) {
    out.line(format_args!("  {}{}", one.session_id, if one.live { " (live)" } else { "" }));
    out.line(format_args!("    Saved: {}", zone.shown(&one.saved_at)));
    out.line(format_args!("    Workspace: {}", one.workspace));
    out.line(format_args!("    Container: {}", one.container_name));
}

fn write_one(out: &mut Text, zone: &Zone, one: &Listed) {
    out.line(format_args!("  {} ({})", one.name, Lifetime::persistent(one.persistent).word()));
    out.line(format_args!("    Status: {}", one.status));
    if one.state == Status::Running {
        out.line(format_args!("    IPv4: {}", one.ipv4));
    }
    out.line(format_args!("    Created: {}", zone.shown(&one.created_at)));
    out.line(format_args!("    Image: {}", one.image));
    out.line(format_args!("    Workspace: {}{}", one.workspace, target_suffix(one)));
    if !one.checkpoint.is_empty() {
        out.line(format_args!("    Checkpoint: {}", one.checkpoint));
    }
}

/// The target of a workspace that was typed with a link.
fn target_suffix(one: &Listed) -> String {
    let differs = !one.workspace_target.is_empty() && one.workspace_target != one.workspace;
    if differs { format!(" -> {}", one.workspace_target) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_the_contracts() {
        let mut one = Listed {
            name: "cci-9c09f805-1".into(),
            status: "Running".into(),
            state: Status::Running,
            created_at: "no time".into(),
            image: "cci".into(),
            persistent: false,
            ipv4: "10.77.0.21".into(),
            workspace: "/home/u/proj".into(),
            workspace_target: "/home/u/proj".into(),
            slot: Some(1),
            session_id: None,
            checkpoint: String::new(),
            profile: None,
            network: None,
        };
        let head = "Active Containers:\n------------------\n";
        assert_eq!(
            text(std::slice::from_ref(&one), None).as_str(),
            format!(
                "{head}  cci-9c09f805-1 (ephemeral)\n    Status: Running\n    IPv4: 10.77.0.21\n    Created: no time\n    Image: cci\n    Workspace: /home/u/proj\n"
            )
        );
        one.checkpoint = "3fa9c10b22".into();
        let shown = text(std::slice::from_ref(&one), None);
        assert!(shown.as_str().ends_with("Workspace: /home/u/proj\n    Checkpoint: 3fa9c10b22\n"));
        one.checkpoint.clear();
        one.workspace_target = "/srv/proj".into();
        assert!(text(std::slice::from_ref(&one), None).as_str().ends_with("Workspace: /home/u/proj -> /srv/proj\n"));
        one.status = "Stopped".into();
        one.state = Status::Stopped;
        assert!(!text(&[one], None).as_str().contains("IPv4"));
        assert_eq!(text(&[], None).as_str(), format!("{head}  (none)\n"));
        assert_eq!(
            text(&[], Some(&[])).as_str(),
            format!("{head}  (none)\n\nSaved Sessions:\n---------------\n  (none)\n")
        );
    }
}

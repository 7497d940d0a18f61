//! What `cci review --format json` prints.

use cci_guest::GuestText;
use schemars::JsonSchema;
use serde::Serialize;

use super::words::short;
use cci_engine::checkpoint::review::look::Found;

/// So many lines about one finding are shown.
const DETAILS: usize = 20;

/// What `--format json` prints.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(title = "cci review")]
pub(super) struct Shown {
    /// The checkpoint that the workspace was compared with.
    pub(super) checkpoint: String,
    /// When it was taken, in RFC 3339.
    pub(super) at: String,
    /// The session; empty if there was none.
    pub(super) session_id: String,
    /// What is left to be looked at.
    pub(super) findings: Vec<ShownFinding>,
    /// How many more there are that were accepted before.
    pub(super) accepted_before: usize,
    /// What this call accepted.
    pub(super) accepted: Vec<ShownFinding>,
    /// What this call made what it was.
    pub(super) reverted: Vec<ShownFinding>,
    /// Where this call moved their files; empty if it did not.
    pub(super) quarantine: String,
    /// The checkpoint that brings back what was there before this call; empty if it changed no file.
    pub(super) undo: String,
}

/// Something that would run on this host, or changes what runs there.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownFinding {
    /// What `--revert` takes.
    pub(super) id: String,
    /// What runs it: `git-hook`, `git-config`, `git-attributes`, `git-repository`, `link`, `set-id`, `shell`, `editor`,
    /// `devcontainer`, `agent`, `package`, `checks`, `workflow` or `build`.
    pub(super) group: &'static str,
    /// Its path below the workspace.
    pub(super) path: String,
    /// `new`, `changed`, or `unseen`: too large, or no file.
    pub(super) how: &'static str,
    /// What is new in it, as far as that can be told.
    pub(super) detail: Vec<String>,
}

/// A finding as it is printed.
pub(super) fn listed(one: &Found) -> ShownFinding {
    let detail = one.finding.detail.iter().take(DETAILS).map(|line| short(line)).collect();
    ShownFinding {
        id: one.id.clone(),
        group: one.finding.sink.word(),
        path: GuestText::new(&one.finding.path).to_string(),
        how: one.finding.how.word(),
        detail,
    }
}

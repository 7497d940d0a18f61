//! How the agent's user in the container is mapped to the caller on the host, decided from facts alone.

use serde::{Deserialize, Serialize};

/// The host's table of subordinate user ids.
pub const SUBUID: &str = "/etc/subuid";
/// The host's table of subordinate group ids.
pub const SUBGID: &str = "/etc/subgid";

/// The `[incus] idmap` setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdmapMode {
    /// The caller's ids are mapped one by one; the container's root stays an unprivileged host id.
    #[default]
    Raw,
    /// Disks are shifted, for hosts that cannot map. The container's root is host root on the workspace.
    Shift,
    /// No mapping at all.
    None,
}

/// A numeric user and group of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    /// The user id.
    pub uid: u32,
    /// The primary group id.
    pub gid: u32,
}

/// One line of `/etc/subuid` or `/etc/subgid` that belongs to root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubRange {
    /// First host id.
    pub start: u32,
    /// How many.
    pub count: u32,
}

impl SubRange {
    /// Whether the host id is in the range.
    #[must_use]
    pub fn holds(self, id: u32) -> bool {
        id >= self.start && u64::from(id) < u64::from(self.start) + u64::from(self.count)
    }
}

/// A line of a table of subordinate ids. The owner's name need not be UTF-8.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'t> {
    pub(crate) owner: &'t [u8],
    pub(crate) start: u64,
    pub(crate) count: u64,
}

impl<'t> Line<'t> {
    /// Reads `owner:start:count`.
    fn read(line: &'t [u8]) -> Option<Self> {
        let mut fields = line.trim_ascii().split(|byte| *byte == b':');
        let owner = fields.next().filter(|owner| !owner.is_empty())?;
        let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
        Some(Self { owner, start: number()?, count: number()? })
    }

    /// The valid lines of a table.
    pub(crate) fn all(table: &'t [u8]) -> impl Iterator<Item = Self> {
        table.split(|byte| *byte == b'\n').filter_map(Self::read)
    }

    pub(crate) fn is_roots(self) -> bool {
        matches!(self.owner, b"root" | b"0")
    }

    /// The first id after the range.
    pub(crate) fn end(self) -> u64 {
        self.start.saturating_add(self.count)
    }
}

/// The ranges that root may map, as `/etc/subuid` or `/etc/subgid` lists them; other lines are ignored.
#[must_use]
pub fn root_ranges(table: &[u8]) -> Vec<SubRange> {
    let range =
        |line: Line<'_>| Some(SubRange { start: line.start.try_into().ok()?, count: line.count.try_into().ok()? });
    Line::all(table).filter(|line| line.is_roots()).filter_map(range).collect()
}

/// Whether a new line gives away ids that another line has given to somebody else; root may map everybody's.
#[must_use]
pub fn clash(table: &[u8], new: &str) -> bool {
    let Some(new) = Line::read(new.as_bytes()).filter(|new| !new.is_roots()) else { return false };
    Line::all(table)
        .filter(|line| !line.is_roots() && line.owner != new.owner)
        .any(|line| line.start < new.end() && new.start < line.end())
}

/// What decides the mapping.
#[derive(Debug, Clone)]
pub struct IdmapFacts {
    /// The host ids of `code`.
    pub agent: Ids,
    /// The uid and gid of `code` in the image.
    pub guest: u32,
    /// root's lines of `/etc/subuid`.
    pub subuid: Vec<SubRange>,
    /// root's lines of `/etc/subgid`.
    pub subgid: Vec<SubRange>,
}

/// How the container is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idmap {
    /// `raw.idmap` of this text.
    Raw(String),
    /// `shift=true` on every disk.
    Shift,
    /// Nothing: the ids fit already.
    Plain,
}

/// A missing line in the tables of subordinate ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("root may not map {what} {id} into a container: {file} has no line `root:{id}:1`")]
pub struct IdmapError {
    /// "uid" or "gid".
    pub what: &'static str,
    /// The id of the host.
    pub id: u32,
    /// The file that lacks the line.
    pub file: &'static str,
}

/// Decides the mapping, or names the line that the host lacks.
pub fn decide(mode: IdmapMode, facts: &IdmapFacts) -> Result<Idmap, IdmapError> {
    match mode {
        IdmapMode::Shift => return Ok(Idmap::Shift),
        IdmapMode::None => return Ok(Idmap::Plain),
        IdmapMode::Raw => {}
    }
    let Ids { uid, gid } = facts.agent;
    if fits_already(&facts.subuid, uid, facts.guest) && fits_already(&facts.subgid, gid, facts.guest) {
        return Ok(Idmap::Plain);
    }
    // Incus maps id 0 without a line of its own: it is root already
    for (what, id, ranges, file) in
        [("uid", uid, &facts.subuid, "/etc/subuid"), ("gid", gid, &facts.subgid, "/etc/subgid")]
    {
        if id != 0 && !ranges.iter().any(|range| range.holds(id)) {
            return Err(IdmapError { what, id, file });
        }
    }
    Ok(Idmap::Raw(format!("uid {uid} {guest}\ngid {gid} {guest}", guest = facts.guest)))
}

/// On a nested host root's one range may put the guest's user on the caller by itself, and then refuses a raw map.
fn fits_already(ranges: &[SubRange], id: u32, guest: u32) -> bool {
    ranges.iter().any(|range| range.count >= 65_536 && range.start.checked_add(guest) == Some(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: SubRange = SubRange { start: 1_000_000, count: 1_000_000_000 };

    fn facts(uid: u32, gid: u32, lines: &str) -> IdmapFacts {
        let mut ranges = root_ranges(lines.as_bytes());
        ranges.push(WIDE);
        IdmapFacts { agent: Ids { uid, gid }, guest: 1000, subuid: ranges.clone(), subgid: ranges }
    }

    #[test]
    fn the_caller_becomes_code_whatever_the_ids() {
        let lines = "root:1000:1\nroot:1234:1\nroot:4321:1\nuser:100000:65536\n";
        for (uid, gid, want) in [
            (1000, 1000, "uid 1000 1000\ngid 1000 1000"),
            (1234, 4321, "uid 1234 1000\ngid 4321 1000"),
            (0, 0, "uid 0 1000\ngid 0 1000"),
        ] {
            assert_eq!(decide(IdmapMode::Raw, &facts(uid, gid, lines)), Ok(Idmap::Raw(want.into())), "{uid}:{gid}");
        }
    }

    #[test]
    fn a_missing_line_is_named() {
        let missing = decide(IdmapMode::Raw, &facts(1234, 100, "root:1234:1")).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "root may not map gid 100 into a container: /etc/subgid has no line `root:100:1`"
        );
    }

    #[test]
    fn another_users_line_does_not_count() {
        assert!(decide(IdmapMode::Raw, &facts(1234, 1234, "code:1234:1")).is_err());
    }

    #[test]
    fn a_nested_range_that_fits_by_itself_needs_no_map() {
        let nested = IdmapFacts {
            subuid: vec![SubRange { start: 0, count: 65_536 }],
            subgid: vec![SubRange { start: 0, count: 65_536 }],
            ..facts(1000, 1000, "")
        };
        assert_eq!(decide(IdmapMode::Raw, &nested), Ok(Idmap::Plain));
    }

    #[test]
    fn the_other_modes_do_what_they_say() {
        assert_eq!(decide(IdmapMode::Shift, &facts(1, 1, "")), Ok(Idmap::Shift));
        assert_eq!(decide(IdmapMode::None, &facts(1, 1, "")), Ok(Idmap::Plain));
    }

    #[test]
    fn odd_lines_are_passed_over() {
        assert_eq!(
            root_ranges(b"root:x:1\n#\nroot:5\nroot:5:6:7\n\nroot:4294967295:4294967295"),
            vec![SubRange { start: 5, count: 6 }, SubRange { start: u32::MAX, count: u32::MAX },]
        );
    }
}

//! What the person and root may: map ids into containers, have ids of their own, use Incus.

use super::finding::{Finding, Health};
use super::found::{Daemon, Found};
use super::step::Step;
use crate::idmap::{Line, root_ranges};

/// root must be allowed to map a wide range for containers, and the person's own id into them.
pub(super) fn subordinate_ids(found: &Found, table: &'static str) -> Finding {
    let (id, content, own) = if table == "/etc/subuid" {
        ("subuid", &found.subuid, found.person.uid)
    } else {
        ("subgid", &found.subgid, found.person.gid)
    };
    let ranges = match content {
        Ok(content) => root_ranges(content),
        // what is in it is not known, so nothing is added to it
        Err(problem) => {
            return Finding::broken(id, problem.clone(), Vec::new())
                .fixed_by(format!("make {table} a file that can be read, as `ls -ld {table}` shows it"));
        }
    };
    let mut lines = Vec::new();
    if !ranges.iter().any(|range| range.count >= 65_536) {
        lines.push("root:1000000:1000000000".to_owned());
    }
    if own != 0 && !ranges.iter().any(|range| range.holds(own)) {
        lines.push(format!("root:{own}:1"));
    }
    if lines.is_empty() {
        return Finding::ok(id, format!("{table} lets containers map users"));
    }
    Finding::broken(id, format!("{table} lacks {}", lines.join(", ")), vec![Step::AddLines { table, lines }])
}

/// An ordinary user builds from a bootstrap in a user namespace, which needs a range of their own.
pub(super) fn own_range(found: &Found) -> Finding {
    let person = &found.person;
    if person.uid == 0 {
        return Finding::ok("own-range", "root needs no range of its own");
    }
    let (Ok(users), Ok(groups)) = (&found.subuid, &found.subgid) else {
        let text = format!("whether {} has a range of subordinate ids cannot be seen", person.name);
        return Finding::warning("own-range", text, "fix the tables first");
    };
    let lacks = |table: &[u8]| !crate::build::bootstrap::has_subordinate_ids(table, &person.name, person.uid);
    let tables = [("/etc/subuid", users), ("/etc/subgid", groups)];
    let missing: Vec<&'static str> =
        tables.into_iter().filter(|(_, content)| lacks(content)).map(|(table, _)| table).collect();
    if missing.is_empty() {
        return Finding::ok("own-range", format!("{} has a range of subordinate ids", person.name));
    }
    let start = first_free([users, groups]);
    let line = format!("{}:{start}:65536", person.name);
    let steps = missing.iter().map(|table| Step::AddLines { table, lines: vec![line.clone()] }).collect();
    let text = format!("{} has no range in {}, so `cci build` cannot bootstrap", person.name, missing.join(" and "));
    Finding { health: Health::Warning, ..Finding::broken("own-range", text, steps) }
}

/// The first id behind every range that is not the wide one of root.
fn first_free(tables: [&Vec<u8>; 2]) -> u64 {
    let ends = tables.into_iter().flat_map(|table| Line::all(table).map(Line::end));
    ends.filter(|end| *end < 1_000_000).max().unwrap_or(0).max(100_000)
}

pub(super) fn membership(found: &Found) -> Finding {
    let (person, group) = (&found.person, &found.group);
    if person.uid == 0 || found.daemon != Daemon::NoPermission && person.in_group && person.group_active {
        return Finding::ok("group", format!("{} may use Incus", person.name));
    }
    if !person.in_group {
        let join = Step::JoinGroup { user: person.name.clone(), group: group.clone() };
        return Finding::broken("group", format!("{} is not in the group {group}", person.name), vec![join]);
    }
    if person.group_active {
        return Finding::ok("group", format!("{} is in the group {group}", person.name));
    }
    Finding::broken("group", format!("{} is in the group {group}, but not in this login yet", person.name), Vec::new())
        .fixed_by(format!("log in again, or run `newgrp {group}`"))
}

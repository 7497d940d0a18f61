//! Which checkpoints are no longer kept: by number and by age.

use std::collections::{BTreeMap, BTreeSet};

use super::id::CheckpointId;
use super::node::Node;

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// The most checkpoints of a workspace.
    pub most: usize,
    /// What was taken before this moment goes: RFC 3339, UTC, milliseconds.
    pub since: String,
}

/// The checkpoints that go, oldest first: those beyond the number and those that are too old, but never one of `spared`
/// (the current ones, and what a rewind in progress needs).
#[must_use]
pub fn expendable(
    nodes: &BTreeMap<CheckpointId, Node>,
    keep: &Keep,
    spared: &BTreeSet<CheckpointId>,
) -> Vec<CheckpointId> {
    let mut oldest_first: Vec<&Node> = nodes.values().collect();
    oldest_first.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.id.cmp(&b.id)));
    let mut over = oldest_first.len().saturating_sub(keep.most);
    let mut gone = Vec::new();
    for node in oldest_first {
        let too_old = node.at < keep.since;
        if (too_old || over > 0) && !spared.contains(&node.id) {
            over = over.saturating_sub(1);
            gone.push(node.id.clone());
        }
    }
    gone
}

/// The parent of each checkpoint when some are gone: the nearest ancestor that is left.
#[must_use]
pub fn nearest_left<'a>(
    mut parent: Option<&'a CheckpointId>,
    nodes: &'a BTreeMap<CheckpointId, Node>,
    gone: &BTreeSet<CheckpointId>,
) -> Option<&'a CheckpointId> {
    while let Some(id) = parent.filter(|id| gone.contains(*id)) {
        parent = nodes.get(id).and_then(|node| node.parent.as_ref());
    }
    parent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Cause;

    fn node(id: &str, parent: Option<&str>, at: &str) -> Node {
        let empty = Node::empty(id.parse().unwrap(), at.into(), Cause::Manual, "/w".into());
        Node { parent: parent.map(|id| id.parse().unwrap()), ..empty }
    }

    fn three() -> BTreeMap<CheckpointId, Node> {
        let all = [
            node("0000000001", None, "2026-11-01T00:00:00.000Z"),
            node("0000000002", Some("0000000001"), "2026-11-02T00:00:00.000Z"),
            node("0000000003", Some("0000000002"), "2026-11-03T00:00:00.000Z"),
        ];
        all.into_iter().map(|node| (node.id.clone(), node)).collect()
    }

    fn ids(ids: &[&str]) -> Vec<CheckpointId> {
        ids.iter().map(|id| id.parse().unwrap()).collect()
    }

    #[test]
    fn the_oldest_go_first_and_what_is_spared_never() {
        let nodes = three();
        let keep = |most, since: &str| Keep { most, since: since.into() };
        let none = BTreeSet::new();
        assert_eq!(expendable(&nodes, &keep(3, ""), &none), ids(&[]));
        assert_eq!(expendable(&nodes, &keep(1, ""), &none), ids(&["0000000001", "0000000002"]));
        let spared = ids(&["0000000001"]).into_iter().collect();
        assert_eq!(expendable(&nodes, &keep(1, ""), &spared), ids(&["0000000002", "0000000003"]));
        assert_eq!(expendable(&nodes, &keep(9, "2026-11-02T12"), &none), ids(&["0000000001", "0000000002"]));
        assert_eq!(expendable(&nodes, &keep(9, "2026-11-02T12"), &spared), ids(&["0000000002"]));
    }

    #[test]
    fn a_child_of_what_is_gone_descends_from_what_is_left() {
        let nodes = three();
        let gone = ids(&["0000000002"]).into_iter().collect();
        let parent = nodes[&"0000000003".parse().unwrap()].parent.as_ref();
        assert_eq!(nearest_left(parent, &nodes, &gone).map(CheckpointId::as_str), Some("0000000001"));
    }
}

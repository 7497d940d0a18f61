//! How a person names a checkpoint: an id, the first digits of one, or how many steps back.

use std::collections::BTreeMap;

use super::id::CheckpointId;
use super::node::Node;

/// The fewest digits that stand for an id.
const FEWEST: usize = 4;
/// How many ids an error lists.
const LISTED: usize = 5;

/// A checkpoint as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The first digits of its id, or all.
    Id(String),
    /// So many steps back from the current one.
    Back(usize),
}

impl Reference {
    /// Reads `3fa9`, `~2` or `~`.
    pub fn parse(raw: &str) -> Result<Self, String> {
        if let Some(steps) = raw.strip_prefix('~') {
            let steps = if steps.is_empty() { Ok(1) } else { steps.parse() };
            return steps.map(Self::Back).map_err(|_| format!("'{raw}' is not a number of steps back, such as ~2"));
        }
        let hex = raw.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hex && (FEWEST..=10).contains(&raw.len()) {
            Ok(Self::Id(raw.to_ascii_lowercase()))
        } else {
            Err(format!("'{raw}' is not a checkpoint: give an id, its first {FEWEST} digits or more, or ~N"))
        }
    }
}

/// Why a reference leads to no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// None has such an id; these are the nearest.
    Unknown(Vec<CheckpointId>),
    /// Several begin like this.
    Ambiguous(Vec<CheckpointId>),
    /// There are only so many steps.
    TooFar(usize),
    /// There is no current checkpoint to count from.
    NoHead,
}

/// The checkpoint that `reference` means, counted from `head`.
pub fn resolve<'a>(
    reference: &Reference,
    nodes: &'a BTreeMap<CheckpointId, Node>,
    head: Option<&CheckpointId>,
) -> Result<&'a Node, Unresolved> {
    match reference {
        Reference::Id(digits) => by_digits(digits, nodes),
        Reference::Back(steps) => back(*steps, nodes, head),
    }
}

fn by_digits<'a>(digits: &str, nodes: &'a BTreeMap<CheckpointId, Node>) -> Result<&'a Node, Unresolved> {
    let mut found: Vec<&Node> = nodes.values().filter(|node| node.id.as_str().starts_with(digits)).collect();
    match found.len() {
        0 => Err(Unresolved::Unknown(nearest(digits, nodes))),
        1 => Ok(found.remove(0)),
        _ => Err(Unresolved::Ambiguous(found.iter().take(LISTED).map(|node| node.id.clone()).collect())),
    }
}

/// The ids that share the most digits at the same places, newest first among equals.
fn nearest(digits: &str, nodes: &BTreeMap<CheckpointId, Node>) -> Vec<CheckpointId> {
    let alike = |id: &CheckpointId| id.as_str().bytes().zip(digits.bytes()).filter(|(a, b)| a == b).count();
    let mut all: Vec<&Node> = nodes.values().collect();
    all.sort_by(|a, b| alike(&b.id).cmp(&alike(&a.id)).then_with(|| b.at.cmp(&a.at)));
    all.into_iter().take(LISTED).map(|node| node.id.clone()).collect()
}

fn back<'a>(
    steps: usize,
    nodes: &'a BTreeMap<CheckpointId, Node>,
    head: Option<&CheckpointId>,
) -> Result<&'a Node, Unresolved> {
    let mut node = head.and_then(|head| nodes.get(head)).ok_or(Unresolved::NoHead)?;
    for step in 0..steps {
        node = node.parent.as_ref().and_then(|parent| nodes.get(parent)).ok_or(Unresolved::TooFar(step))?;
    }
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Cause;

    fn nodes(ids: &[(&str, Option<&str>)]) -> BTreeMap<CheckpointId, Node> {
        let id = |raw: &str| raw.parse::<CheckpointId>().unwrap();
        let node = |(n, (own, parent)): (usize, &(&str, Option<&str>))| {
            let at = format!("2026-11-27T00:00:0{n}.000Z");
            let node = Node { parent: parent.map(id), ..Node::empty(id(own), at, Cause::Manual, "/w".into()) };
            (node.id.clone(), node)
        };
        ids.iter().enumerate().map(node).collect()
    }

    #[test]
    fn an_id_may_be_shortened_as_long_as_it_is_the_only_one() {
        let nodes = nodes(&[("aaaa000000", None), ("aaaa111111", Some("aaaa000000")), ("bbbb000000", None)]);
        let of = |raw: &str| resolve(&Reference::parse(raw).unwrap(), &nodes, None).map(|node| node.id.to_string());
        assert_eq!(of("BBBB"), Ok("bbbb000000".to_owned()));
        assert_eq!(of("aaaa1"), Ok("aaaa111111".to_owned()));
        let Err(Unresolved::Ambiguous(both)) = of("aaaa") else { panic!("two begin like this") };
        assert_eq!(both.len(), 2);
        let Err(Unresolved::Unknown(near)) = of("bbb1") else { panic!("there is none") };
        assert_eq!(near[0].as_str(), "bbbb000000");
    }

    #[test]
    fn steps_are_counted_from_the_current_one() {
        let nodes = nodes(&[("aaaa000000", None), ("aaaa111111", Some("aaaa000000"))]);
        let head = "aaaa111111".parse().unwrap();
        let of = |steps| resolve(&Reference::Back(steps), &nodes, Some(&head)).map(|node| node.id.to_string());
        assert_eq!(of(0), Ok("aaaa111111".to_owned()));
        assert_eq!(of(1), Ok("aaaa000000".to_owned()));
        assert_eq!(of(2), Err(Unresolved::TooFar(1)));
        assert_eq!(resolve(&Reference::Back(0), &nodes, None), Err(Unresolved::NoHead));
    }

    #[test]
    fn anything_else_is_refused_with_what_is_expected() {
        assert_eq!(Reference::parse("~"), Ok(Reference::Back(1)));
        assert_eq!(Reference::parse("~12"), Ok(Reference::Back(12)));
        for raw in ["", "abc", "xyzw", "~x", "~-1", "aaaabbbbccccdd", "../../x"] {
            assert!(Reference::parse(raw).is_err(), "{raw}");
        }
    }
}

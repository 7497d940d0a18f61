//! Checkpoints that `clean` removes: of every workspace, those that are no longer kept, and copies of containers that no
//! checkpoint names.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use cci_core::Result;
use cci_core::checkpoint::{CheckpointId, Node, expendable};
use futures_util::future::join_all;
use jiff::Timestamp;

use super::opened::{Opened, noted};
use super::roots::{self, Kept};
use super::thin;
use crate::blocking::blocking;
use crate::context::Context;
use cci_host::store::checkpoints::Checkpoints;

/// A copy that no checkpoint names may still get its record; after this time it will not.
const UNRECORDED: Duration = Duration::from_secs(3600);

/// Which checkpoints are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that the settings no longer keep.
    Expired,
    /// All but the current ones.
    All,
}

/// Checkpoints of one workspace that can be removed.
#[derive(Debug, Clone)]
pub struct Expired {
    /// The workspace.
    pub workspace: PathBuf,
    /// Which of them.
    pub ids: Vec<CheckpointId>,
    /// The disk space of their containers, where the storage pool counts it.
    pub bytes: Option<u64>,
    kept: Checkpoints,
}

/// What can be removed.
#[derive(Debug, Default)]
pub struct Removable {
    /// By workspace.
    pub expired: Vec<Expired>,
    /// Copies of containers that belong to no checkpoint.
    pub orphans: Vec<Kept>,
}

/// Finds them, and changes nothing.
pub async fn find(cx: &Context, which: Which, older_than: Option<Duration>) -> Result<Removable> {
    let cci_dir = cx.cci_dir();
    let (all, known) = blocking(move || {
        let (mut all, mut known) = (Vec::new(), BTreeSet::new());
        for kept in Checkpoints::all(&cci_dir)? {
            let (records, heads) = (kept.records()?, kept.heads()?);
            known.extend(records.nodes.keys().chain(records.damaged.keys()).cloned());
            all.push((kept, records.nodes, heads));
        }
        Ok((all, known))
    })
    .await?;
    let weighed = roots::all(cx).await?;
    let bytes = |ids: &[CheckpointId]| -> Option<u64> {
        let of = weighed.iter().filter(|kept| ids.contains(&kept.id)).map(|kept| kept.bytes);
        of.collect::<Option<Vec<u64>>>().map(|all| all.iter().sum())
    };
    let mut removable = Removable::default();
    for (kept, nodes, heads) in all {
        let mut spared = thin::spared(&kept, &heads)?;
        let ids: Vec<CheckpointId> = match which {
            Which::Expired => {
                let keep = thin::keep(&cx.settings.checkpoints);
                spared.extend(thin::begins(&nodes, &heads, &keep));
                expendable(&nodes, &keep, &spared)
            }
            Which::All => nodes.keys().filter(|id| !spared.contains(*id)).cloned().collect(),
        };
        let ids: Vec<CheckpointId> = ids.into_iter().filter(|id| is_old(&nodes[id], older_than)).collect();
        if let Some(first) = ids.first() {
            let workspace = nodes[first].workspace.clone();
            removable.expired.push(Expired { workspace, bytes: bytes(&ids), ids, kept });
        }
    }
    let unrecorded = noted(before(UNRECORDED));
    removable.orphans = roots::orphans(weighed, &known);
    removable.orphans.retain(|kept| kept.created_at < unrecorded);
    Ok(removable)
}

/// Removes the checkpoints of one workspace, but those that a rewind has come to since they were found; returns how many.
pub async fn remove(cx: &Context, expired: &Expired) -> Result<usize> {
    let mut opened = Opened::at(cx, expired.kept.clone()).await?;
    let (kept, heads) = (opened.kept.clone(), opened.heads.clone());
    let spared = blocking(move || thin::spared(&kept, &heads)).await?;
    let ids: Vec<CheckpointId> = expired.ids.iter().filter(|id| !spared.contains(*id)).cloned().collect();
    thin::remove(cx, &mut opened, &ids).await?;
    Ok(ids.len())
}

/// Removes copies that belong to no checkpoint; returns how many.
pub async fn remove_orphans(cx: &Context, orphans: &[Kept]) -> Result<usize> {
    let removed = join_all(orphans.iter().map(|orphan| roots::remove(cx, &orphan.root))).await;
    removed.into_iter().collect::<Result<Vec<bool>>>().map(|all| all.into_iter().filter(|gone| *gone).count())
}

fn before(age: Duration) -> Timestamp {
    Timestamp::now().checked_sub(age).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn is_old(node: &Node, age: Option<Duration>) -> bool {
    age.is_none_or(|age| node.at < noted(before(age)))
}

//! How to look at a workspace.

use crate::cache::Cache;
use crate::pack::write::Sink;
use crate::pattern::Ignored;
use crate::temporary::Temporary;

/// How to look at a workspace.
pub(crate) struct How<'a> {
    pub(crate) ignored: &'a Ignored,
    /// The patterns to note in the topmost directory.
    pub(crate) patterns: &'a [String],
    pub(crate) max_file: u64,
    pub(crate) temporary: &'a Temporary,
    pub(crate) cache: Option<&'a Cache>,
    pub(crate) sink: &'a dyn Sink,
    /// Whether the directory is the top of the workspace, and not one that could be opened only now.
    pub(crate) whole: bool,
}

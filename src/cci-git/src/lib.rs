//! The tree of a workspace as objects of git: captured, compared and restored, without following a link, running anything, or reading
//! anybody's configuration.
//!
//! # What is held
//!
//! A [`Store`] is a bare repository of our own (SHA-1, packs without deltas, no refs; `git gc` is switched off in it, because no ref
//! keeps what is there). A [`Snapshot`] is a pair of trees:
//!
//! - `tree` is what git makes of a directory: names, files, programs, links. `.git` directories are in it as any others, empty directories
//!   as empty trees. Bytes are as they are: attributes and configuration count for nothing.
//! - `stat` is a second tree for each directory. `=` is a blob with a record for each name, `+NAME` the stat tree of a child directory, and
//!   at the top `ignored` the patterns of the capture. A directory in which nothing changed shares both trees with the snapshot before.
//!
//! A record is `MODE SECONDS.NANOSECONDS NAME\0` (the mode octal, as in `st_mode`), or `! REASON NAME\0` for what is [not held](Why). The
//! empty name, at the top only, is the workspace itself. Ignored names have no record.
//!
//! Not held, and noted: files above the limit, what the caller cannot read, pipes, sockets, devices, other file systems, and files that never
//! stayed the same while they were read three times. A file with several names is held once for each, and comes back as several files.
//! Owners, extended attributes (`user.*` too) and access lists are not held.
//!
//! A large file is one blob: when it changes, all of it is stored again.
//!
//! # The stat cache
//!
//! One file, written in one step after a capture: for each name what `statx` said and which id the content had, for each directory its
//! three ids. An entry is trusted if device, inode, size, mode, mtime and ctime are the same, and the ctime was old enough when the capture
//! began (20 ms; 2 s where the file system counts no parts of a millisecond). The cache also lists the packs that the store had: if one is
//! gone that was not merged into another, each id is looked up before it is believed. A cache that is missing, damaged or of another device
//! is ignored.
//!
//! # Restore
//!
//! [`Store::restore`] scans the workspace as a capture would, without storing anything, and changes what differs:
//!
//! - Directories are opened one by one from their parents, never through a link. What is replaced meanwhile is reported, not followed.
//! - What a snapshot does not hold is not touched: what the snapshot notes as not held, what its patterns or today's match, what is above
//!   `max_file` or a mount point today, and what appeared since and could not be held.
//! - A file is written under a name that only somebody with the store's secret could make up, gets its mode and time, and is renamed into
//!   place. No file is written through a second name. After an interruption the next restore recognises and removes such names; no capture
//!   holds them.
//! - Directories that their owner closed are opened for the work. Modes and times of directories come last.
//! - A file never gets set-user-id or set-group-id bits, because it may belong to another user now; this is reported.
//! - Root gives what it makes to the owner of the directory.
//! - In repositories of git (`.git` directories, those of submodules and worktrees), nothing below `objects` is removed, and reflogs keep
//!   today's lines and get one more for each ref that moves. The list of stashes is no history and comes back as it was. A repository that
//!   appeared since is removed whole. Repositories with `reftable` refs have no such files, so all of them comes back as it was.
//! - What cannot be done is [reported](Restored), and the rest is done. A full disk ends the restore with an error; a second call goes on.
//!
//! # Beside the store
//!
//! [`layout`] finds the repository of a workspace and what a container has to see of it, [`review`] what an agent left that would run on
//! the host, and [`config`] reads the syntax of git's configuration. [`worktree`] makes worktrees that have a repository of their own, and
//! brings what is committed there to their parent.
//!
//! # Durability
//!
//! A pack is complete before its index names it. [`Store::sync`] flushes what was written; call it before a record of yours names a
//! snapshot. A pack that lost its end in a crash of the host is recognised when the store is opened, and ignored.
//!
//! The store has no lock: whoever captures, writes, consolidates or prunes keeps others from doing so. Reading needs none: a [`Store`]
//! sees what was there when it was opened and what it wrote itself, also when another process merges packs meanwhile.

mod cache;
mod capture;
mod changes;
pub mod config;
mod consolidate;
mod dir;
mod error;
mod file_once;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod hash;
mod held;
mod id;
pub mod layout;
mod lookup;
mod meta;
mod not_held;
mod pack;
mod pattern;
mod prune;
mod reach;
mod restore;
pub mod review;
mod scan;
mod stat;
mod store;
mod temporary;
mod tree;
mod verify;
pub mod worktree;

pub use capture::{Capture, Captured};
pub use changes::{Change, ChangeKind, Side};
pub use error::{Error, Result};
pub use id::{Id, NoId, Snapshot};
pub use lookup::commit_of;
pub use not_held::{NotHeld, Special, Why};
pub use prune::Freed;
pub use restore::how::Restore;
pub use restore::report::{Left, Obstacle, Restored};
pub use store::Store;
pub use verify::{Fault, Problem};

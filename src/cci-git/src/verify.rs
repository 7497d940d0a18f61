//! Whether the store still has, unharmed, everything that somebody wants to keep.

use crate::error::{Error, Result};
use crate::hash::{Kind, id_of};
use crate::id::Id;
use crate::reach::{Reached, reach};
use crate::store::Store;

/// An object that the store cannot give as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The object.
    pub id: Id,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It is there, and not what it was.
    Damaged(String),
}

impl Store {
    /// Reads every object that these reach (trees, stats and blobs alike) and says which are missing or damaged.
    pub fn verify(&self, ids: impl IntoIterator<Item = Id>) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        reach(&mut self.reader(), ids, true, &mut |id, reached| {
            let fault = match reached {
                Reached::Name => None,
                Reached::Broken(Error::Missing { .. }) => Some(Fault::Missing),
                Reached::Broken(Error::Damaged { why, .. }) => Some(Fault::Damaged(why)),
                Reached::Broken(other) => Some(Fault::Damaged(other.to_string())),
                Reached::Object(bytes, kind) => is_itself(id, bytes, kind),
            };
            problems.extend(fault.map(|fault| Problem { id, fault }));
        })?;
        Ok(problems)
    }
}

/// Whether the bytes have the id under which they were found.
fn is_itself(id: Id, bytes: &[u8], kind: gix_object::Kind) -> Option<Fault> {
    let kind = match kind {
        gix_object::Kind::Tree => Kind::Tree,
        gix_object::Kind::Blob => Kind::Blob,
        other => return Some(Fault::Damaged(format!("it is a {other}"))),
    };
    match id_of(kind, bytes) {
        Ok(found) if found == id => None,
        _ => Some(Fault::Damaged("its bytes are others".to_owned())),
    }
}

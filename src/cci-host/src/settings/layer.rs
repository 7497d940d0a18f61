//! One layer of configuration: the values it sets, the profiles it defines, and where.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use cci_guest::GuestText;
use figment::value::{Dict, Value};

use super::problem::{Place, Problem};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// cci itself.
    BuiltIn,
    /// A profile shipped with cci.
    Shipped(String),
    /// A file.
    File(PathBuf),
    /// A variable of the environment or a flag, by its name.
    Named(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => out.write_str("built-in"),
            Self::Shipped(name) => write!(out, "shipped profile {name}"),
            Self::File(path) => write!(out, "{}", GuestText::new(path)),
            Self::Named(name) => out.write_str(name),
        }
    }
}

/// A value's source, with the place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) source: Source,
    pub(crate) place: Option<Place>,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.source)?;
        self.place.map_or(Ok(()), |place| write!(out, ":{}", place.line))
    }
}

/// The place of an origin, and its file; `file` if it is not known.
pub(super) fn place_of(origin: Option<&Origin>, file: &Path) -> (Option<Place>, PathBuf) {
    match origin {
        Some(Origin { source: Source::File(file), place }) => (*place, file.clone()),
        _ => (None, file.to_owned()),
    }
}

/// Values in the shape of the settings, and where each was set.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Values {
    pub(super) dict: Dict,
    pub(super) origins: BTreeMap<String, Origin>,
}

impl Values {
    /// Sets `section.key`, or one `entry` of a key that holds a table.
    pub(super) fn set(&mut self, path: &str, entry: Option<&str>, value: Value, origin: Origin) {
        let (section, key) = path.split_once('.').unwrap_or((path, ""));
        let mut keys = take_table(&mut self.dict, section);
        let shown = match entry {
            None => {
                keys.insert(key.to_owned(), value);
                path.to_owned()
            }
            Some(entry) => {
                let mut entries = take_table(&mut keys, key);
                entries.insert(entry.to_owned(), value);
                keys.insert(key.to_owned(), entries.into());
                format!("{path}.{entry}")
            }
        };
        self.dict.insert(section.to_owned(), keys.into());
        self.origins.insert(shown, origin);
    }
}

/// The table of a name, taken out to be changed and put back.
fn take_table(dict: &mut Dict, name: &str) -> Dict {
    dict.remove(name).and_then(Value::into_dict).unwrap_or_default()
}

/// Everything that one source sets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    pub(crate) source: Source,
    pub(super) values: Values,
    pub(super) profiles: BTreeMap<String, Profile>,
    /// Profiles that cannot be read, and why.
    pub(super) damaged: BTreeMap<String, Vec<Problem>>,
}

impl Layer {
    pub(super) fn new(source: Source) -> Self {
        Self { source, values: Values::default(), profiles: BTreeMap::new(), damaged: BTreeMap::new() }
    }
}

/// A named set of values that overrides the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub source: Source,
    pub(super) values: Values,
    pub inherits: Option<String>,
    pub description: Option<String>,
}

impl Profile {
    pub(super) fn new(source: Source) -> Self {
        Self { source, values: Values::default(), inherits: None, description: None }
    }
}

//! Reads configuration files with the profiles beside them, and collects what is wrong in all of them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use cci_core::settings::{Kind, Scalar};

use super::file;
use super::layer::{Layer, Source};
use super::problem::Problem;
use super::project::Found;
use crate::caller::Caller;

/// Reads one file after another.
pub(super) struct Reader<'a> {
    caller: &'a Caller,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// One that has read nothing yet.
    pub(super) fn new(caller: &'a Caller) -> Self {
        Self { caller, problems: Vec::new() }
    }

    /// A file of the user's or the administrator's, with the profiles next to it.
    pub(super) fn own(&mut self, path: &Path) -> Option<Layer> {
        // what cannot be seen could hold a network policy
        let profiles = path.with_file_name("profiles");
        if let Some(closed) = [path, &profiles].into_iter().find(|path| file::is_closed(path)) {
            return self.wrong(Problem::closed(closed));
        }
        let mut layer = match file::bytes(path) {
            Ok(Some(bytes)) => self.layer(path, &bytes)?,
            Ok(None) => Layer::new(Source::File(path.to_owned())),
            Err(problem) => return self.wrong(problem),
        };
        for (name, path) in profile_files(path) {
            let bytes = match file::bytes(&path) {
                Ok(bytes) => bytes.unwrap_or_default(),
                Err(problem) => {
                    self.problems.push(problem);
                    continue;
                }
            };
            self.refuse_second(&layer, &name, &path);
            match file::profile(&path, Source::File(path.clone()), &bytes, self.caller) {
                Ok(profile) => _ = layer.profiles.insert(name, profile),
                Err(problems) => self.problems.extend(problems),
            }
        }
        Some(layer)
    }

    /// The project's file and what it adds up to, with the profiles next to it. What lies next to it may have nothing
    /// to do with cci: it is an error only for who asks for that profile.
    pub(super) fn project(&mut self, path: &Path) -> Option<Found> {
        let bytes = match file::bytes(path) {
            Ok(bytes) => bytes?,
            Err(problem) => return self.wrong(problem),
        };
        let mut layer = self.layer(path, &bytes)?;
        let mut read = vec![(path.to_owned(), bytes)];
        for (name, path) in profile_files(path) {
            let Ok(Some(bytes)) = file::bytes(&path) else { continue };
            self.refuse_second(&layer, &name, &path);
            match file::profile(&path, Source::File(path.clone()), &bytes, self.caller) {
                Ok(profile) => _ = layer.profiles.insert(name, profile),
                Err(problems) => _ = layer.damaged.insert(name, problems),
            }
            read.push((path, bytes));
        }
        Some(Found { layer, read })
    }

    /// The file that was asked for by name: it must be there.
    pub(super) fn extra(&mut self, path: &Path) -> Option<Layer> {
        match file::bytes(path) {
            Ok(Some(bytes)) => self.layer(path, &bytes),
            Ok(None) => self.wrong(Problem::of_file(path, "configuration file not found")),
            Err(problem) => self.wrong(problem),
        }
    }

    /// A profile has one place beside a configuration file.
    fn refuse_second(&mut self, layer: &Layer, name: &str, path: &Path) {
        if layer.profiles.contains_key(name) {
            let text = format!("profile '{name}' is also in {} as [profiles.{name}]", layer.source);
            self.problems.push(Problem::of_file(path, text));
        }
    }

    fn wrong<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    fn layer(&mut self, path: &Path, bytes: &[u8]) -> Option<Layer> {
        file::layer(path, bytes, self.caller).map_err(|problems| self.problems.extend(problems)).ok()
    }
}

/// `profiles/NAME.toml` beside a configuration file, by name.
fn profile_files(config: &Path) -> Vec<(String, PathBuf)> {
    let dir = config.with_file_name("profiles");
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<(String, PathBuf)> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension() == Some(OsStr::new("toml")))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .filter(|(name, _)| Kind::Name.takes(&Scalar::Text(name)))
        .collect();
    files.sort();
    files
}

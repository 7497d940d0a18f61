//! The host commands of a project file: where they run, and what they name. They may name nothing in the workspace,
//! which the agent can write; everything else they name is part of what the user approves.

mod names;
mod surroundings;
mod words;

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cci_core::settings::Variable;
use figment::value::Value;
use sha2::{Digest, Sha256};

use self::names::{Named, Names};
pub use self::surroundings::Surroundings;
use super::file;
use super::layer::{Layer, Origin, Values, place_of};
use super::problem::Problem;
use crate::caller::Caller;

/// Larger than any program that prints a secret.
const MAX_BYTES: u64 = 64 << 20;

/// A command of a project file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) line: String,
    pub(super) key: String,
    pub(super) origin: Option<Origin>,
}

/// The commands of a project file, except those that the user's own files have too.
pub(super) fn of_project(project: &Layer, trusted: &[&Layer]) -> Vec<Command> {
    let own: Vec<Command> = trusted.iter().flat_map(|layer| all(layer)).collect();
    all(project).into_iter().filter(|command| own.iter().all(|own| own.line != command.line)).collect()
}

fn all(layer: &Layer) -> Vec<Command> {
    let profiles = layer.profiles.values().map(|profile| &profile.values);
    std::iter::once(&layer.values).chain(profiles).flat_map(of_values).collect()
}

fn of_values(values: &Values) -> Vec<Command> {
    let section = values.dict.get("defaults").and_then(Value::as_dict);
    let variables = section.and_then(|defaults| defaults.get("environment")).and_then(Value::as_dict);
    let command = |(name, value): (&String, &Value)| match value.deserialize() {
        Ok(Variable::Command { command: line }) => {
            let key = format!("defaults.environment.{name}");
            Some(Command { line, origin: values.origins.get(&key).cloned(), key })
        }
        _ => None,
    };
    variables.into_iter().flatten().filter_map(command).collect()
}

/// What the commands name: each file that does not belong to root, with its current content; and what they may not
/// name.
pub(super) fn pinned(
    commands: &[Command],
    file: &Path,
    caller: &Caller,
    workspace: &Path,
) -> (Vec<(PathBuf, Vec<u8>)>, Vec<Problem>) {
    let around = Surroundings::new(caller, workspace);
    let names = Names { caller, around: &around, workspace };
    let (mut pins, mut problems) = (Vec::new(), Vec::new());
    for command in commands {
        for word in words::words(&command.line, &|name| names.value(name)) {
            match names.named(&word).and_then(|named| named.into_iter().map(|named| pin(&named)).collect()) {
                Ok(found) => pins.extend(Vec::<_>::into_iter(found).flatten()),
                Err(text) => problems.push(wrong(command, file, &word, &text)),
            }
        }
    }
    pins.sort();
    pins.dedup();
    (pins, problems)
}

fn wrong(command: &Command, file: &Path, word: &str, text: &str) -> Problem {
    let (place, file) = place_of(command.origin.as_ref(), file);
    Problem::at(&file, place, format!("{}: its command names '{word}', {text}", command.key))
}

/// A file by its name, its place and its content; nothing for one that only root can change.
fn pin(named: &Named) -> Result<Option<(PathBuf, Vec<u8>)>, String> {
    let unreadable = |error: std::io::Error| format!("which cannot be read and therefore not approved: {error}");
    let is_users = |meta: std::io::Result<std::fs::Metadata>| meta.map(|meta| meta.uid() != 0).map_err(unreadable);
    if !named.place.is_file() {
        return Ok(None);
    }
    let (by_name, by_place) = (is_users(named.name.symlink_metadata())?, is_users(named.place.metadata())?);
    if !by_name && !by_place {
        return Ok(None);
    }
    let mut pinned = named.place.as_os_str().as_encoded_bytes().to_vec();
    if by_place {
        pinned.push(0);
        pinned.extend(digest(&named.place).map_err(unreadable)?);
    }
    Ok(Some((named.name.clone(), pinned)))
}

fn digest(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = file::opened(path)?.take(MAX_BYTES + 1);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut read = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finalize().to_vec());
        }
        read += count as u64;
        if read > MAX_BYTES {
            return Err(std::io::Error::other(format!("it is larger than {} MiB", MAX_BYTES >> 20)));
        }
        hasher.update(&buffer[..count]);
    }
}

#[cfg(test)]
mod tests;

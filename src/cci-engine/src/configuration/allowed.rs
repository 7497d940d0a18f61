//! Adds to `network.allowed_domains` of a configuration file, and leaves the rest of it as it was typed.

use std::fs;
use std::path::{Path, PathBuf};

use cci_core::network::{Allowance, Entry};
use cci_core::{Error, Result};
use cci_guest::GuestText;
use cci_host::settings::Trust;
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, value};

use super::config::Configured;

const SECTION: &str = "network";
const KEY: &str = "allowed_domains";

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// What it did not have before.
    pub added: Vec<String>,
    /// Whether it allows more than the user's own configuration, and so needs approval.
    pub approve: bool,
}

/// Adds hosts to the user's own file or to the project's. A name without ports is for those on which it is judged by name.
pub fn add(cx: &Configured, hosts: &[String], project: bool) -> Result<Written> {
    let entries = hosts.iter().map(|host| entry(host)).collect::<Result<Vec<_>>>()?;
    let path = place(cx, project)?;
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.map_err(|source| Error::Host { step: "read", path: path.clone(), source })?,
    };
    let own = cx.read(Trust::SetAside)?.without_project().settings()?.network.allowed_domains;
    let (text, added) = with(&text, &own, &entries).map_err(|problem| Error::Config {
        problem: format!("{}: {problem}", GuestText::new(&path)),
        hint: Some("change it with `cci config edit`".into()),
    })?;
    if !added.is_empty() {
        cx.write(&path, &text)?;
    }
    let approve = project && !added.iter().all(|entry| own.contains(entry));
    Ok(Written { path, added, approve })
}

fn entry(host: &str) -> Result<String> {
    let allowance = Allowance::of(host, None).map(|allowance| allowance.entry);
    let entry = allowance.or_else(|_| Entry::enforced(host)).map_err(|error| Error::usage(error.to_string()))?;
    Ok(entry.to_string())
}

/// The file: a link to the user's own is followed, one in a workspace may lead anywhere.
fn place(cx: &Configured, project: bool) -> Result<PathBuf> {
    let path = cx.file(project);
    if project && path.is_symlink() {
        return Err(Error::Config {
            problem: format!("{} is a link", GuestText::new(&path)),
            hint: Some("replace it with `cci config init --project --force`".into()),
        });
    }
    Ok(if project { path } else { real(&path) })
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The text of a file with these entries, and those that it did not have. Where it has no list, it begins with `own`.
fn with(text: &str, own: &[String], entries: &[String]) -> std::result::Result<(String, Vec<String>), String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    let network = document.entry(SECTION).or_insert_with(|| Item::Table(Table::new()));
    let network: &mut dyn TableLike = network.as_table_like_mut().ok_or("`network` is no section")?;
    let list = network.entry(KEY).or_insert_with(|| value(own.iter().collect::<Array>()));
    let list = list.as_array_mut().ok_or("`network.allowed_domains` is no list")?;
    let has = |list: &Array, entry: &String| {
        let same =
            |there: &str| there == entry || Entry::enforced(there).is_ok_and(|there| there.to_string() == *entry);
        list.iter().filter_map(toml_edit::Value::as_str).any(same)
    };
    let mut added = Vec::new();
    for entry in entries {
        if !has(list, entry) {
            push(list, entry);
            added.push(entry.clone());
        }
    }
    Ok((document.to_string(), added))
}

/// Adds an entry behind the last: on a line of its own where each has one.
fn push(list: &mut Array, entry: &str) {
    let own_line = list.trailing_comma().then(|| list.trailing().as_str()?.rsplit_once('\n')).flatten();
    let before = list.get(list.len().saturating_sub(1)).and_then(|last| last.decor().prefix()?.as_str());
    let Some(((comment, end), before)) = own_line.zip(before) else { return list.push(entry) };
    let indent = before.rsplit_once('\n').map_or(before, |(_, indent)| indent);
    let (prefix, end) = (format!("{comment}\n{indent}"), format!("\n{end}"));
    list.push_formatted(toml_edit::Value::from(entry).decorated(prefix, ""));
    list.set_trailing(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(text: &str, entries: &[&str]) -> String {
        let (own, entries) = (["own.example".to_owned()], entries.iter().map(ToString::to_string));
        with(text, &own, &entries.collect::<Vec<_>>()).map_or_else(|problem| problem, |(text, _)| text)
    }

    #[test]
    fn what_is_there_stays_as_it_was_typed() {
        let text = "# mine\n[network]\nmode = 'allowlist' # always\nallowed_domains = [\n  \"a.example\", # a\n]\n";
        let wanted = "# mine\n[network]\nmode = 'allowlist' # always\nallowed_domains = [\n  \"a.example\", # a\n  \"b.example:443\",\n]\n";
        assert_eq!(added(text, &["b.example:443"]), wanted);
        assert_eq!(added(text, &["a.example"]), text);
        assert_eq!(
            added("network.allowed_domains = []\n", &["b.example"]),
            "network.allowed_domains = [\"b.example\"]\n"
        );
    }

    #[test]
    fn a_file_without_a_list_begins_with_the_users_own() {
        let wanted = "[network]\nallowed_domains = [\"own.example\", \"b.example\"]\n";
        assert_eq!(added("", &["b.example"]), wanted);
        assert_eq!(added("[network]\n", &["b.example", "own.example"]), wanted);
    }

    #[test]
    fn what_is_no_list_is_left_alone() {
        assert!(added("network = 1\n", &["b.example"]).contains("no section"));
        assert!(added("[network]\nallowed_domains = \"a\"\n", &["b.example"]).contains("no list"));
        assert!(!added("[network", &["b.example"]).is_empty());
    }
}

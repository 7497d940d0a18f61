//! `~` and `$VAR` in paths.

use std::path::PathBuf;

use crate::caller::Caller;

/// The path that is meant; an error says what cannot be expanded.
pub(super) fn expand(raw: &str, caller: &Caller) -> Result<PathBuf, String> {
    let home = caller.home.to_str().ok_or("the home directory is not UTF-8")?;
    let rest = match raw.strip_prefix('~') {
        Some("") => return Ok(caller.home.clone()),
        Some(rest) if rest.starts_with('/') => format!("{home}{rest}"),
        Some(_) => return Err("only `~/` is expanded, not the home of another user".into()),
        None => raw.to_owned(),
    };
    variables(&rest, caller).map(PathBuf::from)
}

fn variables(raw: &str, caller: &Caller) -> Result<String, String> {
    let mut parts = raw.split('$');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
        let (name, rest) = match part.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or("a `${` has no `}`")?,
            None => part.split_at(end),
        };
        if name.is_empty() {
            return Err("a `$` has no name behind it".into());
        }
        out.push_str(caller.var(name).ok_or_else(|| format!("the variable {name} is not set"))?);
        out.push_str(rest);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_and_variables_expand_and_nothing_else() {
        let caller = Caller::for_test("/home/u", &[("DATA", "/srv/d")]);
        let expanded = |raw: &str| expand(raw, &caller).map(|path| path.display().to_string());
        assert_eq!(expanded("~/x"), Ok("/home/u/x".into()));
        assert_eq!(expanded("~"), Ok("/home/u".into()));
        assert_eq!(expanded("$DATA/a"), Ok("/srv/d/a".into()));
        assert_eq!(expanded("/a${DATA}b"), Ok("/a/srv/db".into()));
        assert_eq!(expanded("/a~b"), Ok("/a~b".into()));
        for wrong in ["~other/x", "$NOPE", "${DATA", "/a/$"] {
            assert!(expanded(wrong).is_err(), "{wrong}");
        }
    }
}

//! `~` and `$VAR` in paths, and `$$` for one `$`.

use std::path::PathBuf;

use crate::caller::Caller;

/// The path after expansion; an error says what cannot be expanded.
pub(super) fn expand(raw: &str, caller: &Caller) -> Result<PathBuf, String> {
    let home = caller.home.to_str().ok_or("the home directory is not UTF-8")?;
    let (home, rest) = match raw.strip_prefix('~') {
        Some("") => return Ok(caller.home.clone()),
        Some(rest) if rest.starts_with('/') => (home, rest),
        Some(_) => return Err("only `~/` is expanded, not the home of another user".into()),
        None => ("", raw),
    };
    Ok(PathBuf::from(home.to_owned() + &variables(rest, caller)?))
}

/// The text that expands to this path, if it does not begin with `~`.
pub(super) fn unexpanded(path: &str) -> String {
    path.replace('$', "$$")
}

fn variables(raw: &str, caller: &Caller) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), raw);
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(behind) = behind.strip_prefix('$') {
            out.push('$');
            rest = behind;
            continue;
        }
        let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
        let (name, behind) = match behind.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or("a `${` has no `}`")?,
            None => behind.split_at(end),
        };
        if name.is_empty() {
            return Err("a `$` has no name after it (`$$` is one `$`)".into());
        }
        out.push_str(caller.var(name).ok_or_else(|| format!("the variable {name} is not set"))?);
        rest = behind;
    }
    Ok(out + rest)
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
        for wrong in ["~other/x", "$NOPE", "${DATA", "/a/$", "/a/$$$"] {
            assert!(expanded(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn two_dollars_are_one_and_a_value_is_not_expanded_again() {
        let caller = Caller::for_test("/home/$u", &[("DATA", "/srv/$d"), ("d", "no")]);
        let expanded = |raw: &str| expand(raw, &caller).map(|path| path.display().to_string());
        assert_eq!(expanded("/a/$$DATA"), Ok("/a/$DATA".into()));
        assert_eq!(expanded("/a/$$$DATA/$$"), Ok("/a/$/srv/$d/$".into()));
        assert_eq!(expanded("~/x"), Ok("/home/$u/x".into()));
        for path in ["/home/$u/x", "/$$", "/a$", "/${DATA}"] {
            assert_eq!(expanded(&unexpanded(path)), Ok(path.into()));
        }
    }
}

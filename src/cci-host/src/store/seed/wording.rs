//! The agent's directory in a text of the host, as the same directory is called in the container.

use std::path::Path;

/// Names of one directory, and the name that it has in the container.
#[derive(Debug, Default)]
pub(super) struct Wording {
    names: Vec<String>,
    inside: String,
}

impl Wording {
    /// For a directory of the host, in a home.
    pub(super) fn of(directory: &Path, home: &Path, inside: &str) -> Self {
        let mut names: Vec<String> = directory.to_str().map(str::to_owned).into_iter().collect();
        let real = directory.canonicalize().ok().and_then(|real| real.to_str().map(str::to_owned));
        names.extend(real);
        let of_default = Path::new(inside).file_name();
        // the name that it has by default means the right one there too
        if let Some(below) = directory.strip_prefix(home).ok().filter(|below| below.iter().next() != of_default) {
            names.extend(["~", "$HOME", "${HOME}"].map(|home| format!("{home}/{}", below.display())));
        }
        names.dedup();
        Self { names, inside: inside.to_owned() }
    }

    /// The text in other words; nothing where it is none, or says the same there.
    pub(super) fn reworded(&self, content: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(content).ok().filter(|text| !text.contains('\0'))?;
        self.names.iter().fold(None, |done: Option<String>, name| {
            replaced(done.as_deref().unwrap_or(text), name, &self.inside).or(done)
        })
    }
}

/// The text with another path in the place of `from`, where that is a whole path or begins one.
fn replaced(text: &str, from: &str, to: &str) -> Option<String> {
    let mut done = String::new();
    let mut taken = 0;
    for (at, _) in text.match_indices(from) {
        let (before, behind) = (text[..at].chars().next_back(), text[at + from.len()..].chars().next());
        let goes_on = |c: char| c.is_alphanumeric() || "._-".contains(c);
        if before.is_some_and(|c| goes_on(c) || c == '/' || c == '}') || behind.is_some_and(goes_on) {
            continue;
        }
        done.push_str(&text[taken..at]);
        done.push_str(to);
        taken = at + from.len();
    }
    (taken > 0).then(|| done + &text[taken..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_the_directory_as_it_is_called_inside() {
        let home = Path::new("/nonexistent/ann");
        let wording = |name: &str| Wording::of(&home.join(name), home, "/home/code/.agent");
        for (name, text, inside) in [
            (".agent", "sh /nonexistent/ann/.agent/x.sh", Some("sh /home/code/.agent/x.sh")),
            (".agent", "\"/nonexistent/ann/.agent\"", Some("\"/home/code/.agent\"")),
            (".agent", "/nonexistent/ann/.agent.json /mnt/nonexistent/ann/.agent/ /nonexistent/ann/.agent-2", None),
            (".agent", "~/.agent/x $HOME/.agent", None),
            ("work", "~/work/x \"${HOME}/work\" ~/worker", Some("/home/code/.agent/x \"/home/code/.agent\" ~/worker")),
        ] {
            assert_eq!(wording(name).reworded(text.as_bytes()).as_deref(), inside, "{text}");
        }
        assert_eq!(wording("work").reworded(b"~/work\0"), None);
        assert_eq!(wording("work").reworded(b"~/work\xff"), None);
    }
}

//! The names and e-mails that commits made in a container bear: the caller's, below whatever the container itself has.

use crate::layout::HOME;
use crate::shell::quoted;

/// A name and an e-mail; what is not known stays git's to ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The key `name`.
    pub name: Option<String>,
    /// The key `email`.
    pub email: Option<String>,
}

/// Who makes commits, by the section of git's configuration that says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Author {
    /// Both the author and the committer, where nothing else is said.
    pub user: Person,
    /// The author alone.
    pub author: Person,
    /// The committer alone.
    pub committer: Person,
}

impl Author {
    /// Lines of a shell that configure git with it.
    ///
    /// It is a separate file, included by a user configuration that is created if the container has none. So a repository,
    /// `git config --global` and whatever the image sets override it.
    #[must_use]
    pub fn lines(&self) -> String {
        self.lines_in(&format!("{HOME}/.config/git"))
    }

    fn lines_in(&self, dir: &str) -> String {
        if *self == Self::default() {
            return String::new();
        }
        let text = quoted(&self.config());
        format!(
            "{{ {{ [ -d {dir} ] || mkdir -p {dir}; }} && printf %s {text} >{dir}/cci && \
             {{ [ -e {dir}/config ] || printf '[include]\\n\\tpath = cci\\n' >{dir}/config; }}; }} 2>/dev/null; "
        )
    }

    fn config(&self) -> String {
        [("user", &self.user), ("author", &self.author), ("committer", &self.committer)]
            .map(|(section, person)| person.section(section))
            .concat()
    }
}

impl Person {
    fn section(&self, name: &str) -> String {
        if *self == Self::default() {
            return String::new();
        }
        let keys = [("name", &self.name), ("email", &self.email)];
        let lines = keys.iter().filter_map(|(key, value)| Some(format!("\t{key} = {}\n", value_of(value.as_ref()?))));
        format!("[{name}]\n{}", lines.collect::<String>())
    }
}

/// A value in the syntax of git's configuration.
fn value_of(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '\\' | '"' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        c if c.is_control() => String::new(),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    fn person(name: &str, email: &str) -> Person {
        Person { name: Some(name.into()), email: Some(email.into()) }
    }

    fn author(name: &str, email: &str) -> Author {
        Author { user: person(name, email), ..Author::default() }
    }

    fn git(home: &std::path::Path, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(args).env_clear().env("HOME", home).env("PATH", "/usr/local/bin:/usr/bin:/bin").current_dir(home);
        String::from_utf8(git.env("GIT_CONFIG_NOSYSTEM", "1").output().unwrap().stdout).unwrap().trim_end().to_owned()
    }

    fn configure(author: &Author, home: &std::path::Path) {
        let lines = author.lines_in(home.join(".config/git").to_str().unwrap());
        assert!(Command::new("sh").args(["-c", &(lines + "exit 0")]).status().unwrap().success());
    }

    #[test]
    fn git_reads_the_very_name_and_e_mail() {
        let home = tempfile::tempdir().unwrap();
        configure(&author("Ann \"A\" O'Neil \\ $HOME;#", "ann@example.org"), home.path());
        assert_eq!(git(home.path(), &["config", "user.name"]), "Ann \"A\" O'Neil \\ $HOME;#");
        assert_eq!(git(home.path(), &["config", "user.email"]), "ann@example.org");
        configure(&author("A\tB\nC é 漢 `id` %s", "ann@example.org"), home.path());
        assert_eq!(git(home.path(), &["config", "user.name"]), "A\tB\nC é 漢 `id` %s");
        configure(&author("Ann", "ann@work.example"), home.path());
        assert_eq!(
            git(home.path(), &["config", "user.email"]),
            "ann@work.example",
            "the next launch brings the new one"
        );
    }

    #[test]
    fn what_the_container_has_itself_stays_and_wins() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".gitconfig"), "[user]\n\temail = own@example.org\n").unwrap();
        configure(&author("Ann", "ann@example.org"), home.path());
        assert_eq!(git(home.path(), &["config", "user.email"]), "own@example.org");
        assert_eq!(git(home.path(), &["config", "user.name"]), "Ann");
        fs::write(home.path().join(".config/git/config"), "[user]\n\tname = Bob\n").unwrap();
        configure(&author("Ann", "ann@example.org"), home.path());
        assert_eq!(git(home.path(), &["config", "user.name"]), "Bob");
    }

    #[test]
    fn an_unknown_author_is_left_to_git() {
        assert_eq!(Author::default().lines(), "");
        let home = tempfile::tempdir().unwrap();
        let email = "a@b\n[core]\nfsmonitor = x";
        configure(&Author { user: Person { name: None, email: Some(email.into()) }, ..Author::default() }, home.path());
        assert_eq!(git(home.path(), &["config", "user.email"]), email);
        assert_eq!(git(home.path(), &["config", "--name-only", "--list"]), "include.path\nuser.email");
    }
}

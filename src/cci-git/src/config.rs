//! The syntax of git's configuration files, as git reads them: nothing is looked up, and no file that one includes is read.

/// One key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// In lower case.
    pub section: String,
    /// As it is written.
    pub subsection: Option<String>,
    /// In lower case.
    pub key: String,
    /// Without quotes and escapes; `None` for a key alone.
    pub value: Option<String>,
}

/// All entries in their order; else the number of the line that is none.
///
/// # Errors
///
/// The number of the first line that git refuses.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, usize> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n");
    Parser { rest: text.chars().peekable(), line: 1 }.entries()
}

struct Parser<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
}

impl Parser<'_> {
    fn entries(mut self) -> Result<Vec<Entry>, usize> {
        let (mut section, mut entries) = (None, Vec::new());
        while let Some(&next) = self.rest.peek() {
            match next {
                '#' | ';' => while self.rest.next_if(|c| *c != '\n').is_some() {},
                '[' => section = Some(self.section()?),
                c if is_space(c) => drop(self.take()),
                c if c.is_ascii_alphabetic() => {
                    let (section, subsection) = section.clone().ok_or(self.line)?;
                    let (key, value) = self.key_and_value()?;
                    entries.push(Entry { section, subsection, key, value });
                }
                _ => return Err(self.line),
            }
        }
        Ok(entries)
    }

    fn take(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    fn while_some(&mut self, is_part: impl Fn(char) -> bool) -> String {
        std::iter::from_fn(|| self.rest.next_if(|c| is_part(*c))).collect()
    }

    fn blanks(&mut self) {
        self.while_some(|c| is_space(c) && c != '\n');
    }

    /// `[section]`, `[section "sub"]`, or the older `[section.sub]`.
    fn section(&mut self) -> Result<(String, Option<String>), usize> {
        self.take();
        let name = self.while_some(|c| c.is_ascii_alphanumeric() || "-.".contains(c)).to_ascii_lowercase();
        self.blanks();
        let quoted = if self.rest.peek() == Some(&'"') { Some(self.subsection()?) } else { None };
        self.rest.next_if_eq(&']').ok_or(self.line)?;
        Ok(match (quoted, name.split_once('.')) {
            (None, Some((section, sub))) => (section.to_owned(), Some(sub.to_owned())),
            (quoted, _) => (name, quoted),
        })
    }

    fn subsection(&mut self) -> Result<String, usize> {
        self.take();
        let mut name = String::new();
        loop {
            match self.take() {
                Some('"') => return Ok(name),
                Some('\\') => name.push(self.take().ok_or(self.line)?),
                Some('\n') | None => return Err(self.line),
                Some(c) => name.push(c),
            }
        }
    }

    fn key_and_value(&mut self) -> Result<(String, Option<String>), usize> {
        let key = self.while_some(|c| c.is_ascii_alphanumeric() || c == '-').to_ascii_lowercase();
        self.blanks();
        match self.rest.peek() {
            Some('=') => {
                self.take();
                self.blanks();
                Ok((key, Some(self.value()?)))
            }
            Some('\n' | '#' | ';') | None => Ok((key, None)),
            Some(_) => Err(self.line),
        }
    }

    /// Up to the end of the line or a comment; blanks at the end count only in quotes.
    fn value(&mut self) -> Result<String, usize> {
        let (mut value, mut kept, mut quoted) = (String::new(), 0, false);
        loop {
            match self.rest.peek() {
                None | Some('\n') if quoted => return Err(self.line),
                None | Some('\n') => break,
                Some('#' | ';') if !quoted => break,
                Some(_) => {}
            }
            match self.take() {
                Some('"') => quoted = !quoted,
                Some('\\') => match self.take() {
                    // blanks before it count
                    Some('\n') => {}
                    Some('n') => value.push('\n'),
                    Some('t') => value.push('\t'),
                    Some('b') => value.push('\u{8}'),
                    Some(c @ ('\\' | '"')) => value.push(c),
                    _ => return Err(self.line),
                },
                Some(c) if is_space(c) && !quoted => {
                    if !value.is_empty() {
                        value.push(c);
                    }
                    continue;
                }
                Some(c) => value.push(c),
                None => break,
            }
            kept = value.len();
        }
        value.truncate(kept);
        Ok(value)
    }
}

/// What is a blank to git: a path can end in one of the others.
fn is_space(c: char) -> bool {
    [' ', '\t', '\n', '\r'].contains(&c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Vec<(String, Option<String>)> {
        let name = |entry: &Entry| match &entry.subsection {
            Some(sub) => format!("{}.{sub}.{}", entry.section, entry.key),
            None => format!("{}.{}", entry.section, entry.key),
        };
        parse(text.as_bytes()).unwrap().into_iter().map(|entry| (name(&entry), entry.value)).collect()
    }

    #[test]
    fn a_value_is_what_git_makes_of_it() {
        for (text, value) in [
            ("[user]\n\tname = Ann O'Neil", "Ann O'Neil"),
            ("[User] NAME = Ann  B # comment\n", "Ann  B"),
            ("\u{feff}[user]\r\n  name = \"Ann ; B \" \r\n", "Ann ; B "),
            ("[user]\nname = \"Ann\" \\\"B\\\"\n", "Ann \"B\""),
            ("[user]\nname = Ann \\\n  B\n", "Ann   B"),
            ("; x\n[user]name=J\\\\K", "J\\K"),
            ("[user]\nname =\n", ""),
            ("[user]\nname = x \\\n", "x "),
            ("[user]\nname = \"\" \\\n x\n", "x"),
            ("[user]\nname = x\u{a0}\n", "x\u{a0}"),
        ] {
            assert_eq!(values(text), [("user.name".to_owned(), Some(value.to_owned()))], "{text:?}");
        }
    }

    #[test]
    fn sections_and_keys_alone_are_read() {
        let text = "[includeIf \"gitdir:~/w \\\"x\\\"/\"]\npath = a\n[Old.Sub]\nbare\n";
        let want =
            [("includeif.gitdir:~/w \"x\"/.path".to_owned(), Some("a".to_owned())), ("old.sub.bare".to_owned(), None)];
        assert_eq!(values(text), want);
    }

    #[test]
    fn an_error_is_reported_by_its_line() {
        for (text, line) in
            [("x = 1", 1), ("[a]\nb = \"x\n", 2), ("[a]\n\n<<<<<<< HEAD\n", 3), ("[a\n", 1), ("[a]\nb c\n", 2)]
        {
            assert_eq!(parse(text.as_bytes()), Err(line), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), text in "[\\[\\]\"\\\\=#; \na-c.]{0,60}") {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}

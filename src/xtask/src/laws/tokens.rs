//! A source file as a flat row of tokens without comments, and without what only tests have.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What a token is, as far as the laws ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Mark,
    Literal,
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// The tokens of the program's own code, the modules that are only compiled for tests, and the lines of test code.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) all: Vec<Token>,
    pub(crate) test_modules: Vec<String>,
    pub(crate) test_lines: Vec<std::ops::RangeInclusive<usize>>,
}

impl Tokens {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let stream: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| error.to_string())?;
        let mut tokens = Self::default();
        tokens.add(stream);
        Ok(tokens)
    }

    fn add(&mut self, stream: TokenStream) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < trees.len() {
            if is_cfg_test(&trees[at..]) {
                at = self.skip_item(&trees, at);
            } else {
                self.push(&trees[at]);
                at += 1;
            }
        }
    }

    /// Passes over an item with its attributes, up to its `;` or its braces; where the next one begins.
    fn skip_item(&mut self, trees: &[TokenTree], from: usize) -> usize {
        let ends = |tree: &TokenTree| match tree {
            TokenTree::Punct(mark) => mark.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            _ => false,
        };
        let end = trees[from..].iter().position(ends).map_or(trees.len() - 1, |length| from + length);
        let words: Vec<String> = trees[from..=end].iter().map(ToString::to_string).collect();
        if let [.., keyword, name, mark] = &words[..]
            && (keyword.as_str(), mark.as_str()) == ("mod", ";")
        {
            self.test_modules.push(name.clone());
        }
        self.test_lines.push(trees[from].span().start().line..=trees[end].span().end().line);
        end + 1
    }

    fn push(&mut self, tree: &TokenTree) {
        let mut one = |kind, text: String, line| self.all.push(Token { kind, text, line });
        let line = tree.span().start().line;
        match tree {
            TokenTree::Ident(word) => one(Kind::Word, word.to_string(), line),
            TokenTree::Punct(mark) => one(Kind::Mark, mark.as_char().to_string(), line),
            TokenTree::Literal(literal) => one(Kind::Literal, literal.to_string(), line),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => return self.add(group.stream()),
                };
                one(Kind::Mark, open.to_owned(), line);
                self.add(group.stream());
                let line = group.span_close().start().line;
                self.all.push(Token { kind: Kind::Mark, text: close.to_owned(), line });
            }
        }
    }
}

/// Whether an attribute `#[cfg(test)]` comes first.
fn is_cfg_test(trees: &[TokenTree]) -> bool {
    let [TokenTree::Punct(mark), TokenTree::Group(group), ..] = trees else { return false };
    mark.as_char() == '#' && group.stream().to_string().replace(' ', "") == "cfg(test)"
}

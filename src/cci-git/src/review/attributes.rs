//! Attributes that have git use a driver, which the configuration has to name before anything runs.

use std::collections::BTreeSet;

/// What git brings itself, or runs nothing for.
const PLAIN: [&str; 6] = ["merge=union", "merge=ours", "merge=text", "merge=binary", "filter=lfs", "merge=lfs"];
/// Drivers of differences that only choose where a function begins.
const BUILT_IN: [&str; 26] = [
    "ada", "bash", "bibtex", "cpp", "csharp", "css", "dts", "elixir", "fortran", "fountain", "golang", "html", "java",
    "kotlin", "markdown", "matlab", "objc", "pascal", "perl", "php", "python", "ruby", "rust", "scheme", "tex", "lfs",
];
/// No report has more.
const MOST: usize = 20;

/// The attributes that name a driver and are new.
pub(super) fn new(old: &[u8], new: &[u8]) -> Vec<String> {
    let before = drivers(old);
    drivers(new).into_iter().filter(|driver| !before.contains(driver)).take(MOST).collect()
}

fn drivers(bytes: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words = lines.flat_map(|line| line.split_whitespace().skip(1));
    let names = |word: &&str| {
        let Some((kind, driver)) = word.split_once('=') else { return false };
        match kind {
            "diff" => !BUILT_IN.contains(&driver),
            "filter" | "merge" => !PLAIN.contains(word),
            _ => false,
        }
    };
    words.filter(names).map(|word| word.chars().take(80).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_drivers_that_could_be_programs_are_named() {
        let old = b"*.x filter=mine\n";
        let now = b"*.x filter=mine\n*.rs diff=rust text\n*.bin filter=lfs diff=lfs merge=lfs -text\n# *.y filter=no\n*.z filter=evil diff=evil eol=lf\n";
        assert_eq!(new(old, now), ["diff=evil", "filter=evil"]);
        assert_eq!(new(now, now), [""; 0]);
    }
}

//! Counts as people read them: one file, two files.

/// A count with the words that follow it: those for one, or those for none or several.
pub(crate) fn count(number: impl TryInto<u64>, one: &str, several: &str) -> String {
    // what is too large for a number of 64 bits is several
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {}", if number == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn only_one_is_said_in_the_singular() {
        let changed = |number: u64| count(number, "file changes", "files change");
        assert_eq!([0, 1, 2].map(changed), ["0 files change", "1 file changes", "2 files change"]);
        assert_eq!(count(1_usize, "entry", "entries"), "1 entry");
    }
}

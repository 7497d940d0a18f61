//! The valid word that was probably meant.

/// How similar a word must be to a valid one to count as a typo of it.
const CLOSE: f64 = 0.75;

/// The nearest of `valid`, if one is near.
pub(super) fn nearest<'a>(word: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let rated = valid.into_iter().map(|candidate| {
        // a valid key in the wrong section is the most likely mistake
        let misplaced = last(word) == last(candidate);
        let agreement = strsim::normalized_damerau_levenshtein(word, candidate);
        (if misplaced { agreement.max(CLOSE) + 0.01 } else { agreement }, candidate)
    });
    let best = rated.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(agreement, _)| *agreement >= CLOSE).map(|(_, candidate)| candidate)
}

/// `, did you mean …?`, or nothing.
pub(super) fn suggestion<'a>(word: &str, valid: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, valid).map(|near| format!(", did you mean '{near}'?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_and_a_wrong_section_are_recognised() {
        let keys = ["defaults.image", "limits.cpu", "network.mode"];
        assert_eq!(nearest("defaults.imgae", keys), Some("defaults.image"));
        assert_eq!(nearest("defaults.cpu", keys), Some("limits.cpu"));
        assert_eq!(nearest("zzz", keys), None);
    }
}

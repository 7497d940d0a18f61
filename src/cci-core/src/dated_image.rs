//! Images that are named by date: which of a series are old enough to be removed.

/// `20261121-073001`
const STAMP: usize = "YYYYMMDD-HHMMSS".len();

/// An image with all its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedImage {
    /// Its fingerprint.
    pub fingerprint: String,
    /// Its aliases.
    pub aliases: Vec<String>,
}

/// The fingerprints of the images to remove so that the newest `keep` of the series `PREFIX…YYYYMMDD-HHMMSS` stay,
/// oldest first.
///
/// An image that also has another name is in use under that name: it stays, whatever its age.
#[must_use]
pub fn outdated(images: &[NamedImage], prefix: &str, keep: usize) -> Vec<String> {
    let mut line: Vec<(&str, &NamedImage)> =
        images.iter().filter_map(|image| Some((newest_stamp(image, prefix)?, image))).collect();
    line.sort_unstable_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.fingerprint.cmp(&other.fingerprint)));
    let old = line.into_iter().skip(keep).map(|(_, image)| image);
    let only_dated = |image: &&NamedImage| image.aliases.iter().all(|alias| stamp(alias, prefix).is_some());
    old.rev().filter(only_dated).map(|image| image.fingerprint.clone()).collect()
}

fn newest_stamp<'a>(image: &'a NamedImage, prefix: &str) -> Option<&'a str> {
    image.aliases.iter().filter_map(|alias| stamp(alias, prefix)).max()
}

/// The date at the end of an alias of the series.
fn stamp<'a>(alias: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = alias.strip_prefix(prefix)?;
    let stamp = rest.get(rest.len().checked_sub(STAMP)?..)?;
    let (date, time) = stamp.split_once('-')?;
    let digits = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    (digits(date, 8) && digits(time, 6)).then_some(stamp)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn image(fingerprint: &str, aliases: &[&str]) -> NamedImage {
        NamedImage {
            fingerprint: fingerprint.into(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        }
    }

    #[test]
    fn the_newest_stay_and_so_does_what_has_another_name() {
        let images = [
            image("old", &["node-42-20260101-000000"]),
            image("used", &["node-42-20260102-000000", "node-42"]),
            image("new", &["node-42-20260103-000000"]),
            image("newest", &["node-42-20260103-000001"]),
            image("other", &["node-43-20250101-000000"]),
            image("undated", &["node-42-latest", "node-42-2026-01-01"]),
            image("bare", &[]),
        ];
        assert_eq!(outdated(&images, "node-42-", 2), ["old"]);
        assert_eq!(outdated(&images, "node-42-", 1), ["old", "new"]);
        assert_eq!(outdated(&images, "node-42", 1), ["old", "new"]);
        assert_eq!(outdated(&images, "node-42-", 9), [""; 0]);
        assert_eq!(outdated(&images, "none-", 1), [""; 0]);
    }

    #[test]
    fn the_date_that_counts_is_the_newest_of_an_image() {
        let images = [image("a", &["x-20260101-000000", "x-20260105-000000"]), image("b", &["x-20260103-000000"])];
        assert_eq!(outdated(&images, "x-", 1), ["b"]);
    }

    proptest! {
        #[test]
        fn no_more_go_than_are_above_the_number_kept(days in prop::collection::vec(10u8..29, 0..12), keep in 1usize..6) {
            let images: Vec<_> = days.iter().enumerate()
                .map(|(n, day)| image(&n.to_string(), &[&format!("p202601{day}-000000")])).collect();
            let gone = outdated(&images, "p", keep);
            prop_assert_eq!(gone.len(), images.len().saturating_sub(keep));
            let day = |n: &String| days[n.parse::<usize>().unwrap()];
            let oldest_kept = (0..images.len()).map(|n| n.to_string()).filter(|n| !gone.contains(n)).map(|n| day(&n)).min();
            for one in &gone {
                prop_assert!(Some(day(one)) <= oldest_kept);
            }
        }

        #[test]
        fn no_name_is_too_odd(alias in "\\PC*", prefix in "\\PC*") {
            let _ = outdated(&[image("a", &[&alias])], &prefix, 0);
        }
    }
}

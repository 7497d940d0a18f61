//! What was asked for by name, as the least allowlist that lets it through, with what looks odd in it.

use std::collections::BTreeMap;

use super::entry::{BY_NAME, Entry, Ports, Target};
use super::host_name::HostName;

/// Names under which anybody can leave something.
const PASTES: &str = include_str!("pastes.txt");
/// So many different names below one are made up, not written down anywhere.
const MANY: usize = 20;

/// What was asked for so far.
#[derive(Debug, Clone, Default)]
pub struct Learning {
    asked: BTreeMap<(HostName, u16), u64>,
    /// The names that led where no name may, with how often.
    near: BTreeMap<HostName, u64>,
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// The name and its port.
    pub entry: Entry,
    /// How often it was asked for.
    pub times: u64,
    /// What looks odd about it.
    pub odd: Vec<Odd>,
}

/// What looks odd about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Odd {
    /// A part of it looks made up, or there are many beside it: data can leave in names.
    Random,
    /// Anybody can leave something there.
    Paste,
    /// It led where no name may: to the local network, to this host, or to a cloud's metadata.
    Near,
    /// It was asked for once.
    Once,
}

impl Odd {
    /// In one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Paste => "paste",
            Self::Near => "near",
            Self::Once => "once",
        }
    }

    /// Whether a person should look before it is allowed.
    #[must_use]
    pub fn is_suspect(self) -> bool {
        self != Self::Once
    }
}

impl Learning {
    /// Counts one connection or request.
    pub fn saw(&mut self, name: HostName, port: u16) {
        *self.asked.entry((name, port)).or_default() += 1;
    }

    /// Counts one that led where no name may, which no entry lets through.
    pub fn led_near(&mut self, name: HostName) {
        *self.near.entry(name).or_default() += 1;
    }

    /// The least list that lets all of it through, and what no list lets through, which is odd.
    #[must_use]
    pub fn least(&self) -> Vec<Learned> {
        let mut below: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, _) in self.asked.keys() {
            *below.entry(name.registered()).or_default() += 1;
        }
        let one = |((name, port), times): (&(HostName, u16), &u64)| {
            let many = below.get(name.registered()).is_some_and(|count| *count >= MANY);
            let found = [
                (Odd::Random, many || has_random_label(name)),
                (Odd::Paste, is_paste(name)),
                (Odd::Near, self.near.contains_key(name)),
                (Odd::Once, *times == 1),
            ];
            let odd = found.into_iter().filter(|(_, is_so)| *is_so).map(|(odd, _)| odd).collect();
            let entry = Entry { target: Target::Name(name.clone()), ports: Ports::from([*port]) };
            Learned { entry, times: *times, odd }
        };
        let only_near = self.near.iter().filter(|(name, _)| !self.asked.keys().any(|(asked, _)| asked == *name));
        let near = only_near.map(|(name, times)| Learned {
            entry: Entry { target: Target::Name(name.clone()), ports: Ports::from(BY_NAME) },
            times: *times,
            odd: vec![Odd::Near],
        });
        self.asked.iter().map(one).chain(near).collect()
    }
}

fn is_paste(name: &HostName) -> bool {
    let mut sites = PASTES.lines().filter(|line| !line.starts_with('#'));
    let is_at =
        |site: &str| name.as_str().strip_suffix(site).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    sites.any(is_at)
}

/// Whether a part before what is registered looks made up.
fn has_random_label(name: &HostName) -> bool {
    let before = name.as_str().strip_suffix(name.registered()).unwrap_or_default();
    before.split('.').any(is_random)
}

/// Long, and neither words nor a number: digits and letters take turns, or all of it is hexadecimal.
fn is_random(label: &str) -> bool {
    let bytes = label.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let turns = bytes.windows(2).filter(|two| two[0].is_ascii_digit() != two[1].is_ascii_digit()).count();
    let is_hexadecimal = bytes.iter().all(u8::is_ascii_hexdigit);
    bytes.len() > 40
        || bytes.len() >= 16 && is_hexadecimal && digits >= 2
        || bytes.len() >= 12 && digits >= 3 && turns >= 5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Names;

    fn learned(asked: &[(&str, u16)]) -> Vec<Learned> {
        let mut learning = Learning::default();
        for (name, port) in asked {
            learning.saw(HostName::typed(name).unwrap(), *port);
        }
        learning.least()
    }

    fn odd(name: &str) -> Vec<&'static str> {
        learned(&[(name, 443), (name, 443)])[0].odd.iter().map(|odd| odd.word()).collect()
    }

    #[test]
    fn the_list_has_each_name_with_its_port_and_how_often() {
        let list = learned(&[("b.example", 443), ("a.example", 80), ("b.example", 443), ("b.example", 80)]);
        let shown: Vec<_> = list.iter().map(|one| (one.entry.to_string(), one.times)).collect();
        let wanted = [("a.example:80", 1), ("b.example:80", 1), ("b.example:443", 2)];
        assert_eq!(shown, wanted.map(|(entry, times)| (entry.to_owned(), times)));
        assert_eq!((list[0].odd.as_slice(), list[2].odd.as_slice()), (&[Odd::Once][..], &[][..]));
        let names = Names::listed(list.into_iter().map(|one| one.entry));
        for (name, port, passes) in [("a.example", 80, true), ("a.example", 443, false), ("c.example", 80, false)] {
            assert_eq!(names.judge(&HostName::typed(name).unwrap(), port).is_ok(), passes, "{name}:{port}");
        }
    }

    #[test]
    fn what_looks_made_up_or_is_for_anybody_is_flagged() {
        for plain in [
            "registry.npmjs.org",
            "objects.githubusercontent.com",
            "index.crates.io",
            "security.debian.org",
            "eu-central-1.console.example.com",
            "fonts2.example.com",
        ] {
            assert!(odd(plain).is_empty(), "{plain}: {:?}", odd(plain));
        }
        for random in [
            "d1a2b3c4e5f6g7.example.net",
            "9f86d081884c7d65.example.com",
            "x.mzxw6ytboi4dk3lmpb2xg5d.example.com",
            &format!("{}.example.com", "a".repeat(41)),
        ] {
            assert_eq!(odd(random), ["random"], "{random}");
        }
        assert_eq!(odd("pastebin.com"), ["paste"]);
        assert_eq!(odd("abc.ngrok.io"), ["paste"]);
        assert!(odd("notpastebin.com").is_empty());
    }

    #[test]
    fn what_led_to_the_local_network_is_flagged_and_never_plain() {
        let name = |raw: &str| HostName::typed(raw).unwrap();
        let mut learning = Learning::default();
        for raw in ["a.example", "b.example"] {
            learning.saw(name(raw), 443);
            learning.saw(name(raw), 443);
        }
        learning.led_near(name("b.example"));
        learning.led_near(name("c.example"));
        let list = learning.least();
        let shown: Vec<_> = list.iter().map(|one| (one.entry.to_string(), one.odd.as_slice())).collect();
        let near = &[Odd::Near][..];
        let wanted = [("a.example:443", &[][..]), ("b.example:443", near), ("c.example:80,443", near)];
        assert_eq!(shown, wanted.map(|(entry, odd)| (entry.to_owned(), odd)));
        assert!(Odd::Near.is_suspect());
    }

    #[test]
    fn many_names_below_one_are_made_up() {
        let names: Vec<String> = (0..20).map(|number| format!("n{number}.example.com")).collect();
        let asked: Vec<(&str, u16)> = names.iter().map(|name| (name.as_str(), 443)).collect();
        assert!(learned(&asked).iter().all(|one| one.odd == [Odd::Random, Odd::Once]));
        assert!(learned(&asked[..19]).iter().all(|one| one.odd == [Odd::Once]));
    }
}

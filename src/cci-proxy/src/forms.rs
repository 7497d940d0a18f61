//! The forms in which a text comes back: as it is, as a part of base64, escaped for an address, escaped for JSON.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The shortest form beside the text itself: anything shorter is found by chance.
const SHORTEST: usize = 8;

/// What JavaScript leaves as it is in a part of an address, beside letters and digits; RFC 3986 has the first four only.
const IN_ADDRESSES: &str = "-_.~!'()*";
/// What JavaScript leaves as it is in a whole address.
const IN_WHOLE_ADDRESSES: &str = "-_.~!'()*;/?:@&=+$,#";

/// All of them, each once.
pub(crate) fn forms(text: &str) -> Vec<Vec<u8>> {
    let of_addresses = [&IN_ADDRESSES[..4], IN_ADDRESSES, "-_.*", IN_WHOLE_ADDRESSES];
    let escaped = of_addresses.into_iter().flat_map(|kept| [percent(text, kept, false), percent(text, kept, true)]);
    let json =
        [json(text, "\"\\", ""), json(text, "\"\\/", ""), json(text, "\"\\", "<>&"), json(text, "\"\\", "<>&'+")];
    let all = base64(text.as_bytes()).chain(escaped.chain(json).map(String::into_bytes));
    let mut forms: Vec<Vec<u8>> = all.filter(|form| form.len() >= SHORTEST).collect();
    forms.push(text.as_bytes().to_vec());
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// What base64 makes of it, whatever is before and behind it: of each of its three places, the characters that nothing
/// else counts in.
fn base64(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    [STANDARD_NO_PAD, URL_SAFE_NO_PAD].into_iter().flat_map(move |engine| {
        (0..3).map(move |before| {
            let encoded = engine.encode([&[0; 2][..before], text].concat());
            // the first bits belong to what is before it, and the last ones to what is behind it
            let (from, to) = ((before * 8).div_ceil(6), (before + text.len()) * 8 / 6);
            encoded.as_bytes()[from..to].to_vec()
        })
    })
}

fn percent(text: &str, kept: &str, is_lower: bool) -> String {
    text.chars().fold(String::new(), |mut out, letter| {
        if letter.is_ascii_alphanumeric() || kept.contains(letter) {
            out.push(letter);
            return out;
        }
        for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
            let _ = if is_lower { write!(out, "%{byte:02x}") } else { write!(out, "%{byte:02X}") };
        }
        out
    })
}

/// As JSON has it, where these are escaped by a backslash and those by their number.
fn json(text: &str, escaped: &str, numbered: &str) -> String {
    text.chars().fold(String::new(), |mut out, letter| {
        if numbered.contains(letter) {
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
            return out;
        }
        out.extend(escaped.contains(letter).then_some('\\'));
        out.push(letter);
        out
    })
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn has(text: &str, form: &str) -> bool {
        forms(text).iter().any(|known| known == form.as_bytes())
    }

    #[test]
    fn what_is_special_somewhere_is_known_in_its_escaped_forms() {
        let text = "a/b+c\"d\\e&f=1";
        for form in [
            text,
            "a%2Fb%2Bc%22d%5Ce%26f%3D1",
            "a%2fb%2bc%22d%5ce%26f%3d1",
            "a/b+c%22d%5Ce&f=1",
            r#"a/b+c\"d\\e&f=1"#,
            r#"a\/b+c\"d\\e&f=1"#,
            r#"a/b+c\"d\\e\u0026f=1"#,
        ] {
            assert!(has(text, form), "{form}");
        }
        assert_eq!(forms("plain-text").len(), 4, "itself, and its three places in base64");
    }

    #[test]
    fn nothing_that_is_found_by_chance_is_a_form() {
        assert_eq!(forms("ab"), [b"ab"]);
    }

    proptest! {
        #[test]
        fn base64_is_known_whatever_is_before_and_behind_it(
            before in "[ -~]{0,7}", text in "[!-~]{8,40}", behind in "[ -~]{0,7}"
        ) {
            let whole = format!("{before}{text}{behind}");
            for encoded in [STANDARD.encode(&whole), URL_SAFE_NO_PAD.encode(&whole)] {
                let found = forms(&text).iter().filter(|form| **form != text.as_bytes()).any(|form| {
                    memchr::memmem::find(encoded.as_bytes(), form).is_some()
                });
                prop_assert!(found, "{}", encoded);
            }
        }
    }
}

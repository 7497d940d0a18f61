//! Placeholders in the headers of a request, swapped for what they stand for.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hyper::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, FROM, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, REFERER,
    USER_AGENT,
};

/// Headers that servers keep and show: what is in them is no credential.
const SHOWN: [HeaderName; 7] = [USER_AGENT, REFERER, ORIGIN, FROM, HOST, CONTENT_TYPE, CONTENT_LENGTH];

/// The longest user beside a password that is swapped, and the longest password beside such a user: it is a part of what
/// answers are looked through for.
const LONGEST: usize = 256;

/// A placeholder and what it stands for.
#[derive(Clone, Copy)]
pub struct Swap<'a> {
    /// What is in the request.
    pub placeholder: &'a str,
    /// What takes its place.
    pub value: &'a str,
}

/// What a request carries that was swapped: the texts that no answer may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swapped(pub Vec<String>);

/// Whether a placeholder is anywhere in the headers, swapped or not.
#[must_use]
pub fn mentions(headers: &HeaderMap, placeholder: &str) -> bool {
    let is_in = |value: &HeaderValue| memchr::memmem::find(value.as_bytes(), placeholder.as_bytes()).is_some();
    headers.values().any(is_in) || headers.get_all(AUTHORIZATION).iter().any(|value| in_basic(value, placeholder))
}

fn in_basic(value: &HeaderValue, placeholder: &str) -> bool {
    value.to_str().ok().and_then(basic).is_some_and(|(user, password)| user == placeholder || password == placeholder)
}

/// Whether a request wants to be let in by anything else than these placeholders.
#[must_use]
pub fn is_foreign(headers: &HeaderMap, placeholders: &[String]) -> bool {
    let is_ours = |value: &HeaderValue| {
        let is_in = |placeholder: &String| memchr::memmem::find(value.as_bytes(), placeholder.as_bytes()).is_some();
        placeholders.iter().any(|placeholder| is_in(placeholder) || in_basic(value, placeholder))
    };
    !headers.get_all(AUTHORIZATION).iter().all(is_ours)
}

/// Swaps each header that is the placeholder alone or behind one word, as in `Bearer PLACEHOLDER`, and the user or the
/// password of `Basic`.
///
/// `None` if there is none, or if one is anywhere else: then nothing may be sent.
#[must_use]
pub fn swap(headers: &mut HeaderMap, with: Swap<'_>) -> Option<Swapped> {
    let mut shown = Vec::new();
    for (name, value) in headers.iter_mut() {
        if SHOWN.contains(name) {
            continue;
        }
        let Some((text, secret)) = value.to_str().ok().and_then(|text| swapped(name, text, with)) else { continue };
        let mut new = HeaderValue::from_str(&text).ok()?;
        new.set_sensitive(true);
        *value = new;
        shown.push(secret);
    }
    if shown.is_empty() || mentions(headers, with.placeholder) {
        return None;
    }
    shown.push(with.value.to_owned());
    shown.sort_unstable();
    shown.dedup();
    Some(Swapped(shown))
}

/// The header with the value, and what of it is secret.
fn swapped(name: &HeaderName, text: &str, Swap { placeholder, value }: Swap<'_>) -> Option<(String, String)> {
    if text == placeholder {
        return Some((value.to_owned(), value.to_owned()));
    }
    if let Some((word, rest)) = text.split_once(' ')
        && rest == placeholder
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Some((format!("{word} {value}"), value.to_owned()));
    }
    let (user, password) = basic(text).filter(|_| *name == AUTHORIZATION)?;
    let put = |part: String| if part == placeholder { value.to_owned() } else { part };
    let is_swapped = |part: &str| part == placeholder;
    let fits = [&user, &password].into_iter().all(|part| is_swapped(part) || part.len() <= LONGEST);
    if !fits || !(is_swapped(&user) || is_swapped(&password)) {
        return None;
    }
    let encoded = STANDARD.encode(format!("{}:{}", put(user), put(password)));
    Some((format!("Basic {encoded}"), encoded))
}

/// The user and the password of `Basic`.
fn basic(text: &str) -> Option<(String, String)> {
    let (word, encoded) = text.split_once(' ')?;
    if !word.eq_ignore_ascii_case("basic") {
        return None;
    }
    let encoded = encoded.trim().trim_end_matches('=');
    let decoded = String::from_utf8(STANDARD_NO_PAD.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH: Swap<'_> = Swap { placeholder: "cci.x.secret", value: "the-real-value" };

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn basic_of(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn a_placeholder_is_swapped_where_credentials_are() {
        for (name, before, after) in [
            ("authorization", "Bearer cci.x.secret".to_owned(), "Bearer the-real-value".to_owned()),
            ("authorization", "token cci.x.secret".to_owned(), "token the-real-value".to_owned()),
            ("x-api-key", "cci.x.secret".to_owned(), "the-real-value".to_owned()),
            ("authorization", basic_of("me:cci.x.secret"), basic_of("me:the-real-value")),
            ("authorization", basic_of("cci.x.secret:"), basic_of("the-real-value:")),
        ] {
            let mut all = headers(&[(name, &before), ("x-own", "1")]);
            let swapped = swap(&mut all, WITH).unwrap();
            assert_eq!(all[name].to_str().unwrap(), after);
            assert!(all[name].is_sensitive() && swapped.0.contains(&"the-real-value".to_owned()));
            assert!(swapped.0.iter().any(|text| after.ends_with(text.as_str())), "{swapped:?}");
            assert_eq!(all["x-own"], "1");
        }
    }

    #[test]
    fn what_stands_beside_a_value_is_short() {
        for (length, is_swapped) in [(LONGEST, true), (LONGEST + 1, false)] {
            let other = "x".repeat(length);
            for text in [format!("{other}:cci.x.secret"), format!("cci.x.secret:{other}")] {
                let swapped = swap(&mut headers(&[("authorization", &basic_of(&text))]), WITH);
                assert_eq!(swapped.is_some(), is_swapped, "{length}");
            }
        }
    }

    #[test]
    fn another_login_is_foreign() {
        let ours = [WITH.placeholder.to_owned()];
        let is_foreign = |text: &str| is_foreign(&headers(&[("authorization", text)]), &ours);
        assert!(!is_foreign("Bearer cci.x.secret") && !is_foreign(&basic_of("me:cci.x.secret")));
        assert!(is_foreign("Bearer another") && is_foreign(&basic_of("me:another")) && is_foreign(""));
        assert!(!super::is_foreign(&headers(&[("x-own", "1")]), &ours));
    }

    #[test]
    fn anywhere_else_it_stops_the_request() {
        for (name, text) in [
            ("user-agent", "cci.x.secret"),
            ("referer", "http://a/cci.x.secret"),
            ("x-text", "a cci.x.secret b"),
            ("x-text", "cci.x.secret, cci.x.secret"),
            ("x-text", "key=cci.x.secret"),
        ] {
            assert_eq!(swap(&mut headers(&[(name, text)]), WITH), None, "{text}");
            let mut with_good = headers(&[("authorization", "Bearer cci.x.secret"), (name, text)]);
            assert_eq!(swap(&mut with_good, WITH), None, "{text}");
        }
        assert_eq!(swap(&mut headers(&[("authorization", "Bearer another")]), WITH), None);
        assert_eq!(swap(&mut headers(&[("authorization", "Basic ???")]), WITH), None);
    }
}

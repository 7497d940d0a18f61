//! The terminal type for programs in the container.

/// The types that every Debian image knows (its `ncurses-base`); newer emulators behave like the fallback.
const KNOWN: [&str; 17] = [
    "ansi",
    "dumb",
    "linux",
    "rxvt",
    "rxvt-unicode",
    "rxvt-unicode-256color",
    "screen",
    "screen-256color",
    "tmux",
    "tmux-256color",
    "vt100",
    "vt102",
    "vt220",
    "xterm",
    "xterm-256color",
    "xterm-color",
    "xterm-mono",
];

/// The type that replaces an unknown one.
pub const FALLBACK: &str = "xterm-256color";

/// The caller's terminal type if the image knows it, else [`FALLBACK`].
#[must_use]
pub fn guest_term(host_term: Option<&str>) -> &str {
    host_term.filter(|term| KNOWN.contains(term)).unwrap_or(FALLBACK)
}

/// Asks a terminal to distinguish Shift+Enter from Enter. tmux reads such keys from any terminal, but asks only those that
/// have said what they are.
pub const MODIFIED_KEYS: &[u8] = b"\x1b[>4;1m";

/// Whether a terminal of this type ignores such a request if it does not know it.
#[must_use]
pub fn can_be_asked(host_term: Option<&str>) -> bool {
    ["xterm", "tmux"].iter().any(|kind| guest_term(host_term).starts_with(kind))
}

/// Whether tmux can draw on a terminal of this type: on one that cannot even be cleared, it gives up.
#[must_use]
pub fn can_be_drawn_on(host_term: Option<&str>) -> bool {
    guest_term(host_term) != "dumb"
}

/// Whether a terminal says that it shows colours of 24 bits: in `COLORTERM`, or as one of those whose type promises it.
#[must_use]
pub fn true_color(host_term: Option<&str>, colorterm: Option<&str>) -> bool {
    const PROMISES: [&str; 7] = ["kitty", "ghostty", "alacritty", "foot", "wezterm", "contour", "-direct"];
    let says = |value: &str| ["truecolor", "24bit"].iter().any(|word| value.eq_ignore_ascii_case(word));
    colorterm.is_some_and(says) || host_term.is_some_and(|term| PROMISES.iter().any(|name| term.contains(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_24_bits_are_for_terminals_that_say_so() {
        for term in ["xterm-256color", "xterm", "linux", "screen", "vt220"] {
            assert!(!true_color(Some(term), None), "{term}");
            assert!(true_color(Some(term), Some("truecolor")) && true_color(Some(term), Some("24bit")), "{term}");
            assert!(!true_color(Some(term), Some("1")), "{term}");
        }
        assert!(true_color(Some("xterm-ghostty"), None) && true_color(Some("xterm-direct"), None));
        assert!(!true_color(None, None));
    }

    #[test]
    fn tmux_draws_on_all_but_the_dumb() {
        assert!(!can_be_drawn_on(Some("dumb")));
        for term in [Some("linux"), Some("vt220"), Some("unknown"), Some(""), None] {
            assert!(can_be_drawn_on(term), "{term:?}");
        }
    }

    #[test]
    fn a_terminal_the_image_does_not_know_becomes_the_common_one() {
        for unknown in [Some("xterm-ghostty"), Some("alacritty"), Some("foot"), Some(""), Some("../x"), None] {
            assert_eq!(guest_term(unknown), "xterm-256color");
        }
        assert_eq!(guest_term(Some("screen-256color")), "screen-256color");
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_the_image_does_not_know_becomes_the_common_one() {
        for unknown in [Some("xterm-ghostty"), Some("alacritty"), Some("foot"), Some(""), Some("../x"), None] {
            assert_eq!(guest_term(unknown), "xterm-256color");
        }
        assert_eq!(guest_term(Some("screen-256color")), "screen-256color");
    }
}

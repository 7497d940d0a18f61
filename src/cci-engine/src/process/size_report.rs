//! What a terminal answers when it is asked for its size, put right where it mixes up columns and rows.
//!
//! tmux 3.3 does, the one of Debian 12, and a newer tmux in the container believes the answer more than its own terminal.

use cci_incus::TermSize;

/// What an answer begins with.
const BEGIN: &[u8] = b"\x1b[8;";

/// Changes an answer with columns first, in what a terminal has sent, to rows first; the size is looked up only then.
pub(super) fn put_right(sent: &mut [u8], size: impl FnOnce() -> TermSize) {
    if !sent.windows(BEGIN.len()).any(|begin| begin == BEGIN) {
        return;
    }
    let TermSize { cols, rows } = size();
    let (wrong, right) = (format!("\x1b[8;{cols};{rows}t"), format!("\x1b[8;{rows};{cols}t"));
    let found = sent.windows(wrong.len()).position(|answer| answer == wrong.as_bytes());
    if let Some(answer) = found.and_then(|at| sent.get_mut(at..at + right.len())) {
        answer.copy_from_slice(right.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(sent: &str) -> String {
        let mut sent = sent.as_bytes().to_vec();
        put_right(&mut sent, || TermSize { cols: 110, rows: 35 });
        String::from_utf8(sent).unwrap()
    }

    #[test]
    fn columns_and_rows_that_are_mixed_up_are_put_right() {
        assert_eq!(after("a\x1b[8;110;35t\x1b[4;0;0tb"), "a\x1b[8;35;110t\x1b[4;0;0tb");
    }

    #[test]
    fn nothing_else_is_changed() {
        for sent in ["", "\x1b", "\x1b[8;35;110t", "\x1b[8;110;36t", "\x1b[8;110;35", "8;110;35t", "\x1b[8;1"] {
            assert_eq!(after(sent), sent);
        }
    }
}

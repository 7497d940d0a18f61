//! The lines of descent beside the rows of `cci log --graph`.

use cci_engine::checkpoint::log::Logged;

/// The margin of each row: a column for each line of descent that passes it, `o` where the row itself is.
///
/// Rows come newest first, so a checkpoint follows its children.
pub(super) fn margins(rows: &[Logged]) -> Vec<String> {
    // the checkpoint that each column waits for
    let mut columns: Vec<String> = Vec::new();
    let mut margins = Vec::new();
    for row in rows {
        let own = columns.iter().position(|id| *id == row.id).unwrap_or_else(|| {
            columns.push(row.id.clone());
            columns.len() - 1
        });
        let ends: Vec<usize> = (0..columns.len()).filter(|n| *n != own && columns[*n] == row.id).collect();
        let mark = |n: usize| match n {
            n if n == own => 'o',
            n if ends.contains(&n) => '/',
            _ => '|',
        };
        margins.push((0..columns.len()).flat_map(|n| [mark(n), ' ']).collect());
        columns[own].clone_from(&row.parent);
        let mut n = 0;
        columns.retain(|id| {
            n += 1;
            !ends.contains(&(n - 1)) && !id.is_empty()
        });
    }
    let width = margins.iter().map(String::len).max().unwrap_or_default();
    margins.into_iter().map(|margin| format!("{margin:<width$}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, parent: &str) -> Logged {
        Logged {
            id: id.into(),
            parent: parent.into(),
            at: String::new(),
            cause: String::new(),
            prompt: String::new(),
            message: String::new(),
            workspace: "/w".into(),
            session_id: String::new(),
            slot: 0,
            files_changed: 0,
            holds: Vec::new(),
            not_held: Vec::new(),
            current: false,
        }
    }

    #[test]
    fn two_lines_of_descent_meet_at_their_common_ancestor() {
        let rows = [row("d", "b"), row("c", "b"), row("b", "a"), row("a", "")];
        assert_eq!(margins(&rows), ["o   ", "| o ", "o / ", "o   "]);
    }

    #[test]
    fn a_single_line_takes_one_column() {
        assert_eq!(margins(&[row("b", "a"), row("a", "")]), ["o ", "o "]);
        assert!(margins(&[]).is_empty());
    }
}

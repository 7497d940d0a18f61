//! What it takes to start a running agent again: the variables that it was given, and its end.

use std::collections::BTreeMap;

use crate::gvisor;
use crate::tmux::{GIVEN, SOCKET};

/// Prints the names of the variables that the agent was given, a line feed, and the environment of the tmux server.
const PRINT: &str = r##"told=$(tmux -S "$0" display-message -p "#{pid} #{$1}") || exit
printf '%s\n' "${told#* }"
exec cat "/proc/${told%% *}/environ""##;

/// Ends the tmux server and every process of its panes. An agent that could still tidy up would write to the
/// conversation that is about to be replaced.
const END: &str = r#"panes=$(tmux -S "$0" list-panes -a -F '#{pane_pid}' 2>/dev/null)
tmux -S "$0" kill-server 2>/dev/null
[ -z "$panes" ] && exit
for ((round = 0; round < 200; round++)); do
  left=
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    read -r state _ _ session _ <<<"${line##*) }"
    for pane in $panes; do
      [ "$session" = "$pane" ] && [ "$state" != Z ] || continue
      left=1
      pid=${stat#/proc/}
      kill -KILL "${pid%/stat}" 2>/dev/null
    done
  done
  [ -z "$left" ] && exit
  sleep 0.01
done
false"#;

/// Prints what [`given_variables`] reads.
#[must_use]
pub fn print_given() -> Vec<String> {
    bash(PRINT, &[SOCKET, GIVEN])
}

/// Ends the agent and all that its panes started.
#[must_use]
pub fn end_agent() -> Vec<String> {
    // what runs in a sandbox is no child of its panes
    bash(&format!("(\n{END}\n)\n_cci=$?\n{}exit \"$_cci\"", gvisor::end()), &[SOCKET])
}

fn bash(script: &str, args: &[&str]) -> Vec<String> {
    ["bash", "-c", script].iter().chain(args).map(|word| (*word).to_owned()).collect()
}

/// The variables that the agent was given, from what [`print_given`] printed; what is not text is left out.
#[must_use]
pub fn given_variables(printed: &[u8]) -> BTreeMap<String, String> {
    let Some(end) = printed.iter().position(|byte| *byte == b'\n') else { return BTreeMap::new() };
    let (names, environment) = (String::from_utf8_lossy(&printed[..end]), &printed[end + 1..]);
    let names: Vec<&str> = names.split(' ').filter(|name| !name.is_empty()).collect();
    let variable = |entry: &[u8]| {
        let (name, value) = std::str::from_utf8(entry).ok()?.split_once('=')?;
        names.contains(&name).then(|| (name.to_owned(), value.to_owned()))
    };
    environment.split(|byte| *byte == 0).filter_map(variable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_given_is_read_back() {
        let printed = b"KEY EMPTY LINES GONE\nPATH=/bin\0KEY=a=b\0EMPTY=\0LINES=one\ntwo\0KEYS=no\0";
        let given = given_variables(printed);
        let expected = [("EMPTY", ""), ("KEY", "a=b"), ("LINES", "one\ntwo")];
        assert_eq!(given, expected.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect());
        assert!(given_variables(b"\nKEY=a\0").is_empty());
        assert!(given_variables(b"").is_empty());
    }
}

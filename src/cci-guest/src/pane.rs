//! The agent's pane: what runs in its foreground, what it shows, and what is typed into it, all through one shell in the
//! container that carries out orders. So cci decides what to type by what the pane showed a moment ago.

use crate::exit::GuestExit;
use crate::shell::quoted;
use crate::tmux::{SOCKET, session_name, words};

/// What ends the answer to each order.
pub const END: u8 = 0;

/// What the agent of a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has not started yet.
    Starting,
    /// It, or a program that it has started, has the terminal.
    InFront,
    /// It runs, but another program has the terminal.
    Behind,
    /// It is suspended, as by Ctrl-Z.
    Stopped,
    /// It has exited.
    Ended,
    /// Somebody else is typing into it.
    Taken,
    /// The session is none of this release's: nothing is known of its agent.
    Unknown,
}

/// An answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What the agent does.
    pub state: State,
    /// How to read its screen, as noted when the session was started.
    pub screen: String,
    /// What its pane shows.
    pub shown: String,
}

impl Seen {
    /// Reads an answer without its [`END`]; a container can send anything.
    #[must_use]
    pub fn parse(answer: &[u8]) -> Self {
        let text = String::from_utf8_lossy(answer);
        let (head, shown) = text.split_once('\n').unwrap_or((&text, ""));
        let (state, screen) = head.split_once(' ').unwrap_or((head, ""));
        let state = match state {
            "starting" => State::Starting,
            "front" => State::InFront,
            "behind" => State::Behind,
            "stopped" => State::Stopped,
            "ended" => State::Ended,
            "taken" => State::Taken,
            _ => State::Unknown,
        };
        Self { state, screen: screen.to_owned(), shown: shown.to_owned() }
    }
}

/// An order to the shell of [`taking_orders`]. It is carried out only if the agent has the terminal. A forced order always is,
/// in the pane that an attached user would see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order<'a> {
    /// Look only.
    Look,
    /// To wait for its turn, at most this many seconds: of several who send at once, each has the pane until its shell ends.
    Turn(u64),
    /// To paste a text, character for character.
    Paste(&'a [u8]),
    /// Press Enter: as a character, so that it arrives even while somebody scrolls.
    Enter,
    /// Press the keys that the shell was started with.
    Keys,
}

impl Order<'_> {
    /// The order as the shell reads it.
    #[must_use]
    pub fn line(self, force: bool) -> Vec<u8> {
        let force = if force { "force" } else { "" };
        match self {
            Self::Look => b"look\n".to_vec(),
            Self::Turn(limit) => format!("turn {limit}\n").into_bytes(),
            Self::Paste(text) => [format!("paste {} {force}\n", text.len()).as_bytes(), text].concat(),
            Self::Enter => format!("enter 0 {force}\n").into_bytes(),
            Self::Keys => format!("keys 0 {force}\n").into_bytes(),
        }
    }
}

/// Keys by tmux's names, as arguments of its own.
#[must_use]
pub fn keys(keys: &[String]) -> Vec<String> {
    words(keys)
}

/// How a screen is read that is a shell's, which takes whatever comes.
pub const SHELL: &str = "shell";

/// Lines of a shell that take orders until there are no more, with keys as `"$@"`; they end with
/// [`GuestExit::NoSession`] where no server has the container's session, whoever it belongs to.
#[must_use]
pub fn taking_orders(container: &str) -> String {
    let (session, no_session) = (quoted(&session_name(container)), GuestExit::NoSession);
    format!("s={session}; none={no_session}; own={SOCKET} anything={SHELL}\n{TAKING_ORDERS}")
}

const TAKING_ORDERS: &str = r#"for socket in "$own" /tmp/tmux-*/default; do
  [ -S "$socket" ] && tmux -S "$socket" has-session -t "=$s" 2>/dev/null && break
  socket=
done
set -f
[ "$socket" ] || exit "$none"
t() { tmux -S "$socket" "$@"; }

# what the kernel says of a process
stat() {
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -- ${line##*) }
  state=$1 parent=$2 group=$3 front=$6
  shift 19
  start=$1
}

# which pane is the agent's, and what the agent does
find() {
  pane= agent= what=unknown screen=
  # of a session that somebody has started by other means, all of it is what was meant
  [ "$socket" = "$own" ] || { pane="=$s:" what=front screen=$anything && return; }
  while IFS=';' read -r ours id shell note; do
    [ "$ours" ] || continue
    what=starting
    [ "$note" ] && [ -z "$agent" ] || continue
    pane=$id in=$shell
    set -- $note
    agent=$1 began=$2 screen=$3 name=$4
  done <<END
$(t list-panes -s -t "=$s" -F '#{@cci};#{pane_id};#{pane_pid};#{@cci-agent}' </dev/null)
END
  [ "$pane" ] || return
  what=ended
  stat "$in" || return
  at=$front shells=$group in_front=$front
  if stat "$agent" && [ "$start" = "$began" ]; then
    case $state in
      [Tt]) what=stopped && return ;;
      [ZX]) return ;;
    esac
    what=behind
    while [ "$at" != "$agent" ]; do
      case $at in "" | 0 | 1 | -1 | "$in") return ;; esac
      # the first of several may have ended
      stat "$at" || break
      at=$parent
    done
    what=front
  elif [ "$in_front" != "$shells" ]; then
    # started again by hand
    for word in $(tr '\000' '\n' 2>/dev/null <"/proc/$in_front/cmdline" | head -n 2); do
      [ "${word##*/}" = "${name##*/}" ] && what=front
    done
  fi
}

buffer=cci-$$
while read -r order size force; do
  turn=
  if [ "$order" = turn ]; then
    { command exec 9>/run/cci-send && flock -E 75 -w "$size" 9; } 2>/dev/null
    turn=$?
  fi
  find
  [ "$turn" = 75 ] && what=taken
  to=$pane
  [ "$force" ] && to="=$s:"
  if [ "$what" = front ] || [ "$force" ]; then
    case $order in
      paste) head -c "$size" | t load-buffer -b "$buffer" - \; paste-buffer -d -p -r -b "$buffer" -t "$to" ;;
      enter) printf '\r' | t load-buffer -b "$buffer" - \; paste-buffer -d -r -b "$buffer" -t "$to" ;;
      keys) t copy-mode -q -t "$to" && t send-keys -t "$to" -- "$@" </dev/null ;;
    esac || exit
  elif [ "$order" = paste ]; then
    head -c "$size" >/dev/null
  fi
  printf '%s %s\n' "$what" "$screen"
  t capture-pane -p -t "${to:-=$s:}" </dev/null
  printf '\000'
done
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_the_agent_does_and_shows() {
        let seen = Seen::parse(b"front dummy\nYou: \n\n");
        assert_eq!((seen.state, seen.screen.as_str(), seen.shown.as_str()), (State::InFront, "dummy", "You: \n\n"));
        for odd in [&b""[..], b"\xff\n", b"front", b"x y z"] {
            let _ = Seen::parse(odd);
        }
        assert_eq!(Seen::parse(b"anything").state, State::Unknown);
    }

    #[test]
    fn a_text_is_never_an_argument_and_its_length_ends_it() {
        assert_eq!(Order::Paste(b"a\nlook\n").line(false), b"paste 7 \na\nlook\n");
        assert_eq!(Order::Enter.line(true), b"enter 0 force\n");
    }

    #[test]
    fn a_semicolon_is_a_key_and_not_the_end_of_a_command() {
        let named = keys(&["C-c".into(), ";".into(), "a;".into(), "-x".into()]);
        assert_eq!(named, ["C-c", "\\;", "a\\;", "-x"]);
    }
}

//! The commands that scripts use, in a script.

use crate::support::host::{Host, U1000, U1234, run};

/// What a script does that keeps an agent in a slot of its own and asks it things.
const SCRIPT: &str = r#"
set -euo pipefail
cci shell --slot 2 --background >started
name=$(cci list --format=json | jq -er '.active_containers[] | select(.slot == 2) | .name')
grep -q "^$name " started
cci tmux send "$name" 'what "is" $this' --wait=30
cci tmux capture "$name" | grep -F 'what "is" $this-BACK'
cci list --format=json | jq -e --arg name "$name" '.active_containers | map(.name) == [$name]'
cci kill "$name"
cci list --all --format=json | jq -er '.saved_sessions[0].session_id' >saved
cci shell --resume --background >resumed
cut -d' ' -f2 resumed | cmp - saved
again=$(cci list --format=json | jq -er '.active_containers[0].name')
cci tmux send "$again" 'and again' --wait=30
cci tmux capture "$again" --all | grep -F 'what "is" $this'
cci kill --all --force
cci list --format=json | jq -e '.active_containers == []'
"#;

#[test]
fn a_script_takes_a_slot_asks_lists_and_resumes() {
    for user in [U1000, U1234] {
        let host = Host::live(user);
        let mut script = host.command("bash");
        script.args(["-c", SCRIPT]).env("CCI_USE_DUMMY", "1");
        run(script, b"").ok();
    }
}

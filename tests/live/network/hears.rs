//! The real agent hears what was refused to a command of its own, and what its person can do.

use std::time::Duration;

use super::by_name::named;
use crate::support::anthropic::Anthropic;
use crate::support::internet::SERVER;
use crate::support::wait;
use crate::support::web::Web;

const LONG: Duration = Duration::from_secs(90);

#[test]
fn after_a_refused_connection_the_agent_hears_the_rule_and_its_persons_command() {
    let dir = tempfile::tempdir().unwrap();
    let (web, api) = (Web::start(78, dir.path()), Anthropic::start());
    let named = named(&["listed.n78.test", SERVER], &format!("{} listed.n78.test\n", web.address));
    let flags = api.flags();
    let args: Vec<&str> = ["shell", "--background"].into_iter().chain(flags.iter().map(String::as_str)).collect();
    named.cci(&args).ok();
    let container = named.host.only_container();
    let screen = || named.cci(&["tmux", "capture", &container]).to_string();
    wait::until("the agent is there", LONG, || {
        let shown = screen();
        if shown.contains("bypass permissions") { Ok(()) } else { Err(shown) }
    });
    // after a command that succeeds, and after one that fails
    for (end, name) in [("true", "new.n78.test"), ("false", "other.n78.test")] {
        let command = format!("run: curl -so /dev/null -H 'Host: {name}' http://listed.n78.test/; {end}");
        named.cci(&["tmux", "send", &container, &command]).ok();
        // what the command itself gets is not shown to the agent
        let heard = [
            "cci refused connections of this container just now:".to_owned(),
            format!("no rule allows {name}:80"),
            format!("cci network allow {container} {name}:80 --for 30m"),
        ];
        wait::until(
            "it is heard",
            LONG,
            || {
                if heard.iter().all(|text| api.saw(text)) { Ok(()) } else { Err(screen()) }
            },
        );
    }
}

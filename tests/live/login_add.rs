//! The real agent logs in within a container of its own, and what comes of it is on the host alone.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::login::World;
use crate::support::anthropic::Anthropic;
use crate::support::host::U1234;
use crate::support::https_proxy;
use crate::support::issuer::{CODE, Issuer};
use crate::support::pty::Pty;
use crate::support::wait;

/// A host whose containers find the stub in the place of every server.
fn world() -> (World, Arc<Issuer>) {
    let issuer = Arc::new(Issuer::new(Duration::from_secs(3600), Duration::ZERO));
    let api = Anthropic::issuing(&issuer);
    let proxy = https_proxy::start(&api.url());
    let config = format!(
        "[defaults.environment]\nHTTPS_PROXY = \"{proxy}\"\nNODE_TLS_REJECT_UNAUTHORIZED = \"0\"\nCLAUDE_CODE_FULL_SIGN_IN_LINK = \"1\"\n"
    );
    (World::with(U1234, &config, &json!({}), api), issuer)
}

/// What the address that is shown says as `name`.
fn named(shown: &str, name: &str) -> Option<String> {
    let from = shown.find(&format!("&{name}="))? + name.len() + 2;
    let end = shown[from..].find(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c))?;
    Some(shown[from..from + end].to_owned())
}

#[test]
fn an_account_by_the_agents_own_login_is_on_the_host_alone() {
    let (world, issuer) = world();
    let terminal = Pty::open(&world.host, "xterm-256color");
    terminal.enter("cci login add second; echo END''ED $?");
    let state = wait::until("the agent says where to log in", Duration::from_secs(60), || {
        let written = terminal.written();
        named(&written, "state").filter(|_| written.contains("Paste code")).ok_or(written)
    });
    assert_eq!(world.host.containers().len(), 1);
    terminal.enter(&format!("{CODE}#{state}"));
    let written = wait::until("it has ended", Duration::from_secs(60), || {
        let written = terminal.written();
        if written.contains("ENDED ") { Ok(written) } else { Err(written) }
    });
    assert!(written.contains("ENDED 0") && written.contains("Added account second"), "{written}");
    assert_eq!(world.host.containers(), Vec::<String>::new());

    let file = world.host.home.join(".cci/logins/claude/second/.credentials.json");
    let kept: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(kept["claudeAiOauth"]["refreshToken"], issuer.refresh());
    assert_eq!(kept.as_object().unwrap().len(), 1, "nothing else is kept");
    let status = world.host.cci(&["login", "status", "--format=json"]).ok().stdout;
    let status: Value = serde_json::from_str(&status).unwrap();
    let second = status["accounts"].as_array().unwrap().iter().find(|one| one["name"] == "second").unwrap();
    assert_eq!((&second["kind"], &second["state"]), (&json!("login"), &json!("ok")));
}

#[test]
fn a_login_that_is_given_up_leaves_nothing() {
    let (world, _) = world();
    let terminal = Pty::open(&world.host, "xterm-256color");
    terminal.enter("cci login add second; echo END''ED $?");
    wait::until("the agent asks", Duration::from_secs(60), || {
        let written = terminal.written();
        if written.contains("Paste code") { Ok(()) } else { Err(written) }
    });
    terminal.type_text("\u{3}");
    let written = wait::until("it has ended", Duration::from_secs(60), || {
        let written = terminal.written();
        if written.contains("ENDED ") { Ok(written) } else { Err(written) }
    });
    assert!(!written.contains("ENDED 0") && written.contains("nothing was kept"), "{written}");
    assert_eq!(world.host.containers(), Vec::<String>::new());
    assert!(!world.host.home.join(".cci/logins/claude/second").exists());
}

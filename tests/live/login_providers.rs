//! The real agent works with the models of Bedrock and Vertex AI and behind a gateway, as the caller's own agent does, and
//! what opens them is nowhere inside.

use std::fs;

use serde_json::{Value, json};

use crate::login::{ACCESS, REFRESH, World};
use crate::support::anthropic::Anthropic;
use crate::support::clouds::{Cloud, GOOGLE};
use crate::support::host::{U1000, U1234, User};

const ID: &str = "AKIAOFTHETEST0123456";
const SECRET: &str = "aws-secret-of-the-test-0123456789-abcdefghij";
const SESSION: &str = "aws-session-token-of-the-test-0123456789-abc";
const KEY: &str = "bedrock-key-of-the-test-0123456789-abcdefghij";
const GOOGLES: &str = "ya29.access-of-the-test-0123456789-abcdefghij";
const OF_A_PERSON: &str = "1//refresh-of-the-test-0123456789-abcdefghijk";
const GATEWAYS: &str = "gateway-token-of-the-test-0123456789-abcdefgh";

fn world(user: User, cloud: Cloud) -> World {
    let login = json!({ "claudeAiOauth": { "accessToken": ACCESS, "refreshToken": REFRESH,
        "expiresAt": 4_000_000_000_000_u64, "scopes": ["user:inference"], "subscriptionType": "max" } });
    World::with(user, "", &login, Anthropic::of_cloud(cloud))
}

/// Starts a session with these variables, has it answer, and looks for these secrets inside.
#[track_caller]
fn works(world: &World, variables: &[(&str, &str)], secrets: &[&str]) {
    let args = ["shell", "--background", "-e", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1"];
    let out = world.host.cci_with(&args, variables, b"").ok();
    assert!(secrets.iter().all(|secret| !out.to_string().contains(secret)), "{out}");
    let name = out.stdout.split_whitespace().next().unwrap().to_owned();
    world.shows(&name, "bypass permissions");
    world.prompt(&name, "hello by way of a provider");
    assert!(world.api.saw("hello by way of a provider"));
    for other in [ACCESS, "ssh-placeholder"] {
        assert!(!world.api.was_let_in_by(other), "{other}");
    }
    for secret in secrets.iter().chain(&[ACCESS, REFRESH]) {
        assert_eq!(world.found(&name, secret), "", "{secret}");
    }
    let planted = format!("printf %s '{}''{}' >/home/code/planted", &secrets[0][..9], &secrets[0][9..]);
    world.inside(&name, "code", &planted).ok();
    assert!(world.found(&name, secrets[0]).contains("file /home/code/planted"), "the search finds what is there");
    let info: Value = serde_json::from_str(&world.host.cci(&["info", "--format=json"]).ok().stdout).unwrap();
    let used = |key: &str| info["usage"][key].as_u64().unwrap_or_default();
    assert!(used("requests") > 0 && used("input_tokens") > 0 && used("output_tokens") > 0, "{info}");
    let log = fs::read_to_string(world.host.home.join(".cci/run/supervisor.log")).unwrap_or_default();
    assert!(secrets.iter().all(|secret| !log.contains(secret)), "{log}");
}

#[test]
fn requests_to_bedrock_are_signed_on_the_host() {
    let world = world(U1234, Cloud::Signed(ID, SECRET, SESSION, "eu-west-3"));
    let keys =
        format!("[work]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\naws_session_token = {SESSION}\n");
    fs::write(world.host.dir("home/.aws").join("credentials"), keys).unwrap();
    let url = world.api.url();
    let variables = [
        ("CLAUDE_CODE_USE_BEDROCK", "1"),
        ("ANTHROPIC_BEDROCK_BASE_URL", &url),
        ("AWS_REGION", "eu-west-3"),
        ("AWS_PROFILE", "work"),
    ];
    works(&world, &variables, &[SECRET, SESSION, ID]);
}

#[test]
fn a_key_for_bedrock_in_the_agents_settings_stays_on_the_host() {
    let world = world(U1000, Cloud::Bearer(KEY));
    let settings = json!({ "env": { "CLAUDE_CODE_USE_BEDROCK": "1", "AWS_REGION": "us-west-2", "AWS_BEARER_TOKEN_BEDROCK": KEY,
        "ANTHROPIC_BEDROCK_BASE_URL": world.api.url(), "ANTHROPIC_MODEL": "us.anthropic.claude-sonnet-4-5-20250929-v1:0" } });
    fs::write(world.host.home.join(".claude/settings.json"), settings.to_string()).unwrap();
    works(&world, &[], &[KEY]);
}

#[test]
fn the_token_for_vertex_is_renewed_on_the_host() {
    let world = world(U1234, Cloud::Issued(GOOGLES, OF_A_PERSON));
    let credentials = json!({ "type": "authorized_user", "client_id": "c", "client_secret": "s",
        "refresh_token": OF_A_PERSON });
    let file = world.host.dir("home/.config/gcloud").join("application_default_credentials.json");
    fs::write(file, credentials.to_string()).unwrap();
    let url = world.api.url();
    let variables = [
        ("CLAUDE_CODE_USE_VERTEX", "1"),
        ("ANTHROPIC_VERTEX_BASE_URL", url.as_str()),
        ("ANTHROPIC_VERTEX_PROJECT_ID", "project-of-the-test"),
        ("CLOUD_ML_REGION", "global"),
        ("CCI_TOKEN_URL", &format!("{url}{GOOGLE}")),
    ];
    works(&world, &variables, &[GOOGLES, OF_A_PERSON]);
}

#[test]
fn a_gateway_is_opened_by_the_host() {
    let world = world(U1000, Cloud::Bearer(GATEWAYS));
    let url = world.api.url();
    works(&world, &[("ANTHROPIC_BASE_URL", &url), ("ANTHROPIC_AUTH_TOKEN", GATEWAYS)], &[GATEWAYS]);
}

#[test]
fn a_provider_that_cannot_be_asked_is_named_before_anything_is_started() {
    let world = world(U1000, Cloud::Bearer(KEY));
    for (variables, said) in [
        (&[("CLAUDE_CODE_USE_VERTEX", "1")][..], "ANTHROPIC_VERTEX_PROJECT_ID"),
        (&[("CLAUDE_CODE_USE_BEDROCK", "1"), ("AWS_REGION", "evil.example/")], "AWS_REGION"),
    ] {
        let out = world.host.cci_with(&["shell", "--background"], variables, b"");
        assert!(out.code != 0 && out.stderr.contains(said), "{out}");
    }
}

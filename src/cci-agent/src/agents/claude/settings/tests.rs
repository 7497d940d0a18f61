use super::*;
use crate::host_files::Everything;
use crate::seed::HostPlace;

fn place() -> HostPlace {
    HostPlace { home: "/home/ann".into(), named: None }
}

#[test]
fn the_persons_settings_stay_also_inside_permissions() {
    let host = json!({ "model": "opus", "permissions": { "allow": ["Bash(ls)"], "defaultMode": "plan" }, "env": { "A": "1" } });
    let settings = with_ours(Some(host));
    assert_eq!(settings["model"], "opus");
    assert_eq!(settings["permissions"]["allow"][0], "Bash(ls)");
    assert_eq!(settings["permissions"]["defaultMode"], "bypassPermissions");
    assert_eq!(settings["env"]["A"], "1");
    assert_eq!(with_ours(Some(json!([1])))["allowDangerouslySkipPermissions"], true);
}

#[test]
fn what_forbids_the_agent_to_work_has_no_effect_and_is_reported() {
    let given = Given { place: place(), ..Given::default() };
    let host = json!({
        "permissions": { "disableBypassPermissionsMode": "disable", "deny": ["Read(~/x)"] },
        "sandbox": { "enabled": true, "failIfUnavailable": true },
        "cleanupPeriodDays": 7,
        "env": { "CLAUDE_CONFIG_DIR": "/x", "PATH": "/home/ann/bin:/usr/bin", "A": "1" },
    });
    let (settings, omitted) = adapted(host, Path::new("/s"), &mut Named::of(&given));
    let keys: Vec<&str> = omitted
        .iter()
        .map(|one| match one {
            Omission::NoEffect { key, .. } => key.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        keys,
        [
            "permissions.disableBypassPermissionsMode",
            "sandbox.enabled",
            "cleanupPeriodDays",
            "env.CLAUDE_CONFIG_DIR",
            "env.PATH"
        ]
    );
    let settings = with_ours(Some(settings));
    assert_eq!(settings["permissions"], json!({ "deny": ["Read(~/x)"], "defaultMode": "bypassPermissions" }));
    assert_eq!((&settings["sandbox"]["enabled"], &settings["env"]), (&Value::Null, &json!({ "A": "1" })));
    assert_eq!(settings["cleanupPeriodDays"], KEPT_DAYS);
}

#[test]
fn a_setting_arrives_with_what_it_needs_or_with_a_word() {
    let files = Everything { programs: vec![("pass", "/usr/bin/pass"), ("uvx", "/x/uvx")], ..Everything::default() };
    let given = Given {
        place: place(),
        state: "/home/code/.claude".into(),
        guest_home: "/home/code",
        files: Some(&files),
        ..Given::default()
    };
    let web = json!([{ "hooks": [{ "type": "http", "url": "http://localhost:8181/guard" }] }]);
    let host = json!({
        "hooks": { "PreToolUse": [{ "hooks": [{ "type": "command", "command": "/home/ann/.claude/guard/run.sh" }] }], "Stop": web },
        "statusLine": { "type": "command", "command": "~/bin/status" },
        "apiKeyHelper": "/home/ann/bin/key",
        "env": { "HTTPS_PROXY": "http://localhost:3128", "NODE_EXTRA_CA_CERTS": "/opt/ca.pem", "NO_PROXY": "localhost,127.0.0.1" },
        "otelHeadersHelper": "uvx headers",
        "permissions": { "allow": ["Read(/home/ann/x)"], "additionalDirectories": ["/home/ann/lib"] },
    });
    let mut named = Named::of(&given);
    let (settings, omitted) = adapted(host, Path::new("/s"), &mut named);
    assert_eq!(settings["hooks"]["PreToolUse"][0]["hooks"][0]["command"], "/home/code/.claude/guard/run.sh");
    assert_eq!(named.copied, [Copied::plain("/home/ann/.claude/guard".into(), "guard")]);
    assert_eq!(settings.get(KEY_HELPER), None, "the agent would use no other login");
    let told = |key: &str, place: &str, left_out| {
        let (file, key, place) = ("/s".into(), key.into(), place.into());
        Omission::NamesHost { file, key, place, left_out }
    };
    let loopback = |key: &str| Omission::NamesLoopback { file: "/s".into(), key: key.into(), left_out: false };
    let (key, program) = ("otelHeadersHelper".to_owned(), "uvx".to_owned());
    let expected = [
        loopback("hooks.Stop.hooks.url"),
        told("statusLine.command", "/home/ann/bin/status", false),
        told(KEY_HELPER, "/home/ann/bin/key", true),
        loopback("env.HTTPS_PROXY"),
        told("env.NODE_EXTRA_CA_CERTS", "/opt/ca.pem", false),
        Omission::NeedsProgram { file: "/s".into(), key, program, left_out: false },
        told("permissions.additionalDirectories", "/home/ann/lib", false),
    ];
    assert_eq!(omitted, expected);
}

#[test]
fn a_key_helper_of_a_program_that_the_image_may_not_have_stays_behind_with_a_word() {
    let files = Everything { programs: vec![("pass", "/usr/bin/pass")], ..Everything::default() };
    let given = Given { place: place(), files: Some(&files), ..Given::default() };
    let host = json!({ "apiKeyHelper": "pass show anthropic" });
    let (settings, omitted) = adapted(host, Path::new("/s"), &mut Named::of(&given));
    let (file, key, program) = ("/s".into(), KEY_HELPER.into(), "pass".into());
    assert_eq!(
        (settings, &omitted[..]),
        (json!({}), &[Omission::NeedsProgram { file, key, program, left_out: true }][..])
    );
}

#[test]
fn addresses_of_the_host_itself_are_known() {
    for own in [
        "http://localhost:3128",
        "https://127.0.0.1/",
        "http://u:p@[::1]:1/x",
        "curl -s http://localhost:1/hook",
        "localhost:3128",
    ] {
        assert!(is_loopback(own), "{own}");
    }
    for other in ["http://localhost.example/", "localhost", "localhost,127.0.0.1", "https://x/#://y@z", "a:1"] {
        assert!(!is_loopback(other), "{other}");
    }
}

#[test]
fn plugins_that_are_switched_on_come_with_their_tables() {
    let settings = json!({ "enabledPlugins": { "p@m": true, "q@m": true, "off@n": false, "../x@m": true } });
    let markets = json!({ "m": { "installLocation": "/home/ann/dev/m" }, "n": { "installLocation": "/home/ann/n" } });
    let given = Given { place: place(), host: [(MARKETS, markets)].into(), ..Given::default() };
    let (copied, omitted) = plugins(&settings, &given, &Named::of(&given));
    let names: Vec<_> = copied.iter().map(|one| one.session.to_str().unwrap()).collect();
    let expected = [
        "plugins/installed_plugins.json",
        "plugins/known_marketplaces.json",
        "plugins/cache/m/p",
        "plugins/marketplaces/m",
        "plugins/cache/m/q",
    ];
    assert_eq!(names, expected);
    let told = |key: &str| {
        let (file, place) = ("/home/ann/.claude/plugins/known_marketplaces.json".into(), "/home/ann/dev/m".into());
        Omission::NamesHost { file, key: key.into(), place, left_out: true }
    };
    assert_eq!(omitted, [told("p@m"), told("q@m")], "what is made elsewhere stays there");
}

#[test]
fn what_the_workspace_forbids_is_reported() {
    let sandbox = json!({ "sandbox": { "enabled": true } });
    let given = Given { in_workspace: vec![(".claude/settings.json", Some(sandbox))], ..Given::default() };
    assert_eq!(
        in_the_way(&given),
        [Omission::InTheWay { file: ".claude/settings.json", key: "sandbox.enabled".into() }]
    );
}

//! What a container says of itself to the supervisor counts for nothing: it is known by its socket and its address.

use serde_json::{Value, json};

use super::adversary::Attack;
use super::configure;

/// Sends a document to the supervisor's socket in the container, and prints the answer with its status.
const SAY: &str = "printf %s \"$2\" | curl -s -m 20 -w ' %{http_code}' --unix-socket /var/lib/cci/agent.sock -H Expect: \
    -H \"$3\" --data-binary @- \"http://cci$1\" || true";

#[test]
fn an_identity_that_is_another_containers() {
    let attack = Attack::new(114, &["a.n114.test"], &["a.n114.test", "b.n114.test"]);
    let named = &attack.named;
    let container = named.container();
    configure(&named.host, "mode = \"allowlist\"\nallowed_domains = [\"b.n114.test\"]");
    let second = named.cci(&["shell", "--background", "--debug"]).ok().stdout;
    let second = second.split_whitespace().next().unwrap().to_owned();
    let session = |name: &str| {
        let shown = named.cci(&["audit", "show", name, "--format", "json"]).ok().stdout;
        let json: Value = serde_json::from_str(&shown).unwrap();
        json[0]["session"].as_str().unwrap().to_owned()
    };
    let other = session(&second);
    let say = |name: &str, path: &str, what: &Value, header: &str| {
        named.exec(name, &["bash", "-c", SAY, "bash", path, &what.to_string(), header])
    };

    // it asks as the other, whose list has the host
    let as_other = json!({ "host": "b.n114.test:80", "session": other, "container": second });
    for header in ["X-Session: other".replace("other", &other), format!("Host: {second}"), "Cookie: x".to_owned()] {
        let told = say(&container, "/why", &as_other, &header);
        assert!(told.contains(r#""allowed":false"#) && told.contains(&format!("network allow {container} ")), "{told}");
    }
    let told = say(&second, "/why", &as_other, "Cookie: x");
    assert!(told.contains(r#""allowed":true"#), "the other is told so: {told}");

    // what a person's commands may ask, asked from within: for itself, and in the other's name
    let session_of_own = session(&container);
    for session in [&session_of_own, &other] {
        let allow = json!({ "session": session, "allowance": { "entry": "b.n114.test:80,443" } });
        let told = say(&container, "/allow", &allow, "Cookie: x");
        assert!(told.ends_with(" 404"), "{told}");
    }
    for path in ["/look", "/stop", "/hand-over", "/../supervisor.sock/allow", "//allow", "/why/../allow"] {
        let told = say(&container, path, &json!({}), "Cookie: x");
        assert!(told.ends_with(" 404"), "{path}: {told}");
    }
    attack.in_container(&container, &[("http WEB b.n114.test", "403"), ("https WEB b.n114.test", "alert")]);
    attack.in_container(&second, &[("http WEB b.n114.test", "200"), ("http WEB a.n114.test", "403")]);
    // nothing of the host's is there but its own
    let sockets = "find /var/lib/cci/ -type s -printf '%f\\n'";
    let sockets = named.exec(&container, &["sh", "-c", sockets]);
    assert!(sockets.contains("agent.sock"), "{sockets}");
    assert!(sockets.lines().all(|name| ["agent.sock", "login.sock", "secrets.sock"].contains(&name)), "{sockets}");
    let mounted = named.exec(&container, &["sh", "-c", "cat /proc/self/mountinfo"]);
    assert!(!mounted.contains(&other), "{mounted}");
    // a person's command says the same thing to who listens to it
    named.cci(&["network", "allow", &container, "b.n114.test"]).ok();
    attack.in_container(&container, &[("http WEB b.n114.test", "200"), ("https WEB b.n114.test", "200")]);
}

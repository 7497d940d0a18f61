//! How sessions are let in by providers: signed, by a token of Google's, or by what opens a gateway; and by nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use cci_agent::{OpenedBy, Provided, Provider, default_agent};
use cci_core::settings::LoginMode;
use cci_host::store::run_dir::LoginNote;
use cci_host::store::usage::Usage;
use cci_proxy::{AwsKeys, AwsRequest, AwsScope, sign};
use hyper::header::HeaderMap;
use serde_json::json;

use super::api::Api;
use super::world::{World, raw, until};

const VERTEX: &str = "/projects/p-1/locations/us-east5/publishers/anthropic/models/x:streamRawPredict";

/// A session with a provider.
struct With {
    world: World,
    api: Api,
    home: tempfile::TempDir,
    socket: PathBuf,
}

fn variables(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn placeholder() -> String {
    format!("authorization: Bearer {}\r\n", default_agent().login().unwrap().placeholder())
}

fn bedrock() -> Provider {
    Provider::Bedrock { region: "us-east-1".into() }
}

fn vertex() -> Provider {
    Provider::Vertex { region: "us-east5".into(), project: "p-1".into() }
}

impl With {
    fn provider(provider: Provider, opened_by: impl FnOnce(&str) -> OpenedBy) -> Self {
        let (world, api, home) = (World::new(), Api::start(Duration::from_secs(3600)), tempfile::tempdir().unwrap());
        let opened_by = opened_by(home.path().to_str().unwrap());
        let note = LoginNote {
            mode: LoginMode::Socket,
            directory: home.path().to_owned(),
            account: None,
            api: format!("{}/base/", api.url),
            provided: Some(Provided { provider, opened_by, models: BTreeMap::new() }),
            renewed_at: format!("{}/token", api.url),
            max_tokens: 0,
            max_requests_per_minute: 0,
        };
        let session = world.session_let_in(1, note);
        let socket = world.place.sessions().sockets(session).join("login.sock");
        Self { world, api, home, socket }
    }

    async fn ask(&self, target: &str, headers: &str) -> String {
        let request = format!("POST {target} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: 2\r\n\r\n{{}}");
        raw(&self.socket, request.as_bytes()).await.unwrap()
    }

    /// The last request that was passed on.
    fn seen(&self) -> (String, HeaderMap) {
        self.api.seen.lock().unwrap().heads.last().cloned().unwrap()
    }

    fn count(&self) -> usize {
        self.api.seen.lock().unwrap().heads.len()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn requests_to_bedrock_are_signed_with_what_is_on_the_host() {
    let keys = AwsKeys { id: "AKID".into(), secret: "the-secret".into(), token: Some("the-token".into()) };
    let aws =
        [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "the-secret"), ("AWS_SESSION_TOKEN", "the-token")];
    let with = With::provider(bedrock(), |_| OpenedBy::Login { variables: variables(&aws), command: None });
    with.world
        .while_it_runs(async {
            let planted = "x-amz-date: 19990101T000000Z\r\nx-amz-target: other\r\ncontent-type: application/json\r\n";
            let path = "/model/us.anthropic.x-v1%3A0/invoke-with-response-stream";
            with.ask(path, &(placeholder() + planted)).await;
            let (line, headers) = with.seen();
            assert_eq!(line, format!("POST /base{path}"));
            assert_eq!(
                (text(&headers, "x-amz-target"), text(&headers, "x-amz-security-token")),
                (None, Some("the-token"))
            );
            let (host, time) = (text(&headers, "host").unwrap(), text(&headers, "x-amz-date").unwrap());
            assert!(time.starts_with("20") && time.len() == 16, "{time}");
            let covered = [
                ("host", host),
                ("x-amz-date", time),
                ("content-type", "application/json"),
                ("x-amz-security-token", "the-token"),
            ];
            let request = AwsRequest { method: "POST", path: &format!("/base{path}"), headers: &covered, body: b"{}" };
            let expected = sign(&request, &keys, AwsScope { region: "us-east-1", service: "bedrock", time });
            assert_eq!(text(&headers, "authorization"), Some(expected.as_str()));
            assert_eq!(with.api.seen.lock().unwrap().bytes, 2);

            let before = with.count();
            let model = "/model/anthropic.x/invoke";
            for (status, target, headers) in [
                ("403", "/v1/messages", placeholder()),
                ("403", "/model/anthropic.x/converse", placeholder()),
                ("403", "/model/..%2F..%2Fx/invoke", placeholder()),
                ("400", "/model/anthropic.x/invoke?X-Amz-Signature=1", placeholder()),
                ("403", model, "authorization: AWS4-HMAC-SHA256 Credential=theirs\r\n".into()),
                ("403", model, "x-api-key: theirs\r\n".into()),
            ] {
                let answer = with.ask(target, &headers).await;
                assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{target} {headers}: {answer}");
            }
            assert_eq!(with.count(), before);
            with.ask(model, "").await;
            assert_eq!(text(&with.seen().1, "authorization"), None, "nothing is added where nothing stands");
        })
        .await;
}

#[tokio::test]
async fn where_the_host_has_no_credentials_the_agent_hears_the_way_out() {
    let with = With::provider(bedrock(), |home| OpenedBy::Login {
        variables: variables(&[("HOME", home), ("PATH", "/nonexistent")]),
        command: None,
    });
    with.world
        .while_it_runs(async {
            let answer = with.ask("/model/anthropic.x/invoke", &placeholder()).await;
            assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("AWS_BEARER_TOKEN_BEDROCK"), "{answer}");
            let directory = with.home.path().join(".aws");
            fs::create_dir(&directory).unwrap();
            let profile = "[default]\naws_access_key_id=LATER\naws_secret_access_key=x\n";
            fs::write(directory.join("credentials"), profile).unwrap();
            with.ask("/model/anthropic.x/invoke", &placeholder()).await;
            let signed = with.seen().1;
            assert!(text(&signed, "authorization").unwrap().contains("Credential=LATER/"), "{signed:?}");
        })
        .await;
}

#[tokio::test]
async fn requests_to_vertex_carry_a_token_that_is_renewed_on_the_host() {
    let with = With::provider(vertex(), |home| OpenedBy::Login {
        variables: variables(&[("CLOUDSDK_CONFIG", home)]),
        command: None,
    });
    let file = with.home.path().join("application_default_credentials.json");
    let credentials = json!({ "type": "authorized_user", "client_id": "c", "client_secret": "s",
        "refresh_token": "refresh-0", "quota_project_id": "p-q" });
    fs::write(&file, credentials.to_string()).unwrap();
    with.world
        .while_it_runs(async {
            let planted = "x-goog-api-key: theirs\r\nx-goog-user-project: theirs\r\n";
            for _ in 0..2 {
                let answer = with.ask(VERTEX, &(placeholder() + planted)).await;
                assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("message_delta"), "{answer}");
                let (line, headers) = with.seen();
                assert_eq!(line, format!("POST /base{VERTEX}"));
                assert_eq!(text(&headers, "authorization"), Some("Bearer access-1"));
                assert_eq!(
                    (text(&headers, "x-goog-api-key"), text(&headers, "x-goog-user-project")),
                    (None, Some("p-q"))
                );
            }
            assert_eq!(with.api.seen.lock().unwrap().posted["refresh-0"], 1, "one token is used as long as it lives");
            let used = || Usage::read(&with.world.session_dir(1)).tokens();
            until("what was taken is counted", async || used() == 32).await;
            for other in [
                VERTEX.replace("p-1", "p-2"),
                VERTEX.replace("us-east5", "us-west1"),
                VERTEX.replace("anthropic", "google"),
                format!("{VERTEX}?access_token=theirs"),
            ] {
                let answer = with.ask(&other, &placeholder()).await;
                assert!(answer.starts_with("HTTP/1.1 40"), "{other}: {answer}");
            }
            with.api.revoke("access-1");
            let answer = with.ask(VERTEX, &placeholder()).await;
            assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
            // the stub takes a token once: what is refused is asked for again, and that is said
            let answer = with.ask(VERTEX, &placeholder()).await;
            assert!(answer.contains("gcloud auth application-default login"), "{answer}");
        })
        .await;
}

#[tokio::test]
async fn a_session_that_is_refused_again_and_again_runs_no_command_each_time() {
    let with = With::provider(bedrock(), |home| OpenedBy::Login {
        variables: BTreeMap::new(),
        command: Some(format!("echo x >>{home}/runs; echo '{{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"B\"}}'")),
    });
    with.world
        .while_it_runs(async {
            for _ in 0..5 {
                let answer = with.ask("/model/anthropic.x/invoke", &placeholder()).await;
                assert!(answer.starts_with("HTTP/1.1 401"), "the stub knows no signature: {answer}");
            }
        })
        .await;
    assert_eq!(fs::read_to_string(with.home.path().join("runs")).unwrap(), "x\nx\n");
}

#[tokio::test]
async fn a_gateway_gets_what_opens_it_and_nothing_else_does() {
    let command = "echo printed";
    for (opened_by, bearer, key) in [
        (OpenedBy::Bearer("opens".into()), Some("Bearer opens"), None),
        (OpenedBy::Key("opens".into()), None, Some("opens")),
        (OpenedBy::Command(command.into()), Some("Bearer printed"), Some("printed")),
        (OpenedBy::Nothing, None, None),
    ] {
        let with = With::provider(Provider::Gateway, |_| opened_by);
        with.world
            .while_it_runs(async {
                with.ask("/v1/messages?beta=true", &placeholder()).await;
                let (line, headers) = with.seen();
                assert_eq!(line, "POST /base/v1/messages?beta=true");
                assert_eq!((text(&headers, "authorization"), text(&headers, "x-api-key")), (bearer, key));
                let answer = with.ask("/v1/oauth/token", &placeholder()).await;
                assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
            })
            .await;
    }
}

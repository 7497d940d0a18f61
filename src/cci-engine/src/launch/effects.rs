//! Every configuration key has an effect: a row for each, checked against the plan of `shell` and that of `run`.

mod world;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cci_agent::Agent;
use cci_core::boundary::Boundary;
use cci_core::build::agents::Agents;
use cci_core::build::steps;
use cci_core::network::{Keeper, Policy};
use cci_core::plan::GuestUser;
use cci_core::session::SessionId;
use cci_core::settings::{AGENT_CONFIG, AGENT_UID, KEYS, Settings};
use cci_guest::gate::Gate;
use cci_guest::layout::WORKSPACE;
use cci_guest::tmux;

use self::world::{Planned, World};
use crate::checkpoint::thin;
use crate::image_build::certificates;
use crate::session::agent;
use cci_host::incus_socket;
use cci_host::store::network_cache;

/// Where a key takes effect.
enum Effect {
    /// In the launch plan: this holds of it with the value, and not without.
    Plan(fn(&Planned) -> bool),
    /// In another part of a run: what that part makes of the settings changes.
    Part(fn(&World, &Settings) -> String),
    /// In a part that only a real host shows: the live test of this name, `file::test`, checks it there.
    Live(&'static str),
    /// Nowhere, for this reason.
    Nowhere(&'static str),
}

use Effect::{Live, Nowhere, Part, Plan};

/// The key, a value that is not the default, and the effect.
#[rustfmt::skip]
const ROWS: &[(&str, &str, Effect)] = &[
    ("defaults.image", "\"another\"", Plan(|plan| plan.key("user.cci.image") == Some("another"))),
    ("defaults.persistent", "true", Plan(|plan| !plan.container.ephemeral)),
    ("defaults.model", "\"opus\"", Plan(|plan| plan.command.windows(2).any(|two| two == ["--model", "opus"]))),
    (AGENT_CONFIG, "false", Live("settings::the_hosts_configuration_of_the_agent_is_given_unless_told_otherwise")),
    ("defaults.settings_secrets", "\"drop\"", Live("secrets::what_the_hosts_settings_give_away_is_named_and_can_be_left_out")),
    ("defaults.environment", "{ COLOUR = \"blue\" }", Plan(|plan| plan.environment.get("COLOUR").is_some_and(|colour| colour == "blue"))),
    ("defaults.forward", "[\"COLOUR_*\"]", Live("settings::variables_of_the_caller_are_forwarded_as_the_user_says")),
    ("defaults.docker", "false", Plan(|plan| plan.key("security.nesting").is_none())),
    ("defaults.boundary", "\"gvisor\"", Plan(|plan| plan.boundary == Boundary::Gvisor)),
    ("tool.name", "\"other\"", Plan(|plan| plan.key("user.cci.tool") == Some("other"))),
    ("tool.binary", "\"agent\"", Plan(|plan| plan.command[0] == "agent")),
    ("tool.args", "[\"--verbose\"]", Plan(|plan| plan.command.iter().any(|word| word == "--verbose"))),
    ("tool.import", "[\"settings\", \"skills\"]", Live("agent_config::only_the_chosen_parts_of_the_hosts_configuration_come_along")),
    ("terminal.clipboard", "true", Part(tmux)),
    ("terminal.passthrough", "true", Part(gate)),
    ("paths.sessions_dir", "\"/srv/sessions\"", Nowhere("no plan depends on it: the session store also looks there")),
    ("paths.storage_dir", "\"~/storage\"", Plan(|plan| plan.disk("/storage").is_some())),
    ("paths.logs_dir", "\"/srv/logs\"", Live("settings::a_build_is_told_by_the_configuration")),
    ("incus.socket", "\"/srv/unix.socket\"", Part(socket)),
    ("incus.project", "\"another\"", Part(project)),
    ("incus.group", "\"another\"", Live("settings::the_group_of_the_configuration_is_the_one_that_is_looked_for")),
    (AGENT_UID, "1500", Plan(|plan| plan.user == GuestUser { uid: 1500, gid: 1500 })),
    ("incus.storage_pool", "\"fast\"", Plan(|plan| plan.disk("/").is_some_and(|root| root.pool.as_deref() == Some("fast")))),
    ("incus.idmap", "\"shift\"", Plan(|plan| plan.disk("/workspace").is_some_and(|workspace| workspace.shift))),
    ("network.mode", "\"allowlist\"", Plan(|plan| plan.key("user.cci.network") == Some("allowlist"))),
    ("network.allowed_domains", "[\"a.example\"]", Part(policy)),
    ("network.refresh_interval_minutes", "5", Part(looks_again)),
    ("network.block_private_networks", "false", Part(policy)),
    ("network.block_metadata_endpoint", "false", Part(policy)),
    ("network.allow_local_network_access", "true", Part(policy)),
    ("network.ask", "true", Live("network/ask::a_host_that_the_agent_asks_for_is_its_persons_to_allow")),
    ("network.hosts", "[{ name = \"db.lan\", address = \"10.0.0.1\", ports = [5432] }]", Part(policy)),
    ("network.proxy", "\"inherit\"", Live("network/proxy::a_listed_name_goes_out_through_the_users_proxy")),
    ("network.resolver", "\"192.0.2.1\"", Part(policy)),
    ("limits.cpu", "3", Plan(|plan| plan.key("limits.cpu") == Some("3"))),
    ("limits.memory", "\"3GiB\"", Plan(|plan| plan.key("limits.memory") == Some("3GiB"))),
    ("limits.processes", "300", Plan(|plan| plan.key("limits.processes") == Some("300"))),
    ("limits.disk", "\"30GiB\"", Plan(|plan| plan.disk("/").is_some_and(|root| root.size.as_deref() == Some("30GiB")))),
    ("checkpoints.auto", "\"off\"", Live("checkpoints::none_is_taken_automatically_where_that_is_off")),
    ("checkpoints.interval_minutes", "5", Nowhere("no plan depends on it: a timer of the supervisor (supervisor/tests/guests.rs)")),
    ("checkpoints.ignore", "[\"node_modules/\"]", Live("checkpoints::what_the_configuration_says_of_them_is_so")),
    ("checkpoints.max_file", "\"1MiB\"", Live("checkpoints::what_the_configuration_says_of_them_is_so")),
    ("checkpoints.keep", "3", Live("checkpoints::what_the_configuration_says_of_them_is_so")),
    ("checkpoints.keep_for", "\"1d\"", Part(keep_for)),
    ("checkpoints.agent_may_rewind", "true", Live("checkpoints::an_agent_rewinds_itself_where_it_may")),
    ("git.protect", "false", Live("git_layouts::what_is_configured_of_git_is_so")),
    ("git.identity", "false", Live("git_layouts::what_is_configured_of_git_is_so")),
    ("worktree.copy", "[\".venv\"]", Live("worktrees::a_worktree_gets_what_git_ignores_as_far_as_it_is_asked_for")),
    ("worktree.link", "[\"node_modules\"]", Live("worktrees::a_worktree_gets_what_git_ignores_as_far_as_it_is_asked_for")),
    ("login.mode", "\"token\"", Live("login::a_token_is_in_the_container_because_the_configuration_says_so")),
    ("login.account", "\"work\"", Live("login_accounts::an_api_key_of_an_account_opens_the_api_and_is_nowhere_inside")),
    ("login.max_tokens", "60", Live("login::a_session_that_runs_away_is_stopped_with_a_clear_answer")),
    ("login.max_requests_per_minute", "3", Live("login::a_session_that_asks_too_often_is_told_so")),
    ("workspace.outside_links", "\"off\"", Live("places::what_links_lead_out_to_is_there_as_the_settings_say")),
    ("workspace.same_path", "true", Plan(|plan| plan.container.devices.contains_key("place"))),
    ("workspace.dotenv", "true", Live("places::what_the_workspaces_env_file_sets_reaches_the_agent")),
    ("workspace.share_history", "true", Live("history::a_conversation_goes_in_and_comes_out")),
    ("ssh.agent", "true", Live("places::the_callers_ssh_agent_signs_and_shows_no_key")),
    ("build.from", "\"bootstrap:bookworm\"", Live("settings::a_build_is_told_by_the_configuration")),
    ("build.host_ca", "false", Part(certificates)),
    ("build.packages", "[\"jq\"]", Part(build_steps)),
    ("build.tools", "[]", Part(build_steps)),
    ("build.image_server", "\"https://images.example\"", Live("settings::a_build_is_told_by_the_configuration")),
    ("build.dns", "[]", Part(build_steps)),
    ("mounts.default", "[{ host = \"~/data\", container = \"/data\", readonly = true }]", Plan(|plan| plan.disk("/data").is_some_and(|data| data.readonly))),
];

fn gate(_: &World, settings: &Settings) -> String {
    Gate::new(agent::allowed(settings)).pass(b"\x1b]1337;picture\x07").escape_ascii().to_string()
}

fn keep_for(_: &World, settings: &Settings) -> String {
    // the moment itself depends on when it is asked for
    thin::keep(&settings.checkpoints).since.chars().take(13).collect()
}

fn tmux(_: &World, settings: &Settings) -> String {
    let allowed = agent::allowed(settings);
    let session = tmux::Session {
        screen: "shell",
        allowed,
        given: &[],
        agent: &[],
        has_prompt: false,
        in_gvisor: false,
        has_notices: false,
        place: WORKSPACE,
    };
    tmux::start("c", &session).join(" ")
}

fn socket(world: &World, settings: &Settings) -> String {
    incus_socket::path(&world.caller, settings).display().to_string()
}

fn project(world: &World, settings: &Settings) -> String {
    incus_socket::client(&world.caller, settings).project().to_owned()
}

fn policy(world: &World, settings: &Settings) -> String {
    let keeper = Keeper::of(1000, &world.caller.cci_dir());
    Policy::new(&settings.network, &keeper).unwrap().map(|policy| policy.canonical()).unwrap_or_default()
}

/// Whether names that were looked up ten minutes ago are due again.
fn looks_again(world: &World, settings: &Settings) -> String {
    let dir = world.dir.path().join("looked");
    fs::create_dir_all(dir.join("network-cache")).unwrap();
    let minutes = settings.network.refresh_interval_minutes;
    let now = SystemTime::now();
    let _first = network_cache::take_turn(&dir, now, 1);
    network_cache::take_turn(&dir, now + Duration::from_secs(600), minutes).to_string()
}

fn build_steps(_: &World, settings: &Settings) -> String {
    let tools: Vec<&dyn Agent> = settings.build.tools.iter().map(|name| steps::tool(name).unwrap()).collect();
    format!("{:?}", steps::standard(&settings.build, &tools, &Agents::default(), settings.incus.agent_uid, false))
}

fn certificates(world: &World, settings: &Settings) -> String {
    let dir = world.dir.path().join("certificates");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("own.crt"), "a certificate").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    format!("{:?}", runtime.block_on(certificates::in_directory(&dir, &settings.build)).unwrap())
}

/// What must hold for a key to have an effect at all.
fn ground(key: &str) -> &'static str {
    match key {
        "network.allowed_domains" => "network.mode = \"allowlist\"\n",
        "network.proxy" => "network.mode = \"learn\"\n",
        _ => "",
    }
}

/// Whether there is a live test of this name that gives the key a value of its own.
fn is_live_test(name: &str, key: &str) -> bool {
    let (file, test) = name.split_once("::").unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/live/{file}.rs"));
    let source = fs::read_to_string(path).unwrap();
    let body = source.split_once(&format!("#[test]\nfn {test}() {{")).and_then(|(_, rest)| rest.split_once("\n}\n"));
    let value = format!("{} = ", key.rsplit('.').next().unwrap_or(key));
    body.is_some_and(|(body, _)| body.contains(&value))
}

#[test]
fn every_key_has_a_row() {
    let keys: Vec<&str> = KEYS.iter().map(|key| key.path).collect();
    let rows: Vec<&str> = ROWS.iter().map(|(key, _, _)| *key).collect();
    for key in &keys {
        assert!(rows.contains(key), "{key} has no row: which effect has it on `shell` and `run`?");
    }
    assert_eq!(rows.len(), keys.len());
}

#[test]
fn every_key_has_its_effect_on_shell_and_on_run() {
    let world = World::new();
    for session in [Some(SessionId::from_random([1; 16])), None] {
        for (key, value, effect) in ROWS {
            let unset = world.settings(ground(key));
            let set = world.settings(&format!("{}{key} = {value}\n", ground(key)));
            assert_ne!(set, unset, "{key} = {value} is the default");
            let (before, after) = (world.plan(&unset, session), world.plan(&set, session));
            match effect {
                Plan(shows) => {
                    assert!(shows(&after), "{key} = {value} is not in {after:?}");
                    assert!(!shows(&before), "{key}: it is so without {value} too");
                }
                Part(part) => assert_ne!(part(&world, &set), part(&world, &unset), "{key} has no effect"),
                Live(test) => assert!(is_live_test(test, key), "no live test {test} sets {key}"),
                Nowhere(reason) => assert_eq!(after, before, "{key}: {reason}"),
            }
        }
    }
}

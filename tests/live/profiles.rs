//! The shipped profiles, each launched: the toolchains compile and run a program, `hardened` is as hardened as it says.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::settings::{configured, in_container};
use crate::support::host::{Host, U1000, incus};

/// The image of a toolchain profile, built by its own script unless this script's image on this base is there. Of tests
/// that want it at once, one builds it.
pub(crate) fn build(host: &Host, profile: &str) {
    let turn = fs::File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("image-{profile}.lock"))).unwrap();
    turn.lock().unwrap();
    let script = host.cci(&["profile", "show", profile, "--script"]).ok().stdout;
    let base = fingerprint("cci").unwrap();
    let hash = Sha256::digest(format!("{script}{base}"));
    // a second name on the image says what it was made from
    let mark = format!("cci-test-{profile}-{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]);
    let before = fingerprint(&format!("cci-{profile}"));
    if before.is_some() && fingerprint(&mark) == before {
        return;
    }
    let path = host.dir("scripts").join(format!("{profile}.sh"));
    fs::write(&path, script).unwrap();
    let alias = format!("cci-{profile}");
    let args =
        ["build", "custom", &alias, "--script", path.to_str().unwrap(), "--force", "--any-owner", "--format", "json"];
    // a build may take longer than any other command of a test; the runner ends one that hangs
    let out = host.cci_command(&args).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let built: Value = serde_json::from_slice(&out.stdout).unwrap();
    if fingerprint(&mark).is_some() {
        // of a build whose image was replaced since
        incus(&["image", "alias", "delete", &mark]);
    }
    incus(&["image", "alias", "create", &mark, built["fingerprint"].as_str().unwrap()]);
    if let Some(before) = before {
        incus(&["image", "delete", &before]);
    }
}

fn fingerprint(alias: &str) -> Option<String> {
    let out = Command::new("incus").args(["query", &format!("/1.0/images/aliases/{alias}")]).output().unwrap();
    let found: Value = serde_json::from_slice(&out.stdout).ok()?;
    found["target"].as_str().map(str::to_owned)
}

/// Compiles and runs a program in a container of the profile.
#[track_caller]
fn says_hello(profile: &str, script: &str) {
    let host = configured(U1000, "");
    build(&host, profile);
    let out = in_container(&host, &["--profile", profile], script).ok();
    assert_eq!(out.stdout.lines().last(), Some("hello from the profile"), "{out}");
}

#[test]
fn rust_compiles_and_runs_a_program() {
    says_hello(
        "rust",
        "set -e; [ $RUST_BACKTRACE = 1 ]; cargo init -q --name hello .; \
         echo 'fn main() { println!(\"hello from the profile\"); }' > src/main.rs; cargo fmt; cargo clippy -q; cargo run -q",
    );
}

#[test]
fn node_compiles_and_runs_a_program() {
    says_hello(
        "node",
        "set -e; pnpm --version; yarn --version; \
         echo 'const said: string = \"hello from the profile\"; console.log(said);' > hello.ts; tsc hello.ts; node hello.js",
    );
}

#[test]
fn python_makes_an_environment_with_an_extension_module_and_runs_a_program() {
    says_hello(
        "python",
        r#"set -e; python3 -m venv .venv; mkdir pkg; cd pkg
cat > hello.c <<'END'
#include <Python.h>
static PyObject *say(PyObject *self, PyObject *args) { return PyUnicode_FromString("hello from the profile"); }
static PyMethodDef methods[] = {{"say", say, METH_NOARGS, ""}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "hello", NULL, -1, methods};
PyMODINIT_FUNC PyInit_hello(void) { return PyModule_Create(&module); }
END
cc -shared -fPIC $(python3-config --includes) hello.c -o "$(echo ../.venv/lib/python3.*/site-packages)/hello.so"
../.venv/bin/pip --version; ../.venv/bin/python -c 'import hello; print(hello.say())'"#,
    );
}

#[test]
fn the_default_profile_changes_nothing() {
    let host = configured(U1000, "");
    let shown = |args: &[&str]| {
        let all: Value = serde_json::from_str(&host.cci(&[args, &["--format", "json"]].concat()).ok().stdout).unwrap();
        all
    };
    let mut with = shown(&["config", "show", "--profile", "default"]);
    assert_eq!(with.as_object_mut().unwrap().remove("profile"), Some("default".into()));
    assert_eq!(with, shown(&["config", "show"]));
    assert_eq!(in_container(&host, &["--profile", "default"], "echo here").ok().stdout, "here\n");
}

/// A repository as `git init` leaves it, the user's.
fn repository(host: &Host) {
    let mine = |path: &str| chown(host.proj.join(path), Some(host.user.uid), Some(host.user.gid())).unwrap();
    for dir in [".git", ".git/hooks"] {
        fs::create_dir(host.proj.join(dir)).unwrap();
        mine(dir);
    }
    fs::write(host.proj.join(".git/config"), "[core]\n").unwrap();
    mine(".git/config");
}

#[test]
fn hardened_keeps_what_git_runs_on_the_host_from_the_agent() {
    let host = configured(U1000, "");
    repository(&host);
    let script = "touch .git/hooks/pre-commit; echo x >> .git/config; mv .git/hooks .git/old; rm -rf .git/config; \
                  mv .git gone; touch .git/index && echo written";
    let out = in_container(&host, &["--profile", "hardened"], script);
    assert_eq!(out.stdout, "written\n", "{out}");
    assert_eq!(fs::read_dir(host.proj.join(".git/hooks")).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(host.proj.join(".git/config")).unwrap(), "[core]\n");
}

#[test]
fn hardened_is_restricted_bounded_ephemeral_and_does_not_nest() {
    // whatever the user has otherwise
    let host = configured(U1000, "[defaults]\npersistent = true\n[network]\nmode = \"open\"\n");
    repository(&host);
    let out = host.cci(&["shell", "--background", "--debug", "--profile", "hardened"]).ok();
    assert!(out.stderr.contains("Network: restricted"), "{out}");
    let name = host.only_container();
    let found: Value =
        serde_json::from_str(&incus(&["query", &format!("/1.0/instances/{name}?project={}", host.project)])).unwrap();
    let config = |key: &str| found["config"][key].as_str().unwrap_or_default().to_owned();
    assert_eq!(found["ephemeral"], true);
    assert_eq!(config("security.nesting"), "");
    assert_eq!(config("security.syscalls.intercept.mknod"), "");
    assert_eq!(config("user.cci.network"), "restricted");
    assert_eq!(config("user.cci.profile"), "hardened");
    let inside =
        |script: &str| incus(&["exec", "--project", &host.project, &name, "--", "sh", "-c", script]).trim().to_owned();
    assert_eq!(config("limits.memory"), "4GiB");
    assert_eq!(config("limits.processes"), "2000");
    assert_eq!(inside("nproc"), "2");
    let readonly = "for at in hooks config; do touch /workspace/.git/$at 2>&1 | grep -o 'Read-only'; done | xargs";
    assert_eq!(inside(readonly), "Read-only Read-only");
}

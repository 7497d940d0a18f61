//! What is measured, and what each row should reach on a btrfs pool.

use super::row::{Subject, Target, Unit};

/// The rows, in the order in which they are shown.
pub(super) const SUBJECTS: &[Subject] = &[
    ms("version", "`version`", "an empty program", &[Target::Absolute { limit: 5.0 }]),
    ms(
        "run",
        "`run -- true`, until the caller has the status",
        "create+start, exec",
        &[Target::Floor { factor: 1.25, extra: 30.0 }, Target::Incus { factor: 0.45 }],
    ),
    ms("run-gone", "`run -- true`, until nothing is left", "create+start, exec, forced stop, until deleted", &[]),
    ms(
        "policy",
        "`run -- true` under a network policy that is there",
        "`run --network open -- true`",
        &[Target::Floor { factor: 1.0, extra: 30.0 }],
    ),
    ms("policy-incus", "what of that is Incus's: create+start, exec by the API", "the same on an open network", &[]),
    ms(
        "shell",
        "`shell --background` to a live pane",
        "create+start, exec",
        &[Target::Floor { factor: 1.25, extra: 30.0 }],
    ),
    ms("warm", "the same, a stopped persistent container", "start, exec", &[Target::Floor { factor: 1.3, extra: 0.0 }]),
    ms(
        "ten-shells",
        "ten `shell --background` at once",
        "ten create+start at once",
        &[Target::Floor { factor: 1.5, extra: 0.0 }],
    ),
    ms(
        "resume-small",
        "`shell --resume`, small state",
        "a fresh `shell --background`",
        &[Target::Floor { factor: 1.0, extra: 50.0 }],
    ),
    ms(
        "resume-large",
        "`shell --resume`, 500 MB of state in 20,000 files",
        "a fresh `shell --background`",
        &[Target::Floor { factor: 1.0, extra: 50.0 }],
    ),
    ms(
        "attach",
        "`attach` to the first byte on the screen",
        "exec of `tmux attach` to its first byte",
        &[Target::Floor { factor: 1.0, extra: 10.0 }],
    ),
    ms("exec", "`container exec … true`", "exec", &[Target::Floor { factor: 1.0, extra: 10.0 }]),
    ms("list-1", "`list`, 1 container", "instances?recursion=1", LIST),
    ms("list-10", "`list`, 10 containers", "instances?recursion=1", LIST),
    ms("list-50", "`list`, 50 containers", "instances?recursion=1", LIST),
    ms("list-all", "`list --all`, 1,000 saved sessions", "instances?recursion=1", &[Target::Absolute { limit: 60.0 }]),
    ms(
        "pull",
        "`file pull -r`, 2,000 files, 79 MB",
        "tar through exec",
        &[Target::Floor { factor: 1.5, extra: 0.0 }, Target::Incus { factor: 0.2 }],
    ),
    ms("push", "`file push -r`, the same", "tar through exec", &[]),
    ms("snapshot", "a snapshot", "snapshot", &[]),
    ms("copy", "a copy of the snapshot as an instance", "create from a snapshot", &[]),
    ms(
        "checkpoint",
        "`checkpoint`, 20 of 20,000 files changed",
        "snapshot, copy",
        &[Target::Floor { factor: 1.25, extra: 60.0 }],
    ),
    ms("standstill", "how long nothing moves at that", "snapshot", &[Target::Absolute { limit: 100.0 }]),
    ms("checkpoint-same", "`checkpoint`, nothing changed", "exec", &[Target::Absolute { limit: 60.0 }]),
    ms("checkpoint-first", "first `checkpoint` of 366 MB in 90,000 files", "", &[Target::Absolute { limit: 6_000.0 }]),
    ms(
        "rewind",
        "`rewind` of all three",
        "forced stop, create+start from a copy",
        &[Target::Floor { factor: 1.25, extra: 100.0 }],
    ),
    ms(
        "fork",
        "`fork` of 2,000 files",
        "create+start from a copy, `cp -a`",
        &[Target::Floor { factor: 1.25, extra: 0.0 }],
    ),
    ms("log-1000", "`log`, 1,000 checkpoints", "`version`", &[Target::Absolute { limit: 40.0 }]),
    ms(
        "login-first",
        "first byte of an answer through the login socket",
        "straight to the stub",
        &[Target::Floor { factor: 1.0, extra: 2.0 }],
    ),
    ms(
        "login-stream",
        "300 MB through the login socket",
        "straight to the stub",
        &[Target::Absolute { limit: 1_000.0 }],
    ),
    ms(
        "login-200",
        "the slowest of 200 streams through it at once",
        "one, straight to the stub",
        &[Target::Floor { factor: 1.0, extra: 500.0 }],
    ),
    ms(
        "shell-login",
        "`shell --background` with a login on the host",
        "the same without one",
        &[Target::Floor { factor: 1.0, extra: 30.0 }],
    ),
    ms(
        "shell-supervisor",
        "the same, and the supervisor must be started",
        "the same, and it runs",
        &[Target::Floor { factor: 1.0, extra: 30.0 }],
    ),
    ms(
        "egress-stream",
        "1 GB of TLS, judged by name and passed on",
        "straight to the server",
        &[Target::Floor { factor: 2.0, extra: 0.0 }],
    ),
    ms(
        "egress-http",
        "1 GB of HTTP, judged by name and passed on",
        "straight to the server",
        &[Target::Floor { factor: 2.0, extra: 0.0 }],
    ),
    ms(
        "egress-connect",
        "a new connection of TLS, to the server's first byte",
        "straight to the server",
        &[Target::Floor { factor: 1.0, extra: 1.5 }],
    ),
    ms(
        "egress-connect-99",
        "the slowest of a hundred of these, but one",
        "straight to the server",
        &[Target::Floor { factor: 1.0, extra: 5.0 }],
    ),
    mib("egress-idle", "memory of 5,000 idle connections that are passed on", &[Target::Absolute { limit: 120.0 }]),
    ms(
        "shell-named",
        "`shell --background` with an allowlist of names",
        "`shell --background --network open`",
        &[Target::Floor { factor: 1.0, extra: 30.0 }],
    ),
    ms("supervisor-idle", "processor time of an idle supervisor in 10 s", "", &[Target::Absolute { limit: 10.0 }]),
    mib("supervisor-memory", "its memory", &[Target::Absolute { limit: 15.0 }]),
    mib("supervisor-after", "the same after long and many streams", &[]),
    mib("memory-shell", "cci's peak memory in `shell`", &[Target::Absolute { limit: 15.0 }]),
    mib("memory-list", "cci's peak memory in `list`, 50 containers", &[Target::Absolute { limit: 15.0 }]),
    mib("memory-container", "memory of an idle container", &[]),
];

/// Those that are measured only when they are asked for by name: they take as long as many others together.
pub(super) const BY_NAME: &[&str] = &["checkpoint-first"];

const LIST: &[Target] = &[Target::Floor { factor: 1.3, extra: 5.0 }, Target::Incus { factor: 1.0 }];

const fn ms(key: &'static str, what: &'static str, floor: &'static str, targets: &'static [Target]) -> Subject {
    Subject { key, what, floor, unit: Unit::Ms, targets }
}

const fn mib(key: &'static str, what: &'static str, targets: &'static [Target]) -> Subject {
    Subject { key, what, floor: "", unit: Unit::Mib, targets }
}

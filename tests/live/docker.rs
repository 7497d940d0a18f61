//! Docker inside a container of cci.

use crate::support::host::{Host, U1000};

#[test]
fn docker_runs_a_locally_imported_image() {
    let host = Host::live(U1000);
    let word = format!("word-{:x}", std::process::id());
    let script = format!(
        "set -e; for n in $(seq 100); do docker info >/dev/null 2>&1 && break; sleep 0.2; done; \
         mkdir -p /tmp/image/bin; cp /bin/busybox /tmp/image/bin/sh 2>/dev/null || \
         {{ cp /bin/dash /tmp/image/bin/sh; mkdir -p /tmp/image/lib/x86_64-linux-gnu /tmp/image/lib64; \
            cp /lib/x86_64-linux-gnu/libc.so.6 /tmp/image/lib/x86_64-linux-gnu/; \
            cp /lib64/ld-linux-x86-64.so.2 /tmp/image/lib64/; }}; \
         tar -C /tmp/image -c . | docker import - tiny >/dev/null; docker run --rm tiny /bin/sh -c 'echo {word}'"
    );
    let out = host.cci(&["run", "--", "bash", "-c", &script]).ok();
    assert_eq!(out.stdout.trim(), word, "{out}");
}

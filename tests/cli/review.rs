//! `cci review` where there is nothing to compare with.

use super::host;

#[test]
fn a_workspace_without_checkpoints_is_named_with_the_way_to_one() {
    let host = host();
    let out = host.cci(&["review"]);
    assert_eq!((out.code, out.stdout.as_str()), (1, ""), "{out}");
    assert!(out.stderr.starts_with("error: this workspace has no checkpoint to compare the workspace with\n"), "{out}");
    assert!(out.stderr.contains("hint: ") && out.stderr.contains("cci checkpoint"), "{out}");
    let out = host.cci(&["review", "--format", "json"]);
    assert!(
        out.stderr.contains("\"code\":\"nothing-to-compare\"")
            || out.stderr.contains("\"code\": \"nothing-to-compare\""),
        "{out}"
    );
    assert!(!host.home.join(".cci/checkpoints").exists(), "nothing is made");
}

#[test]
fn a_session_that_never_was_is_named() {
    let host = host();
    for args in [&["review", "cci-00000000-1"][..], &["review", "--slot", "3"]] {
        let out = host.cci(args);
        assert_eq!((out.code, out.stdout.as_str()), (1, ""), "{out}");
        assert!(out.stderr.contains("not found"), "{out}");
    }
}

#[test]
fn what_does_not_go_together_is_a_usage_error() {
    let host = host();
    for args in [
        &["review", "--quarantine", "--accept"][..],
        &["review", "--quarantine", "--revert", "3fa9"],
        &["review", "--revert"],
        &["review", "cci-00000000-1", "--slot", "3"],
        &["review", "--format", "xml"],
    ] {
        let out = host.cci(args);
        assert_eq!((out.code, out.stdout.as_str()), (2, ""), "{args:?}: {out}");
    }
}

//! Why a container did not start, according to LXC's log.

/// What made a start fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A hook on the host that runs before the start.
    StartHook,
    /// A hook that runs when everything is mounted.
    MountHook,
    /// Something else, in LXC's words.
    Other(String),
}

/// Reads the cause from an instance's `lxc.log`; `None` where it names no error.
#[must_use]
pub fn cause(log: &str) -> Option<Cause> {
    let errors: Vec<&str> = log.lines().filter(|line| line.contains(" ERROR ")).collect();
    if errors.iter().any(|line| line.contains("lxc.hook.start-host")) {
        return Some(Cause::StartHook);
    }
    if errors.iter().any(|line| line.contains("Failed to run mount hooks")) {
        return Some(Cause::MountHook);
    }
    // the first error is the cause, the later ones follow from it; before ` - ` are the time and LXC's source file
    let first = errors.first()?.splitn(3, " - ").nth(2)?;
    Some(Cause::Other(first.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOOK: &str = "\
lxc p_c1 20261121105959.387 WARN     cgfsng - ../src/lxc/cgroups/cgfsng.c:fchowmodat:1619 - No such file or directory - Failed to fchownat
lxc p_c1 20261121105959.467 ERROR    conf - ../src/lxc/conf.c:run_buffer:322 - Script exited with status 1
lxc p_c1 20261121105959.467 ERROR    start - ../src/lxc/start.c:lxc_spawn:1910 - Failed to run lxc.hook.start-host
lxc p_c1 20261121105959.470 ERROR    start - ../src/lxc/start.c:__lxc_start:2107 - Failed to spawn container \"p_c1\"
";

    #[test]
    fn the_hook_of_the_policy_is_recognised() {
        assert_eq!(cause(HOOK), Some(Cause::StartHook));
    }

    #[test]
    fn the_hook_of_the_mounts_is_recognised() {
        let pin = HOOK.replace("Failed to run lxc.hook.start-host", "Failed to run mount hooks");
        assert_eq!(cause(&pin), Some(Cause::MountHook));
    }

    #[test]
    fn else_the_first_error_is_the_cause() {
        let other = HOOK.replace("lxc.hook.start-host", "lxc.hook.mount");
        assert_eq!(cause(&other), Some(Cause::Other("Script exited with status 1".into())));
        assert_eq!(cause(HOOK.lines().next().unwrap()), None, "a warning is no cause");
        assert_eq!(cause(""), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC* ERROR \\PC* - \\PC*") {
            let _ = cause(&text);
        }
    }
}

//! The programs that a command line runs, and which of them the standard image has.

/// Programs of the standard image, and words that the shell itself understands.
const OF_IMAGE: &str = " \
    . : [ [[ { ( ! alias awk base64 basename bash break builtin bunzip2 bzip2 case cat cd chgrp chmod chown cksum claude \
    cmp comm command continue cp curl cut dash date dd df diff dirname docker du echo egrep else env eval exec \
    exit expand expr export false fdfind fgrep file find flock fmt fold for free function funzip g++ gcc getent getopt gh \
    git gpg grep groups gunzip gzip hash head hostname iconv id if install ip jq json_pp kill killall less let ln \
    local logger ls make mawk md5sum mkdir mkfifo mktemp more mount mv nano nawk nc nice nl node nohup npm npx \
    nproc numfmt od openssl paste patch perl pgrep ping pip pip3 pkg-config pkill pr printenv printf ps pstree pwd \
    python3 read readlink realpath return rev rg rm rmdir rsync scp script sed select seq set setsid sh sha1sum \
    sha256sum sha512sum shift shuf sleep sort source split ssh ssh-keygen stat stdbuf strings stty sudo sum sync \
    systemctl tac tail tar tee test then time timeout tmux touch tput tr trap true truncate tty type ulimit uname uniq \
    unset until unxz unzip uptime vi wait watch wc wget which while who whoami xargs xz yes zcat zgrep zip zstd ";
/// Programs that run another one, which is named behind them.
const RUNNERS: [&str; 10] = ["command", "env", "exec", "nice", "nohup", "setsid", "stdbuf", "sudo", "time", "timeout"];
/// The directories of a system's own programs.
const DIRS: [&str; 4] = ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"];

/// Whether the standard image has a program; others may have more.
pub(super) fn in_image(name: &str) -> bool {
    OF_IMAGE.split_whitespace().any(|known| known == name)
}

/// The names of the programs that a command line runs, as far as they can be told without a shell.
pub(super) fn of(command: &str) -> Vec<&str> {
    let parts = command.split(['|', ';', '&', '\n', '`']).flat_map(|part| part.split("$("));
    parts.filter_map(first).collect()
}

/// The interpreter that the first line of a script names.
pub(super) fn interpreter(script: &str) -> Option<&str> {
    let line = script.strip_prefix("#!")?.lines().next()?;
    line.split_whitespace().find(|word| !is_beside(word) && !matches!(*word, "/usr/bin/env" | "/bin/env"))
}

/// The program that a word names: by its name, or in a directory of the system.
pub(super) fn name(word: &str) -> Option<&str> {
    let in_dir = DIRS.iter().find_map(|dir| word.strip_prefix(dir));
    Some(in_dir.unwrap_or(word)).filter(|name| !name.is_empty() && !name.contains(['/', '$', '~', '{', '*']))
}

/// The first program of a simple command.
fn first(command: &str) -> Option<&str> {
    let mut words = command.split_whitespace().map(|word| word.trim_matches(['"', '\'', '(', ')']));
    let is_runner = |word: &str| name(word).is_some_and(|name| RUNNERS.contains(&name));
    words.find(|word| !is_beside(word) && !is_runner(word)).and_then(name)
}

/// Whether a word stands before a program without being one: a variable, a flag, the time of a `timeout`.
fn is_beside(word: &str) -> bool {
    word.is_empty()
        || word.starts_with(['-', '<', '>'])
        || word.contains('=')
        || word.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_of_a_command_line_are_found() {
        for (line, programs) in [
            ("ruby guard.rb", &["ruby"][..]),
            ("/usr/bin/ruby guard.rb", &["ruby"]),
            ("X=1 sudo -n timeout 5 zsh -c 'a'", &["zsh"]),
            ("cat | jq -r .x && terminal-notifier -m \"$(fortune)\"", &["cat", "jq", "terminal-notifier", "fortune"]),
            ("\"$HOME\"/.claude/x.sh; ~/y", &[]),
            ("/home/ann/bin/x", &[]),
            ("", &[]),
        ] {
            assert_eq!(of(line), programs, "{line}");
        }
        assert!(in_image("jq") && in_image("[") && !in_image("ruby") && !in_image("python") && !in_image(""));
    }

    #[test]
    fn the_interpreter_of_a_script_is_found() {
        for (script, program) in [
            ("#!/bin/sh\nx", Some("/bin/sh")),
            ("#!/usr/bin/env ruby\n", Some("ruby")),
            ("#! /usr/bin/env -S X=1 uv run --script\n", Some("uv")),
            ("#!/home/ann/.venv/bin/python", Some("/home/ann/.venv/bin/python")),
            ("echo", None),
            ("#!", None),
        ] {
            assert_eq!(interpreter(script), program, "{script}");
        }
    }
}

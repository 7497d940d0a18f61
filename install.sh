#!/bin/sh
# Installs cci, sets up Incus, builds the image, and starts Claude Code in a container.
set -eu

REPOSITORY=https://github.com/thomas/claude-code-isolated
# The release that this script installs, and the SHA-256 of its files as `sha256sum` prints them. They come with the
# script, never from where the files are: whoever can change one there can change the other.
VERSION=0.1.0
DIGESTS='
'
# where cci-linux-<arch> is
RELEASES=${CCI_RELEASES:-$REPOSITORY/releases/download/v$VERSION}
RUST=1.89

usage() {
    cat <<'END'
Usage: install.sh [--yes] [--prefix DIR] [--no-setup]
       install.sh --uninstall [--prefix DIR]

Installs cci and its second name claude-code-isolated: built from source in a checkout, else from a release whose SHA-256
this script or you know. Then sets up Incus (cci setup), builds the image (cci build) and starts Claude Code in a container: on a
terminal `cci shell` in the current directory, else `cci run -- claude --version`. What already exists is not changed.

  --yes         do not ask before changing this machine; without it there is one question
  --prefix DIR  install to DIR/bin (default: /usr/local)
  --sha256 HEX  the SHA-256 that the release must have, from a place you trust; instead of the one in this script
  --no-setup    only install the program
  --uninstall   remove the program; Incus, images and saved sessions stay
  --help        this text

Needs: Linux with a kernel for Incus; root or sudo for what only root can do. On Debian and Ubuntu apt installs what else
is missing: curl for a release; from source Rust 1.89 or newer (Debian 12 and 13 have it as rustc-web) and a C compiler.
Environment: CCI_RELEASES, the https:// address of the release files (a mirror); CCI_SHA256, the same as --sha256.
END
}

main() {
    yes='' wanted='' prefix=/usr/local setup=yes uninstall='' digest=${CCI_SHA256:-}
    while [ $# -gt 0 ]; do
        case $1 in
            --yes | -y) yes=--yes ;;
            --prefix) shift && prefix=${1:?"--prefix needs a directory"} ;;
            --prefix=?*) prefix=${1#*=} ;;
            --sha256) shift && digest=${1:?"--sha256 needs a digest"} ;;
            --sha256=?*) digest=${1#*=} ;;
            --no-setup) setup='' ;;
            --uninstall) uninstall=yes ;;
            --help | -h)
                usage
                return
                ;;
            *) fail 2 "unexpected argument '$1'" 'see install.sh --help' ;;
        esac
        shift
    done
    case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
    bin=$prefix/bin
    # the user answers on the terminal, also when this script itself comes from a pipe
    terminal=/dev/null
    if [ -t 1 ] && (: </dev/tty) 2>/dev/null; then terminal=/dev/tty; fi
    [ "$(uname -s)" = Linux ] || fail 1 "cci runs on Linux, this is $(uname -s)" 'use a Linux machine or a Linux VM'
    if [ -n "$uninstall" ]; then
        remove_program
        return
    fi
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM HUP
    get_program
    put_program
    if [ -n "$setup" ]; then
        get_going
    fi
}

# Leaves the path of a cci binary in $program.
get_program() {
    here=$(checkout) || here=''
    if [ -n "$here" ]; then
        build_program
    else
        download_program
    fi
}

# The checkout that contains this script; a script from a pipe is in none.
checkout() {
    case $0 in */install.sh | install.sh) ;; *) return 1 ;; esac
    dir=$(cd "$(dirname "$0")" && pwd) || return 1
    [ -f "$dir/Cargo.toml" ] && [ -f "$dir/src/cci/main.rs" ] && echo "$dir"
}

build_program() {
    PATH=$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin
    get_build_tools
    say "building cci from $here"
    (cd "$here" && cargo build --release --locked --bin cci --target-dir target)
    program=$here/target/release/cci
}

get_build_tools() {
    get_rust="get Rust $RUST or newer: https://rustup.rs" instead=''
    if ! command -v cargo >/dev/null; then
        want_rust "Rust $RUST or newer, in which cci is written"
    else
        have=$(rustc --version 2>/dev/null | cut -d ' ' -f 2) || have=''
        is_new_enough "$have" || want_newer_rust
    fi
    if ! command -v cc >/dev/null; then
        want 'gcc libc6-dev' 'a C compiler, for some libraries and to link the program'
        instead="${instead:+$instead, and }install a C compiler"
    fi
    install_wanted 'build cci' "$instead"
    have=$(rustc --version 2>/dev/null | cut -d ' ' -f 2) || have=''
    is_new_enough "$have" || fail 1 "Rust ${have:-without a version} is too old" "$get_rust"
}

# Debian keeps a Rust that builds today's browsers beside the one of its release.
want_rust() {
    # shellcheck source=/dev/null
    case $([ ! -r /etc/os-release ] || . /etc/os-release && echo "${ID:-} ${VERSION_ID:-}") in
        'debian 12' | 'debian 13') rust='rustc-web cargo-web' ;;
        *) rust='rustc cargo' ;;
    esac
    # without lists of packages it shows later
    there=$(apt-cache policy "${rust%% *}" 2>/dev/null | sed -n 's/^ *Candidate: \([0-9].*\)/\1/p') || there=''
    [ -z "$there" ] || is_new_enough "$there" || fail 1 "apt has only Rust $there, and cci needs $RUST" "$get_rust"
    want "$rust" "$1"
    instead=$get_rust
}

# Only the distribution's own Rust is replaced: another one would still come first in PATH, or belong to rustup.
want_newer_rust() {
    if command -v rustup >/dev/null; then
        get_rust='rustup update stable && rustup default stable'
    elif dpkg-query --search "$(command -v rustc)" >/dev/null 2>&1; then
        want_rust "Rust $RUST or newer, in place of the distribution's $have"
        return
    fi
    fail 1 "Rust ${have:-without a version} is too old" "$get_rust"
}

is_new_enough() {
    [ "$(printf '%s\n%s\n' "$RUST" "$1" | sort -V | head -n 1)" = "$RUST" ]
}

download_program() {
    case $(uname -m) in
        x86_64) name=cci-linux-amd64 ;;
        aarch64) name=cci-linux-arm64 ;;
        *) fail 1 "there is no release for $(uname -m)" "clone $REPOSITORY and run ./install.sh in it" ;;
    esac
    case $RELEASES in
        https://?*) ;;
        *) fail 2 "will not download from '$RELEASES'" 'set CCI_RELEASES to an address that begins with https://' ;;
    esac
    must=$(known_digest)
    command -v curl >/dev/null || want curl 'to download the release'
    install_wanted 'download cci' 'install curl'
    program=$work/$name
    say "downloading $RELEASES/$name"
    fetch "$RELEASES/$name" "$program"
    have=$(sha256sum "$program" | cut -d ' ' -f 1)
    [ "$must" = "$have" ] ||
        fail 1 "SHA-256 of $name is $have, and must be $must" 'nothing was installed: the file is damaged, another version, or not ours'
}

# The digest that $name must have, from the user or from this script.
known_digest() {
    if [ -z "$digest" ]; then
        digest=$(printf '%s' "$DIGESTS" | while read -r sum file; do [ "$file" != "$name" ] || echo "$sum"; done)
        [ -n "$digest" ] || fail 1 "this script knows no SHA-256 of $name, so it cannot tell whose it is" \
            "build it: git clone $REPOSITORY and run ./install.sh in it; or give the digest of a release you trust with --sha256"
    fi
    digest=$(printf %s "$digest" | tr 'A-F' 'a-f')
    printf '%s\n' "$digest" | grep -Eqx '[0-9a-f]{64}' || fail 2 "'$digest' is not a SHA-256" 'give its 64 hexadecimal digits'
    echo "$digest"
}

# Only over https, redirects included, whatever ~/.curlrc says.
fetch() {
    curl --disable --fail --silent --show-error --location --proto =https --proto-redir =https --tlsv1.2 --output "$2" "$1" ||
        fail 1 "cannot download $1" 'check the network, or set CCI_RELEASES to a mirror'
}

# Adds packages to those that apt has to install, and tells what they are for.
want() {
    say "missing: $1 ($2)"
    wanted="$wanted $1"
}

# Installs what is wanted to do $1, if the user agrees; $2 is the way without apt.
install_wanted() {
    [ -n "$wanted" ] || return 0
    wanted=${wanted# }
    command -v apt-get >/dev/null || fail 1 "cannot $1 without $wanted, and there is no apt here to install them" "$2"
    # both download from https
    if [ -z "${SSL_CERT_FILE:-}" ] && [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then
        want ca-certificates 'to know that a download is what it claims to be'
    fi
    can_be_root || fail 1 "only root can install $wanted, and there is no sudo" \
        "as root: apt-get update && apt-get install $wanted"
    agree "$1" "$2"
    # shellcheck disable=SC2086 # a list of words
    {
        as_root apt-get update &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $wanted
    } >&2 </dev/null || fail 1 "apt-get could not install $wanted" "see its message above; $2"
    hash -r
}

# One yes is for everything that follows.
agree() {
    [ -z "$yes" ] || return 0
    say "to do as root: apt-get update; apt-get install $wanted"
    [ -z "$setup" ] || say 'then cci setup installs and configures Incus, and says each step'
    [ "$terminal" != /dev/null ] || fail 1 "cannot $1 without $wanted, and nobody can be asked" \
        "let this script install them with --yes; or $2"
    printf 'Continue? [y/N] ' >&2
    read -r answer <"$terminal" || answer=''
    case $answer in
        [yY] | [yY][eE][sS]) yes=--yes ;;
        *) fail 1 'nothing was changed' "$2" ;;
    esac
}

# Does not replace an identical program.
put_program() {
    if cmp -s "$program" "$bin/cci"; then
        say "$bin/cci is already this version"
    else
        on_prefix mkdir -p "$bin"
        # a running cci keeps the file it was started from
        on_prefix install -m 755 "$program" "$bin/.cci.new"
        on_prefix mv -f "$bin/.cci.new" "$bin/cci"
        say "installed $bin/cci"
    fi
    if [ "$(readlink "$bin/claude-code-isolated" || :)" != cci ]; then
        on_prefix ln -sfn cci "$bin/claude-code-isolated"
    fi
    case :$PATH: in
        *:"$bin":*) ;;
        *) say "$bin is not in PATH: add it, or call $bin/cci" ;;
    esac
}

remove_program() {
    if [ -e "$bin/cci" ]; then
        on_prefix rm -f "$bin/cci"
        say "removed $bin/cci"
    else
        say "$bin/cci does not exist"
    fi
    if [ "$(readlink "$bin/claude-code-isolated" || :)" = cci ]; then
        on_prefix rm -f "$bin/claude-code-isolated"
    fi
    say 'Incus, its images and containers, and the sessions in ~/.cci stay'
}

# Sets up Incus and the image, then starts the agent.
get_going() {
    # shellcheck disable=SC2086 # $yes is one flag or none
    as_member "$bin/cci" setup $yes <"$terminal"
    as_member "$bin/cci" build
    if [ "$terminal" = /dev/null ]; then
        mkdir "$work/workspace"
        as_member "$bin/cci" run --workspace "$work/workspace" -- claude --version
    elif [ "$PWD" = / ] || [ "$PWD" = "${HOME:-}" ]; then
        say 'ready: go to a project and run cci shell'
    else
        as_member "$bin/cci" shell <"$terminal"
    fi
}

# A login does not have a group that was joined since; sg gives it to one command.
as_member() {
    group=incus-admin
    if [ "$(id -u)" != 0 ] && id -nG "$(id -un)" | grep -qw "$group" && ! id -nG | grep -qw "$group"; then
        line=''
        for word in "$@"; do line="$line '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"; done
        sg "$group" -c "exec$line"
    else
        "$@"
    fi
}

# Uses sudo only for a prefix that needs it.
on_prefix() {
    above=$bin
    while [ ! -d "$above" ]; do above=$(dirname "$above"); done
    if [ -w "$above" ]; then
        "$@"
    else
        can_be_root || fail 1 "cannot write to $above" 'run as root, or choose a directory of your own with --prefix'
        as_root "$@"
    fi
}

can_be_root() { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        say "$*"
        "$@"
    else
        say "sudo $*"
        sudo "$@"
    fi
}

say() { echo "[install] $*" >&2; }

fail() {
    printf 'error: %s\nhint: %s\n' "$2" "$3" >&2
    exit "$1"
}

main "$@"

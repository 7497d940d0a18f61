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

  --yes         do not ask before changing this machine
  --prefix DIR  install to DIR/bin (default: /usr/local)
  --sha256 HEX  the SHA-256 that the release must have, from a place you trust; instead of the one in this script
  --no-setup    only install the program
  --uninstall   remove the program; Incus, images and saved sessions stay
  --help        this text

Needs: Linux with a kernel for Incus; root or sudo for what only root can do; curl for a release; from source Rust 1.89
or newer.
Environment: CCI_RELEASES, the https:// address of the release files (a mirror); CCI_SHA256, the same as --sha256.
END
}

main() {
    yes='' prefix=/usr/local setup=yes uninstall='' digest=${CCI_SHA256:-}
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
    how="get Rust $RUST or newer: https://rustup.rs"
    command -v cargo >/dev/null || fail 1 'cargo not found, and cci is built from source in a checkout' "$how"
    have=$(rustc --version | cut -d ' ' -f 2)
    oldest=$(printf '%s\n%s\n' "$RUST" "$have" | sort -V | head -n 1)
    [ "$oldest" = "$RUST" ] || fail 1 "Rust $have is too old" "$how"
    command -v cc >/dev/null || fail 1 'no C compiler found (cc)' 'apt-get install build-essential'
    say "building cci from $here"
    (cd "$here" && cargo build --release --locked --bin cci --target-dir target)
    program=$here/target/release/cci
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
    want=$(known_digest)
    program=$work/$name
    say "downloading $RELEASES/$name"
    fetch "$RELEASES/$name" "$program"
    have=$(sha256sum "$program" | cut -d ' ' -f 1)
    [ "$want" = "$have" ] ||
        fail 1 "SHA-256 of $name is $have, and must be $want" 'nothing was installed: the file is damaged, another version, or not ours'
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
    command -v curl >/dev/null || fail 1 'curl not found' 'install it: apt-get install curl'
    curl --disable --fail --silent --show-error --location --proto =https --proto-redir =https --tlsv1.2 --output "$2" "$1" ||
        fail 1 "cannot download $1" 'check the network, or set CCI_RELEASES to a mirror'
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
        command -v sudo >/dev/null || fail 1 "cannot write to $above" 'run as root, or choose a directory of your own with --prefix'
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

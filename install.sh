#!/bin/sh
# Installs cci and brings it to its main job: Claude Code in an Incus container.
#
# In a checkout it builds from source; anywhere else it downloads a release and checks its SHA-256.
set -eu

releases=${CCI_RELEASES:-https://github.com/thomas/claude-code-isolated/releases/latest/download}
prefix=/usr/local
setup=yes
yes=
uninstall=

usage() {
    cat <<END
Usage: install.sh [--yes] [--prefix DIR] [--no-setup] [--uninstall]

  --yes         answer every question with yes
  --prefix DIR  install below DIR instead of /usr/local
  --no-setup    only install the program
  --uninstall   remove the program (containers, images and ~/.cci stay)
END
}

fail() {
    echo "error: $1" >&2
    [ -n "${2:-}" ] && echo "hint: $2" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
        --yes | -y) yes=--yes ;;
        --prefix) prefix=${2:?--prefix needs a directory}; shift ;;
        --prefix=*) prefix=${1#*=} ;;
        --no-setup) setup= ;;
        --uninstall) uninstall=yes ;;
        --help | -h) usage; exit ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done

bin=$prefix/bin

# Runs a command that writes below the prefix, by sudo where this user may not.
as_owner() {
    dir=$prefix
    while [ ! -e "$dir" ]; do
        dir=$(dirname "$dir")
    done
    if [ -w "$dir" ] && { [ ! -e "$bin" ] || [ -w "$bin" ]; }; then
        "$@"
    else
        sudo "$@"
    fi
}

if [ -n "$uninstall" ]; then
    as_owner rm -f "$bin/cci" "$bin/claude-code-isolated"
    echo "Removed $bin/cci"
    exit
fi

[ "$(uname -s)" = Linux ] || fail "cci runs on Linux only: Incus does"

# Builds the checkout this script lies in; cargo does nothing where nothing changed.
from_source() {
    command -v cargo >/dev/null ||
        fail "no Rust toolchain" "install Rust 1.89 or newer (for instance by rustup), then run this again"
    echo "Building cci (the first time takes some minutes)"
    (cd "$1" && cargo build --release --quiet)
    program=$1/target/release/cci
}

# Downloads the release for this machine and refuses it unless its checksum fits.
from_release() {
    case $(uname -m) in
        x86_64) arch=amd64 ;;
        aarch64) arch=arm64 ;;
        *) fail "there is no release for $(uname -m)" "build from source in a checkout" ;;
    esac
    tmp=$(mktemp -d)
    trap 'rm -rf "$tmp"' EXIT
    program=$tmp/cci-linux-$arch
    curl -fsSL -o "$program" "$releases/cci-linux-$arch" || fail "cannot download cci from $releases"
    curl -fsSL -o "$program.sha256" "$releases/cci-linux-$arch.sha256" || fail "cannot download the checksum"
    want=$(cut -d ' ' -f 1 "$program.sha256")
    have=$(sha256sum "$program" | cut -d ' ' -f 1)
    [ "$want" = "$have" ] || fail "the download does not fit its checksum" "try again; nothing was installed"
    chmod 755 "$program"
}

here=$(cd "$(dirname "$0")" && pwd)
if [ -f "$here/Cargo.toml" ] && [ -d "$here/src/cci" ]; then
    from_source "$here"
else
    from_release
fi

if ! cmp -s "$program" "$bin/cci"; then
    as_owner mkdir -p "$bin"
    as_owner install -m 755 "$program" "$bin/cci"
    echo "Installed $bin/cci"
fi
if [ "$(readlink "$bin/claude-code-isolated" 2>/dev/null)" != cci ]; then
    as_owner ln -sfn cci "$bin/claude-code-isolated"
fi

[ -n "$setup" ] || exit 0
cci=$bin/cci
# shellcheck disable=SC2086  # one flag or none
"$cci" setup $yes
"$cci" build

if [ -t 0 ] && [ -t 1 ]; then
    exec "$cci" shell
fi
exec "$cci" run -- claude --version

#!/bin/sh
# Installs a git that opens repositories with relative worktrees (2.48 or newer). If Debian's own is older, the source package
# of Debian's next release is compiled, so that it runs with this release's libraries.
set -eu

needed=1:2.48
# the release of Debian whose source is taken
newer=forky
headers='libcurl4-openssl-dev libexpat1-dev zlib1g-dev libpcre2-dev'

# The mirror that this system uses, but not the one for security updates.
mirror() {
    found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        grep -v '^#' | grep -o 'https\?://[^ ]*' | grep -v security | head -n 1)
    echo "${found:-http://deb.debian.org/debian}"
}

# Downloads the source into the current directory, with a list of sources that the image does not keep.
fetch() {
    mkdir -p lists/partial
    # an expired list will do: the version of the source is checked, and its signature too
    echo "deb-src [check-valid-until=no signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $newer main" \
        > sources.list
    set -- -o "Dir::Etc::SourceList=$PWD/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$PWD/lists"
    apt-get "$@" -o APT::Update::Error-Mode=any update &&
        apt-get "$@" -o APT::Sandbox::User=root source --only-source git
}

# Compiles the source in the current directory and builds the package `git` from it, so that other packages' dependencies
# are satisfied and apt keeps it.
pack() {
    make --silent --jobs="$(nproc)" prefix=/usr sysconfdir=/etc gitexecdir=/usr/lib/git-core perllibdir=/usr/share/perl5 \
        CFLAGS=-O2 USE_LIBPCRE2=1 NO_OPENSSL=1 NO_TCLTK=1 NO_GETTEXT=1 NO_PYTHON=1 \
        INSTALL_SYMLINKS=1 INSTALL_STRIP=-s SKIP_DASHED_BUILT_INS=1 \
        TEST_PROGRAMS='' UNIT_TEST_PROGS='' CLAR_TEST_PROG='' DESTDIR="$PWD/packed" install
    install -D --mode=0644 contrib/completion/git-completion.bash packed/usr/share/bash-completion/completions/git
    install -D --mode=0644 contrib/completion/git-prompt.sh packed/usr/lib/git-core/git-sh-prompt
    mkdir packed/DEBIAN
    cat > packed/DEBIAN/control <<END
Package: git
Version: $1+cci
Architecture: $(dpkg --print-architecture)
Maintainer: cci build
Depends: libc6, libcurl4t64 | libcurl4, libexpat1, libpcre2-8-0, zlib1g, perl
Description: fast, scalable, distributed revision control system
 Compiled by cci build from the source package of Debian.
END
    dpkg-deb --root-owner-group -Znone --build packed git.deb
}

compile() {
    # shellcheck disable=SC2086  # a list of words
    apt-get install --yes $headers
    version=$(dpkg-parsechangelog --show-field Version)
    dpkg --compare-versions "$version" ge "$needed"
    pack "$version"
    apt-get install --yes ./git.deb
    # shellcheck disable=SC2086  # a list of words
    apt-get purge --yes --auto-remove $headers
}

install_newer() {
    dir=$(mktemp -d)
    chmod 755 "$dir"
    cd "$dir"
    if fetch; then
        cd git-*/
        compile
    else
        echo "the source of a newer git cannot be fetched: repositories with relative worktrees will not open" >&2
        apt-get install --yes git
    fi
    cd /
    rm -rf "$dir"
}

own=$(apt-cache policy git | sed -n 's/^ *Candidate: //p')
if [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] && dpkg --compare-versions "$own" lt "$needed"; then
    install_newer
else
    apt-get install --yes git
fi
git version

#!/bin/sh
# Installs the distribution's packages in one call of apt.
#
# CCI_PACKAGES: additional packages, separated by spaces.
set -eu

# The packages of every image, with the same names in Debian and Ubuntu.
packages='
    systemd udev dbus libnss-myhostname sudo procps psmisc iproute2 iputils-ping netcat-openbsd dnsutils
    bash-completion ca-certificates curl wget gnupg openssh-client rsync gh
    ncurses-term less nano vim-tiny file patch unzip zip xz-utils bzip2 zstd
    jq ripgrep fd-find build-essential pkg-config make
    python3 python3-venv python3-pip python3-dev docker.io iptables
'

# The first of these that the distribution has: the same thing under different names, or in another package.
first_available() {
    for package in "$@"; do
        if apt-cache show --quiet=2 "$package" >/dev/null 2>&1; then
            echo "$package"
            return
        fi
    done
}

# Backports are installed only where a version asks for one: by default apt prefers the release's own packages.
add_backports() {
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        grep -v '^#' | grep -o 'https\?://[^ ]*' | grep -v security | head -n 1)
    cat > /etc/apt/sources.list.d/cci-backports.sources <<END
Types: deb
URIs: ${mirror:-http://deb.debian.org/debian}
Suites: $1-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
}

# The newest tmux other than 3.5, which changes the line breaks of pasted text if extended keys are on.
newest_tmux() {
    version=$(apt-cache madison tmux | awk '{ print $3 }' | grep -v '^3\.5' | head -n 1)
    if [ -z "$version" ]; then
        echo "only tmux 3.5 is available, which may change the line breaks of pasted text" >&2
    fi
    echo "tmux${version:+=$version}"
}

# A crash does no harm here, so dpkg need not wait for the disk; manuals and translations would be a tenth of the image.
cat > /etc/dpkg/dpkg.cfg.d/cci-build <<'END'
force-unsafe-io
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
END
cat > /etc/apt/apt.conf.d/99cci-build <<'END'
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
Dpkg::Use-Pty "false";
END
# services start with the first launch of the image, not here
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

# shellcheck source=/dev/null
. /etc/os-release
case "$ID ${VERSION_CODENAME:-}" in
    'debian trixie') add_backports "$VERSION_CODENAME" ;;
esac
if ! apt-get -o APT::Update::Error-Mode=any update; then
    echo 'continuing without backports' >&2
    rm -f /etc/apt/sources.list.d/cci-backports.sources
    apt-get update
fi
packages="$packages $(newest_tmux)"
for choice in 'docker-compose-v2 docker-compose' docker-cli docker-buildx; do
    # shellcheck disable=SC2086  # a list of words
    packages="$packages $(first_available $choice)"
done
# shellcheck disable=SC2086  # a list of words
apt-get install --yes $packages ${CCI_PACKAGES:-}

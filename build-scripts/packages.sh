#!/bin/sh
# Installs the distribution's packages in one call of apt.
#
# CCI_PACKAGES: additional packages, separated by spaces.
set -eu

# The packages of every image, with the same names in Debian and Ubuntu.
packages='
    systemd udev dbus libnss-myhostname sudo procps psmisc iproute2 iputils-ping netcat-openbsd dnsutils
    bash-completion ca-certificates curl wget gnupg openssh-client rsync git gh
    tmux ncurses-term less nano vim-tiny file patch unzip zip xz-utils bzip2 zstd
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

apt-get update
for choice in 'docker-compose-v2 docker-compose' docker-cli docker-buildx; do
    # shellcheck disable=SC2086  # a list of words
    packages="$packages $(first_available $choice)"
done
# shellcheck disable=SC2086  # a list of words
apt-get install --yes $packages ${CCI_PACKAGES:-}

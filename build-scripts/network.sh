#!/bin/sh
# Brings up the build container's network and checks that names resolve; a resolver that cannot work is replaced.
#
# CCI_DNS: the servers to use then, separated by spaces; none if the base is to be used as it is.
set -eu

# The mirror is what the next step needs, so it is the name to try.
mirror() {
    host=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v '^#' | grep -o 'https\?://[^/ ]*' | head -n 1)
    host=${host#*://}
    echo "${host:-debian.org}"
}

# Tries a command every fifth of a second until it succeeds, at most $1 times.
until_it_works() {
    tries=$1
    shift
    while ! "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.2
    done
}

# In its first moments systemd does not listen yet; `--wait` works as soon as it does.
has_booted() {
    command -v systemctl >/dev/null || return 0
    case $(systemctl is-system-running --wait 2>/dev/null) in
        running | degraded) ;;
        *) return 1 ;;
    esac
}

has_default_route() {
    grep -q '^[^[:space:]]*[[:space:]]00000000[[:space:]]' /proc/net/route
}

# Our cancelled lookups end in SERVFAIL for a moment after a restart of the resolver, hence the tries.
resolves() {
    timeout 5 getent ahosts "$(mirror)" >/dev/null
}

is_configured() {
    [ -e /etc/network/interfaces ] || [ -n "$(find /etc/systemd/network /etc/netplan -name '*.network' -o -name '*.yaml' 2>/dev/null)" ]
}

# A bootstrapped base has systemd-networkd without configuration; match only the names of real NICs, never Docker's bridges.
configure() {
    cat > /etc/systemd/network/80-dhcp.network <<END
[Match]
Name=eth* en*

[Network]
DHCP=yes
END
    rm -f /etc/hostname
    systemctl enable systemd-networkd systemd-resolved
    systemctl restart systemd-networkd systemd-resolved
}

# cci sets the address at the start: the daemon that takes over later must not remove it before it has a lease.
# The host name is set at the start too; taking it from the lease would start one more daemon.
keep_address() {
    for file in /etc/systemd/network/*.network; do
        [ -e "$file" ] || continue
        mkdir -p "$file.d"
        printf '[Network]\nKeepConfiguration=yes\n[DHCPv4]\nUseHostname=no\n' > "$file.d/cci-keep.conf"
    done
}

use_servers() {
    echo "names do not resolve with the servers of the network: $(grep nameserver /run/systemd/resolve/resolv.conf /etc/resolv.conf 2>/dev/null | tr '\n' ' ')"
    echo "using $1 instead"
    if systemctl is-active --quiet systemd-resolved; then
        mkdir -p /etc/systemd/resolved.conf.d
        printf '[Resolve]\nDNS=%s\n' "$1" > /etc/systemd/resolved.conf.d/cci-dns.conf
        systemctl restart systemd-resolved
    else
        rm -f /etc/resolv.conf
        for server in $1; do
            echo "nameserver $server"
        done > /etc/resolv.conf
        touch /etc/.cci-static-dns
    fi
}

if ! until_it_works 150 has_booted; then
    echo "systemd did not come up in the container: it is $(systemctl is-system-running 2>&1)" >&2
    exit 1
fi
if [ -z "$CCI_DNS" ]; then
    until_it_works 50 has_default_route && until_it_works 5 resolves || echo "continuing without name resolution"
    exit 0
fi
is_configured || configure
keep_address
if ! until_it_works 100 has_default_route; then
    echo "the container got no address: does a firewall block DHCP on the bridge?" >&2
    exit 1
fi
if ! until_it_works 15 resolves; then
    use_servers "$CCI_DNS"
    if ! until_it_works 15 resolves; then
        echo "the name $(mirror) does not resolve, neither with the network's servers nor with $CCI_DNS" >&2
        exit 1
    fi
fi

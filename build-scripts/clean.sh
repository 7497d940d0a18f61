#!/bin/sh
# Removes what belongs to this one container or was needed only for the build: what remains is the image.
set -eu

rm -f /root/.cci-build-script /usr/sbin/policy-rc.d
rm -f /etc/dpkg/dpkg.cfg.d/cci-build /etc/dpkg/dpkg.cfg.d/99mmdebstrap
rm -f /etc/apt/apt.conf.d/99cci-build /etc/apt/apt.conf.d/99mmdebstrap
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old
rm -rf /root/.npm /root/.cache /root/.node-gyp /root/.claude /root/.claude.json /home/code/.npm
# packages that are installed later link their manuals in there: a Java runtime cannot be configured without
for section in 1 2 3 4 5 6 7 8; do mkdir -p "/usr/share/man/man$section"; done
find /var/log -type f -delete
find /tmp /var/tmp -mindepth 1 -delete
rm -f /var/lib/systemd/random-seed /etc/ssh/ssh_host_* /root/.bash_history

# each container gets an identity of its own
: > /etc/machine-id
rm -f /var/lib/dbus/machine-id /etc/hostname
[ -e /etc/hosts ] || printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' > /etc/hosts
# A plain file, so that cci can mount one that names the network's name server over it; by itself it names the
# container's own resolver.
if [ -e /etc/.cci-static-dns ]; then
    rm -f /etc/.cci-static-dns
else
    rm -f /etc/resolv.conf
    printf 'nameserver 127.0.0.53\noptions edns0 trust-ad\n' > /etc/resolv.conf
fi

#!/bin/sh
# Makes a directory with a fresh Debian a machine of its own; runs as the first process of new mount, process and
# network namespaces, and lasts as long as the machine.
#
#   clean-root.sh ROOT DEBS    DEBS keeps apt's downloads for the next machine
set -eu

root=$1
debs=$2

mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$debs/partial" "$root/var/cache/apt/archives"
mount --bind "$debs" "$root/var/cache/apt/archives"
ip link set lo up

# what every machine on this network needs: its resolver, its certificates, and how apt is to take the clock
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
apt-config dump | grep '^Acquire::Check-' >"$root/etc/apt/apt.conf.d/99clock" || :

# a chroot would not do: no container starts in one, because no user namespace can be made there
mkdir -p "$root/.outside"
cd "$root"
pivot_root . .outside
cd /
umount --lazy /.outside
rmdir /.outside

# a shell that waits also buries the daemons' children, as an init has to
touch /run/machine
sleep infinity
:

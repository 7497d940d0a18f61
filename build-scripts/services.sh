#!/bin/sh
# Decides what runs when a container of the image starts: as little as possible, so that it is ready at once.
set -eu

# Docker starts when it is first called. Its socket belongs to `code`, because a process that Incus starts for `code` has
# no additional groups, and exists before everything else, so that even an early call only waits.
systemctl disable docker.service containerd.service
systemctl enable docker.socket
mkdir -p /etc/systemd/system/docker.socket.d
printf '[Unit]\nDefaultDependencies=no\n[Socket]\nSocketUser=code\n' > /etc/systemd/system/docker.socket.d/cci.conf

# overlay2 wherever the kernel can mount it. On a btrfs pool Docker would choose btrfs, and its subvolumes are missing in every
# snapshot of the container. If it is not overlay2, a label in `docker info` says why.
install -d /usr/local/libexec
cat > /usr/local/libexec/cci-docker-storage <<'END'
#!/bin/sh
# Prints the environment with which dockerd uses overlay2, or a label that says why the kernel does not allow that.
set -eu

mkdir -p /var/lib/docker
dir=$(mktemp -d /var/lib/docker/cci-try-XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir lower upper work merged
chosen=
if grep -qs '"storage-driver"' /etc/docker/daemon.json; then
    :
elif why=$(unshare --mount mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,userxattr merged 2>&1); then
    chosen=--storage-driver=overlay2
else
    why=$(echo "$why" | tr -dc '[:alnum:][:blank:]/:.,-')
    echo "overlay2 cannot be used on $(stat --file-system --format=%T .): $why" >&2
    chosen="--label=\"overlay2-cannot-be-used=$why\""
fi
printf "DOCKER_OPTS='%s'\n" "${DOCKER_OPTS:-} $chosen"
END
chmod 755 /usr/local/libexec/cci-docker-storage
mkdir -p /etc/systemd/system/docker.service.d
cat > /etc/systemd/system/docker.service.d/cci.conf <<'END'
[Service]
ExecStartPre=/bin/sh -c '/usr/local/libexec/cci-docker-storage > /run/cci-docker-storage'
EnvironmentFile=-/run/cci-docker-storage
END

# Compose 2 is `docker compose`; if the distribution has only Compose 1, the same command calls it.
if ! docker compose version >/dev/null 2>&1; then
    mkdir -p /usr/local/lib/docker/cli-plugins
    cat > /usr/local/lib/docker/cli-plugins/docker-compose <<'END'
#!/bin/sh
# `docker compose …` by the docker-compose program of the distribution
if [ "$1" = docker-cli-plugin-metadata ]; then
    echo '{"SchemaVersion": "0.1.0", "Vendor": "Debian", "Version": "1", "ShortDescription": "Docker Compose"}'
    exit
fi
shift
exec docker-compose "$@"
END
    chmod 755 /usr/local/lib/docker/cli-plugins/docker-compose
fi

# by default /tmp is emptied or mounted over half a second after the start, while programs already use it
printf 'd /tmp 1777 root root 10d\nd /var/tmp 1777 root root 30d\n' > /etc/tmpfiles.d/tmp.conf

# What cci mounts at /var/lib/cci is found in /run too, where systemd mounts a file system of its own.
printf 'L+ /run/cci - - - - /var/lib/cci\n' > /etc/tmpfiles.d/cci.conf

# The door to the socket for secrets, for programs that know only addresses. Like Docker's it exists before everything else:
# an early call waits.
cat > /etc/systemd/system/cci-secrets.socket <<'END'
[Unit]
DefaultDependencies=no
[Socket]
ListenStream=127.0.0.1:7288
[Install]
WantedBy=sockets.target
END
cat > /etc/systemd/system/cci-secrets.service <<'END'
[Service]
User=code
ExecStart=/usr/lib/systemd/systemd-socket-proxyd --exit-idle-time=60 /var/lib/cci/secrets.sock
END
systemctl enable cci-secrets.socket

# periodic chores of a machine that lives for months, and units that cannot work in an unprivileged container
systemctl mask tmp.mount \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer man-db.timer motd-news.timer logrotate.timer systemd-pstore.service \
    systemd-journald-audit.socket sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
    dev-hugepages.mount ssh.service console-getty.service getty@tty1.service \
    systemd-modules-load.service modprobe@.service systemd-network-generator.service
systemctl disable systemd-networkd-wait-online.service || true

# Where the system goes down while it starts, the bus is gone before systemd-networkd has reached it, which then waits for it
# for 25 seconds.
mkdir -p /etc/systemd/system/systemd-networkd.service.d
printf '[Service]\nTimeoutStopSec=1s\n' > /etc/systemd/system/systemd-networkd.service.d/cci.conf

# Of all devices in /sys only the network interfaces belong to the container, and systemd-networkd
# waits until udev has seen them. The others were a quarter of the work of a start.
# The name sorts after that of the drop-in for all devices in the images of an image server.
mkdir -p /etc/systemd/system/systemd-udev-trigger.service.d
printf '[Service]\nExecStart=\nExecStart=-udevadm trigger --action=add --subsystem-match=net\n' \
    > /etc/systemd/system/systemd-udev-trigger.service.d/zzzz-cci.conf

# If cci mounts a file that names the network's name server, the container's own resolver is not used.
mkdir -p /etc/systemd/system/systemd-resolved.service.d
printf '[Unit]\nConditionPathIsMountPoint=!/etc/resolv.conf\n' > /etc/systemd/system/systemd-resolved.service.d/cci.conf

# generators that look at each start for disks, consoles and updates that a container never has
mkdir -p /etc/systemd/system-generators
for generator in cryptsetup debug getty gpt-auto hibernate-resume integritysetup system-update veritysetup; do
    ln -sf /dev/null /etc/systemd/system-generators/systemd-$generator-generator
done

# neither the journal nor the resolver should do more than the container itself needs
mkdir -p /etc/systemd/journald.conf.d /etc/systemd/resolved.conf.d
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n' > /etc/systemd/journald.conf.d/cci.conf
printf '[Resolve]\nLLMNR=no\nMulticastDNS=no\n' > /etc/systemd/resolved.conf.d/cci.conf

echo 'LANG=C.UTF-8' > /etc/default/locale

#!/bin/sh
# Creates the agent's user, `code`, who may do everything in the container.
#
# CCI_UID: its user and group id.
set -eu

# a default user of the base may already have the id
taken=$(getent passwd "$CCI_UID" | cut -d: -f1)
if [ -n "$taken" ] && [ "$taken" != code ]; then
    userdel --remove "$taken" || userdel "$taken"
fi
taken=$(getent group "$CCI_UID" | cut -d: -f1)
if [ -n "$taken" ] && [ "$taken" != code ]; then
    groupdel "$taken"
fi

if ! getent passwd code >/dev/null; then
    groupadd --gid "$CCI_UID" code
    useradd --uid "$CCI_UID" --gid code --create-home --shell /bin/bash code
fi
usermod --append --groups docker,sudo code

echo 'code ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/code
chmod 0440 /etc/sudoers.d/code

# the places where cci mounts things, and where `npm install -g` puts programs without being root
install -d -o code -g code -m 0755 /workspace
install -d -o code -g code -m 0700 /home/code/.claude /var/lib/cci
install -d -o code -g code /home/code/.local /home/code/.local/bin /home/code/.config /home/code/.config/git
echo "prefix=/home/code/.local" > /home/code/.npmrc
# with a prefix of its own npm does not read the file of /usr/local
[ ! -f /usr/local/etc/npmrc ] || cat /usr/local/etc/npmrc >> /home/code/.npmrc
chown code:code /home/code/.npmrc

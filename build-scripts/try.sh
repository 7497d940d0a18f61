#!/bin/sh
# Tests the finished image in a container: it boots, and the agent's user has what it needs.
set -eu

tries=150
until state=$(systemctl is-system-running --wait 2>/dev/null) || [ "$state" = degraded ]; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then
        echo "systemd did not come up: it is '$state'" >&2
        exit 1
    fi
    sleep 0.2
done
echo "systemd is $state"
systemctl --failed --no-pager --plain

for program in bash sudo tmux git docker node npm dummy; do
    sudo --user code sh -c "command -v $program"
done

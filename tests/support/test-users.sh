#!/usr/bin/env bash
# Makes the users whom the tests need, uid 1000 and 1234, and prints the name of an account that is somebody else's and
# had to be added to the group incus-admin.
set -euo pipefail

free_name() { # of a user and of a group
    local name=$1
    while getent passwd "$name" >/dev/null || getent group "$name" >/dev/null; do name=${name}t; done
    echo "$name"
}

# the tests know these users by their number: whoever has it is taken, whatever the name
name=''
if ! getent passwd 1234 >/dev/null; then
    name=$(free_name cci1234)
    # a gid that is not the uid, whichever is free
    groupadd --gid 4321 "$name" 2>/dev/null || groupadd "$name"
    useradd --create-home --uid 1234 --gid "$name" --shell /bin/bash "$name"
fi
getent passwd 1000 >/dev/null || useradd --create-home --uid 1000 --shell /bin/bash "$(free_name cci1000)"
user=$(id -nu 1234)
if ! id -nG "$user" | tr ' ' '\n' | grep -qx incus-admin; then
    gpasswd --add "$user" incus-admin >/dev/null
    [ "$user" = "$name" ] || echo "$user"
fi

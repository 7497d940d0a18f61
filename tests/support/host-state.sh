#!/bin/sh
# Prints what tests could change on the host, one line for each mount, rule, link, sysctl and user.
#
#   host-state.sh    run before and after the tests: the outputs have to be the same
set -eu

# with their propagation: if / is private, no mount reaches a running container
findmnt --list --noheadings --output TARGET,FSTYPE,PROPAGATION | grep -v '^/run/netns/cci-' | sed 's/^/mount: /' | sort

# the rules of a table have an order, and Incus keeps tables of its own without rules; what cci makes for a policy is there for the next
# container of any project, so tests/run compares that by its names
nft --stateless list ruleset | awk '
    /^table/ { table = $2 " " $3 }
    /^table inet cci-/ || /^\t(chain|set|map) .*cci-/ { inside = /^table/ ? "^}" : "^\t}" }
    !inside && (/^\t/ || (/^table/ && $3 != "incus")) { print "nft " table ": " $0 }
    inside && $0 ~ inside { inside = "" }'

# a container's pair goes with its last process; tests/run looks for pairs that stay
ip -brief link | grep -v -e '^cci-' -e '^veth' | sed 's/[ @].*//; s/^/link: /' | sort

# without counters, and without what comes with each link
sysctl --all 2>/dev/null |
    grep -v -e '^net\.ipv[46]\.\(conf\|neigh\)\.' -e '^kernel\.\(random\.\|ns_last_pid\|pty\.nr\|sched_domain\)' \
        -e '^fs\.\(dentry-state\|inode-nr\|inode-state\|file-nr\|aio-nr\|quota\.\|nfs\.\)' \
        -e '^kernel\.\(tainted\|panic_on_\|core_uses_pid\)' -e '^net\.netfilter\.nf_conntrack_count' -e '^vm\.stat' |
    sed 's/^/sysctl: /' | sort

for table in passwd group; do
    getent "$table" | sed "s/^/$table: /" | sort
done
sed 's/^/subuid: /' /etc/subuid | sort
sed 's/^/subgid: /' /etc/subgid | sort

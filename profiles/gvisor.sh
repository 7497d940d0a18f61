#!/bin/bash
# gVisor, for `boundary = "gvisor"`; runs as root in the image `cci`.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends runsc
apt-get clean
# gVisor's own terminal is the pane's, with nothing in between
echo 'Defaults:code !use_pty' > /etc/sudoers.d/cci-gvisor
chmod 0440 /etc/sudoers.d/cci-gvisor
runsc --version

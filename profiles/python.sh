#!/bin/bash
# Python with virtual environments and what extension modules need to build; runs as root in the image `cci`.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends python3 python3-venv python3-pip python3-dev build-essential pipx
apt-get clean
python3 --version

#!/bin/bash
# Package managers besides npm, and what native modules need to build; runs as root in the image `cci`.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends build-essential python3
apt-get clean
# Node uses only its own certificates, but a proxy's are among the system's
export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
npm install --global typescript pnpm yarn
npm cache clean --force
node --version

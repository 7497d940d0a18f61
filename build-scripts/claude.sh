#!/bin/sh
# Installs Claude Code.
set -eu

# Node brings a list of certificates of its own and does not know what the host's proxy signs with
export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt

install() {
    npm install -g --no-fund --no-audit @anthropic-ai/claude-code && claude --version
}

# the package of this platform is an optional dependency: if its download failed, only the start of the program tells
install || {
    echo "trying once more"
    install
}

#!/bin/sh
# Installs Claude Code, and prints its version last.
#
# CCI_VERSION: which version, or `latest`.
set -eu

# Node brings its own list of certificates and does not know the one of the host's proxy
export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt

install() {
    npm install -g --no-fund --no-audit "@anthropic-ai/claude-code@$CCI_VERSION" && claude --version
}

# the package of this platform is an optional dependency: if its download failed, only starting the program shows it
install || {
    echo "trying once more"
    install
}

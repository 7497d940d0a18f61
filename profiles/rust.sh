#!/bin/bash
# The Rust toolchain of Debian, with what most crates need to build; runs as root in the image `cci`.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends rustc cargo rustfmt rust-clippy pkg-config libssl-dev
apt-get clean
rustc --version

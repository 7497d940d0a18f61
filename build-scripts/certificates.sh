#!/bin/sh
# Makes the certificates that the host was given, already in place, known to the programs that bring a list of their own.
set -eu

bundle=/etc/ssl/certs/ca-certificates.crt

update-ca-certificates
cat >> /etc/environment <<END
NODE_EXTRA_CA_CERTS=$bundle
REQUESTS_CA_BUNDLE=$bundle
PIP_CERT=$bundle
END
mkdir -p /etc/profile.d
sed -n "s|^[A-Z_]*=$bundle\$|export &|p" /etc/environment > /etc/profile.d/cci-certificates.sh

#!/bin/sh
# Makes the certificates that the host was given, already in place, known to the programs that bring a list of their own.
set -eu

bundle=/etc/ssl/certs/ca-certificates.crt

update-ca-certificates
# what Incus starts directly reads no /etc/environment, but npm and pip read these
mkdir -p /usr/local/etc
echo "cafile=$bundle" > /usr/local/etc/npmrc
printf '[global]\ncert = %s\n' "$bundle" > /etc/pip.conf

cat >> /etc/environment <<END
NODE_EXTRA_CA_CERTS=$bundle
REQUESTS_CA_BUNDLE=$bundle
PIP_CERT=$bundle
END
mkdir -p /etc/profile.d
sed -n "s|^[A-Z_]*=$bundle\$|export &|p" /etc/environment > /etc/profile.d/cci-certificates.sh

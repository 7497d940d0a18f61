#!/bin/sh
# Makes the host's additional certificates, already in place, known to programs that bring their own list.
set -eu

bundle=/etc/ssl/certs/ca-certificates.crt

update-ca-certificates
# programs that Incus starts directly do not get /etc/environment, but npm and pip read these files
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

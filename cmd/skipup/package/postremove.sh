#!/bin/sh
# Makes systemd forget the unit. The database in /var/lib/skipup stays, even if the package is purged.
set -e
if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi

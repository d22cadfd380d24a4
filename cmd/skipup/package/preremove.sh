#!/bin/sh
# Stops the service before its removal. The argument says whether this is an upgrade: "upgrade" for a
# deb, and 1, the number of packages left, for an rpm.
set -e
case "$1" in
  upgrade | 1) exit 0 ;;
esac
if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
  systemctl disable --now skipup.service
fi

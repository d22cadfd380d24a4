#!/bin/sh
# Makes systemd read the unit, and restarts the service after an upgrade if it was running.
set -e
if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart skipup.service
fi

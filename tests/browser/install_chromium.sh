#!/bin/sh
# Installs Chromium for the browser tests where none is found; Debian and Ubuntu.
set -u
for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
  if [ -n "$name" ] && command -v "$name"; then exit 0; fi
done
root=
if [ "$(id -u)" -ne 0 ]; then root=sudo; fi
if command -v apt-get >/dev/null && { [ -z "$root" ] || command -v sudo >/dev/null; }; then
  export DEBIAN_FRONTEND=noninteractive
  echo 'installing Chromium for the browser tests'
  $root apt-get update -qq &&
    $root apt-get install -y -qq --no-install-recommends \
      chromium fonts-liberation fonts-dejavu-core >/dev/null
  if command -v chromium; then exit 0; fi
fi
echo 'Chromium could not be installed, so the browser tests fail: install it and let CHROMIUM' \
  "name it, or leave them out with pytest -m 'not browser'" >&2
exit 1

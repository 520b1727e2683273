#!/usr/bin/env bash
# Installs what the deploy test needs from PyPI, pinned, into private environments: tools.sh sam|aws. Prints the folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
which=$1
env=".sluice/py-$which"
wanted="test/deploy/requirements-$which.txt"
if ! cmp -s "$wanted" "$env/installed"; then
  echo "installing $wanted" >&2
  rm -rf "$env"
  python3 -m venv "$env" >&2
  "$env/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >&2
  cp "$wanted" "$env/installed"
fi
echo "$PWD/$env"

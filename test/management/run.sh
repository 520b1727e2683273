#!/usr/bin/env bash
# Holds the Management API against its own OpenAPI document with schemathesis, on a real store. Installs schemathesis,
# pinned, into a private environment. Arguments go to schemathesis, such as --max-examples 100.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=.sluice/py-schemathesis
stamp=$venv/.requirements
if ! cmp -s test/management/requirements.txt "$stamp"; then
  echo 'management: installing schemathesis (once)'
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r test/management/requirements.txt
  cp test/management/requirements.txt "$stamp"
fi
SLUICE_SCHEMATHESIS="$PWD/$venv/bin/st" SLUICE_SCHEMATHESIS_ARGS="$*" go test -count=1 -timeout 30m ./test/management/... -run 'Schemathesis|Document' -v

#!/usr/bin/env bash
# Fetches DynamoDB Local (pinned in test/store/pom.xml) into .sluice/dynamodb-local, once, and runs the store's conformance
# suite on both engines. `--fetch` only fetches. Without Java and Maven it says so and runs on dynoxide alone, unless
# SLUICE_REQUIRE_DYNAMODB_LOCAL=1.
set -euo pipefail
cd "$(dirname "$0")/../.."

jars=${SLUICE_DYNAMODB_LOCAL:-$PWD/.sluice/dynamodb-local}
stamp=$jars/.fetched

fetch() {
  cmp -s test/store/pom.xml "$stamp" && return
  if ! command -v mvn >/dev/null || ! command -v java >/dev/null; then
    echo "store: DynamoDB Local needs java and mvn, which are not here" >&2
    return 1
  fi
  echo "store: fetching DynamoDB Local"
  rm -rf "$jars"
  mvn -q -B -f test/store/pom.xml dependency:copy-dependencies -DoutputDirectory="$jars"
  cp test/store/pom.xml "$stamp"
}

if fetch; then
  export SLUICE_REQUIRE_DYNAMODB_LOCAL=1
elif [ "${SLUICE_REQUIRE_DYNAMODB_LOCAL:-}" = 1 ]; then
  exit 1
fi
[ "${1:-}" = --fetch ] && exit 0

# The test is built first: in a network of its own nothing can be fetched.
export SLUICE_DYNAMODB_LOCAL=$jars
program=$PWD/.sluice/store.test
mkdir -p .sluice
go test -c -o "$program" ./test/store
cd test/store
inside='ip link set lo up && exec "$0" "$@"'
if command -v ip >/dev/null && unshare -rn sh -c 'ip link set lo up' 2>/dev/null; then
  exec unshare -rn sh -c "$inside" "$program" -test.timeout 10m
fi
echo "store: no network namespace to be had; DynamoDB Local listens on all interfaces while the suite runs" >&2
exec "$program" -test.timeout 10m

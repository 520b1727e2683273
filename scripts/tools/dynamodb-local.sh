#!/usr/bin/env bash
# Runs a suite of test/ that wants DynamoDB Local: store (unless told), promises or fleet. It fetches DynamoDB Local (pinned
# in test/store/pom.xml) into .sluice/dynamodb-local, once; `--fetch` only fetches. Without Java and Maven it says so, and
# what runs on dynoxide too runs there alone, unless SLUICE_REQUIRE_DYNAMODB_LOCAL=1.
set -euo pipefail
cd "$(dirname "$0")/../.."

suite=${1:-store}
jars=${SLUICE_DYNAMODB_LOCAL:-$PWD/.sluice/dynamodb-local}
stamp=$jars/.fetched

fetch() {
  cmp -s test/store/pom.xml "$stamp" && return
  if ! command -v mvn >/dev/null || ! command -v java >/dev/null; then
    echo "$suite: DynamoDB Local needs java and mvn, which are not here" >&2
    return 1
  fi
  echo "$suite: fetching DynamoDB Local"
  rm -rf "$jars"
  mvn -q -B -f test/store/pom.xml dependency:copy-dependencies -DoutputDirectory="$jars"
  cp test/store/pom.xml "$stamp"
}

if fetch; then
  export SLUICE_REQUIRE_DYNAMODB_LOCAL=1
elif [ "${SLUICE_REQUIRE_DYNAMODB_LOCAL:-}" = 1 ]; then
  exit 1
elif [ "$suite" = promises ]; then
  echo "promises: skipped on DynamoDB Local; \`make test\` runs them on dynoxide" >&2
  exit 0
fi
[ "$suite" = --fetch ] && exit 0

# The test is built first: in a network of its own nothing can be fetched.
export SLUICE_DYNAMODB_LOCAL=$jars
program=$PWD/.sluice/$suite.test
mkdir -p .sluice
go test -c -o "$program" "./test/$suite"
case $suite in
  promises) export SLUICE_ENGINE=dynamodb-local ;;
  fleet) export SLUICE_FLEET=$PWD/bin ;;
esac
cd "test/$suite"
inside='ip link set lo up && exec "$0" "$@"'
if command -v ip >/dev/null && unshare -rn sh -c 'ip link set lo up' 2>/dev/null; then
  exec unshare -rn sh -c "$inside" "$program" -test.timeout 10m
fi
echo "$suite: no network namespace to be had; DynamoDB Local listens on all interfaces while the suite runs" >&2
exec "$program" -test.timeout 10m

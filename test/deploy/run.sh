#!/usr/bin/env bash
# Builds the bundle, deploys it for real with `sam deploy` into a local AWS (MiniStack, IAM enforced, no containers),
# makes the first admin key, and runs the main journey there. Everything listens on loopback and ends with this script.
set -euo pipefail
cd "$(dirname "$0")/../.."
export SAM_CLI_TELEMETRY=0
sam=$(test/deploy/tools.sh sam)/bin
aws=$(test/deploy/tools.sh aws)/bin
work=.sluice/deploy
rm -rf "$work"
mkdir -p "$work"
port=${SLUICE_DEPLOY_PORT:-4577}

export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_DEFAULT_REGION=us-east-1 AWS_REGION=us-east-1
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test

echo 'deploy: building the bundle'
LAMBDA_GOARCH=$(go env GOARCH) "$sam/sam" build --config-env local >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
du -sh .aws-sam/build/*Function | sed 's/^/  /'

echo 'deploy: starting the local AWS'
AUTH=true GATEWAY_PORT=$port BIND_HOST=127.0.0.1 MINISTACK_HOST=localhost IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 \
  setsid "$aws/python" test/deploy/aws.py >"$work/aws.log" 2>&1 &
pid=$!
trap 'kill -TERM -- -$pid 2>/dev/null || true; wait $pid 2>/dev/null || true' EXIT
"$sam/python" - "$AWS_ENDPOINT_URL" <<'PY'
import sys, time, urllib.error, urllib.request
for _ in range(300):
    try:
        urllib.request.urlopen(sys.argv[1] + "/_ministack/health", timeout=1)
        break
    except urllib.error.HTTPError:
        break
    except OSError:
        time.sleep(0.1)
else:
    sys.exit("the local AWS does not answer")
PY

echo 'deploy: sam deploy'
"$sam/sam" deploy --config-env local >"$work/deploy.log" 2>&1 || { tail -60 "$work/deploy.log"; tail -30 "$work/aws.log"; exit 1; }

"$sam/python" - >"$work/outputs.env" <<'PY'
import boto3
stack = boto3.client("cloudformation").describe_stacks(StackName="sluice-local")["Stacks"][0]
for o in stack["Outputs"]:
    print(f"{o['OutputKey']}={o['OutputValue']}")
PY
# shellcheck disable=SC1091
source "$work/outputs.env"

echo 'deploy: the first admin key'
go build -o bin/sluice ./scripts/sluice
TABLE_NAME=$TableName SLUICE_DATA_DIR=$work bin/sluice bootstrap

SLUICE_DEPLOY_GATEWAY="$AWS_ENDPOINT_URL/_aws/execute-api/$GatewayApiId/\$default" \
SLUICE_DEPLOY_MANAGEMENT="$AWS_ENDPOINT_URL/_aws/execute-api/$ManagementApiId/\$default" \
SLUICE_DEPLOY_ADMIN_KEY="$(cat "$work/admin-key")" \
  go test -count=1 -v -timeout 10m -run TestJourney ./test/deploy || { tail -40 "$work/aws.log"; exit 1; }

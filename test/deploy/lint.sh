#!/usr/bin/env bash
# Lints the templates as written and as SAM transforms them, and checks what the transformed production template says.
set -euo pipefail
cd "$(dirname "$0")/../.."
export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1
sam=$(test/deploy/tools.sh sam)/bin
out=.sluice/templates
mkdir -p "$out"

"$sam/sam" validate --lint
"$sam/cfn-lint" -- template.yaml infra/*.yaml

"$sam/python" test/deploy/transform.py template.yaml Environment=dev >"$out/dev.json" 2>"$out/transform.log"
"$sam/python" test/deploy/transform.py template.yaml Environment=prod DeploymentType=Canary10Percent10Minutes \
  AlarmTopicArn=arn:aws:sns:us-east-1:123456789012:alarms \
  TableKeyArn=arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555 >"$out/prod.json" 2>>"$out/transform.log"
# The transform has used up two things by then: ReleaseId (W2001) and the mapping for deployments (W7001).
"$sam/cfn-lint" --ignore-checks W2001 W7001 -- "$out/dev.json" "$out/prod.json"

SLUICE_TEMPLATES="$PWD/$out" go test -count=1 -run TestTemplate ./test/deploy

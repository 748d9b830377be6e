#!/usr/bin/env bash
# Runs the migration of a deployed stack, and fails if it fails: `aws lambda invoke` itself succeeds either way.
set -euo pipefail
env=$1
stack=$(python3 -c 'import sys, tomllib; print(tomllib.load(open("samconfig.toml", "rb"))[sys.argv[1]]["deploy"]["parameters"]["stack_name"])' "$env")
reply=$(mktemp)
trap 'rm -f "$reply"' EXIT
error=$(aws lambda invoke --function-name "CodeDeployHook_${stack}_migrate" --cli-read-timeout 310 \
  --query FunctionError --output text "$reply")
cat "$reply"; echo
[ "$error" = None ] || { echo "the migration failed: $error" >&2; exit 1; }

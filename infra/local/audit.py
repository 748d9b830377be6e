"""Asks OSV (osv.dev) for known vulnerabilities of all locked packages: `make audit`.

The exit code is 0 if none is known, 1 if one is, and 3 if OSV can't be reached, since then nothing is known.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

VULNERABLE = 1
NOT_DONE = 3


class _NotDoneError(Exception):
    """The audit could not be carried out; the message says why."""


def main(pip_audit: str, locks: Sequence[str]) -> int:
    """Audit lock files with the command `pip_audit`; returns the exit code."""
    url = os.environ.get("OSV_URL") or "https://api.osv.dev/v1/query"
    audited, found = set(), []
    try:
        for lock in locks:
            for package in _audit(pip_audit, lock, url):
                audited.add((package["name"], package["version"]))
                found += [_line(package, vulnerability, lock) for vulnerability in package["vulns"]]
    except _NotDoneError as error:
        print(f"audit: NOT DONE, nothing is known about any package: {error}", file=sys.stderr)
        return NOT_DONE
    for line in found:
        print(f"audit: {line}", file=sys.stderr)
    print(f"audit: {len(audited)} packages in {len(locks)} files, {len(found)} known vulnerabilities")
    return VULNERABLE if found else 0


def _audit(pip_audit: str, lock: str, url: str) -> list[dict[str, Any]]:
    command = [pip_audit, "--requirement", lock, "--require-hashes", "--disable-pip", "--strict"]
    service = ["--vulnerability-service", "osv", "--osv-url", url, "--timeout", "10"]
    shown = ["--progress-spinner", "off", "--format", "json"]
    done = subprocess.run([*command, *service, *shown], capture_output=True, text=True, check=False)
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        if "ConnectionError" in done.stderr:
            raise _NotDoneError(f"{url} can't be reached from here") from None
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise _NotDoneError(f"pip-audit failed on {Path(lock).name}: {reason}") from None
    if skipped := [package["name"] for package in packages if "skip_reason" in package]:
        raise _NotDoneError(f"pip-audit left out {', '.join(skipped)} of {Path(lock).name}")
    if not packages:
        raise _NotDoneError(f"pip-audit found no package in {Path(lock).name}")
    return packages


def _line(package: dict[str, Any], vulnerability: dict[str, Any], lock: str) -> str:
    fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
    name = f"{package['name']} {package['version']}"
    return f"{name}: {vulnerability['id']}, fixed in {fixed} ({Path(lock).name})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

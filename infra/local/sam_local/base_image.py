"""What the API's container is built on, for hosts that can't pull python:3.13-slim: a stand-in.

It is the image that `sam local` runs functions in, with what the Dockerfile asks of its base: a `python`, and
certificate authorities. It is neither Debian nor exactly the Python that is in the image it stands in for.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import certifi

from .image import add_file, checked, obtain, pull

BASE = "python:3.13-slim"
STAND_IN = "quiz-sessions-stand-in:python-3.13-slim"
_DOCKERFILE = """\
FROM {image}
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN ["python3.13", "-c", "import os; os.symlink('python3.13', '/var/lang/bin/python')"]
ENTRYPOINT []
"""


def obtain_base() -> str:
    """The image, pulled, or else the stand-in. Raises ImageError."""
    if pull(BASE):
        return BASE
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        add_file(tar, "Dockerfile", 0o644, _DOCKERFILE.format(image=obtain().name).encode())
        add_file(tar, "ca-certificates.crt", 0o644, Path(certifi.where()).read_bytes())
    command = ["docker", "build", "--quiet", "--network", "none", "--tag", STAND_IN, "-"]
    checked(subprocess.run(command, input=context.getvalue(), capture_output=True, check=False))
    return STAND_IN


if __name__ == "__main__":
    print(obtain_base())

"""Lambda's image for Python 3.13: pulled, or imitated with what this machine has.

The stand-in is `.venv-lambda` in a container: this machine's Python 3.13 at /var/lang, AWS's runtime client
and boto3 at /var/runtime, the libraries that they need, a shell for what SAM CLI adds, and a bootstrap that
does what Lambda's does. It has the name of the image that it stands in for, because SAM CLI knows no other,
and a label that tells the two apart. It is not Amazon Linux, nor exactly the Python that Lambda has.
"""

from __future__ import annotations

import hashlib
import io
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import IO, NamedTuple

ROOT = Path(__file__).parents[3]
SAM_PYTHON = ROOT / ".venv-sam/bin/python"
LAMBDA_PYTHON = ROOT / ".venv-lambda/bin/python"
HOW_TO_INSTALL = (
    "it takes Linux and Python 3.13: `pyenv install 3.13.0`, or PYTHON313=path, then "
    "`make .venv-sam/ready .venv-localstack/ready`"
)

_LABEL = "quiz-sessions.stand-in"
_PULL_SECONDS = 900
# What `sam local` runs while it puts its emulator and the layer into the image.
_PROGRAMS = ("sh", "mv", "cp", "rm", "chmod")
# Wheels rely on these being there (manylinux), also where nothing in the image is linked to them.
_OF_EVERY_LINUX = re.compile(r"lib(c|m|dl|pthread|rt|resolv|util|gcc_s|stdc\+\+|z)\.so\.\d+")
_LEFT_OUT = re.compile("site-packages|test|idlelib|tkinter|turtledemo|ensurepip|config-.*")
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    # host.docker.internal stands in /etc/hosts.
    "etc/nsswitch.conf": "hosts: files dns\n",
    "var/runtime/bootstrap": """\
#!/bin/sh
# The function's code, then the layers, then what Lambda itself brings.
export PYTHONPATH=/var/task:/opt/python/lib/python3.13/site-packages:/opt/python:/var/runtime
cd /var/task
exec /var/lang/bin/python3.13 -m awslambdaric "$_HANDLER"
""",
}
_FOLDERS = {"root": 0o700, "opt": 0o755, "var/task": 0o755, "var/rapid": 0o755, "tmp": 0o1777}


class ImageError(RuntimeError):
    """There is no image, and none can be made."""


class Image(NamedTuple):
    """What `sam local` runs functions in."""

    name: str
    is_stand_in: bool


def docker_answers() -> bool:
    """Whether there is a Docker daemon that this user may use."""
    try:
        return _docker("info", seconds=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def obtain() -> Image:
    """Make sure that Docker has the image: leave it if it is there, pull it, or make the stand-in.

    A stand-in made of something else than this machine has now is made again. Raises ImageError.
    """
    name = _name()
    label = _label_of(name)
    if label == "" or (label is None and pull(name)):
        return Image(name, is_stand_in=False)
    if not LAMBDA_PYTHON.exists() or sys.platform != "linux":
        raise ImageError("Lambda's image can't be pulled, and a stand-in can't be made here")
    wanted = _fingerprint()
    if label != wanted:
        # Otherwise Docker would keep the old one without a name.
        remove_stand_in()
        _make(name, wanted)
    return Image(name, is_stand_in=True)


def remove_stand_in() -> None:
    """Remove the stand-in; the image itself stays. Raises ImageError."""
    name = _name()
    if _label_of(name):
        checked(_docker("rmi", name))


def _name() -> str:
    """The name by which SAM CLI asks for the image."""
    machine = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
    code = (
        "from samcli.local.docker.lambda_image import LambdaImage, Runtime; "
        f"tag = Runtime.get_image_name_tag('python3.13', '{machine}'); "
        "print(LambdaImage._INVOKE_REPO_PREFIX + '/' + tag)"
    )
    if not SAM_PYTHON.exists():
        raise ImageError("there is no SAM CLI")
    return _output_of(SAM_PYTHON, "-c", code)


def _label_of(name: str) -> str | None:
    """The label that a stand-in has, "" for another image, None where there is none."""
    found = _docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{_LABEL}"}}}}', name)
    return found.stdout.decode().strip() if found.returncode == 0 else None


def pull(name: str) -> bool:
    """Whether Docker got it from its registry."""
    try:
        return _docker("pull", "--quiet", name, seconds=_PULL_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _fingerprint() -> str:
    """Of all that a stand-in is made of."""
    version = _output_of(LAMBDA_PYTHON, "-VV")
    locked = (ROOT / "infra/local/requirements-lambda.txt").read_bytes()
    return hashlib.sha256(version.encode() + locked + Path(__file__).read_bytes()).hexdigest()[:16]


def _make(name: str, label: str) -> None:
    settings = {
        "ENV PATH": "/var/lang/bin:/usr/bin:/bin",
        "ENV LD_LIBRARY_PATH": "/var/lang/lib:/var/task/lib:/opt/lib",
        "ENV LANG": "C.UTF-8",
        "ENV LAMBDA_TASK_ROOT": "/var/task",
        "ENV LAMBDA_RUNTIME_DIR": "/var/runtime",
        f"LABEL {_LABEL}": label,
    }
    changes = [word for key, value in settings.items() for word in ("--change", f"{key}={value}")]
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            _fill(tar)
        file.seek(0)
        _output_of("docker", "import", *changes, "--change", "WORKDIR /var/task", "-", name, stdin=file)
    try:
        # A library that is missing shows now and not in a function's log.
        code = (
            "import sys; sys.path.append('/var/runtime'); "
            "import awslambdaric, boto3, ctypes, runtime_client, sqlite3, ssl"
        )
        checked(_docker("run", "--rm", "--network", "none", name, "python3.13", "-c", code))
    except ImageError:
        _docker("rmi", name)
        raise


def _fill(tar: tarfile.TarFile) -> None:
    code = (
        "import sys, sysconfig; "
        "print(sys.base_prefix, sysconfig.get_path('stdlib'), sysconfig.get_path('purelib'), sep='\\n')"
    )
    prefix, library, packages = _output_of(LAMBDA_PYTHON, "-c", code).splitlines()
    python = LAMBDA_PYTHON.resolve()
    programs = [Path("/bin", name).resolve() for name in _PROGRAMS]
    for name, mode in _FOLDERS.items():
        add_file(tar, name, mode)
    for name, text in _FILES.items():
        add_file(tar, name, 0o755, text.encode())
    tar.add(python, "var/lang/bin/python3.13", filter=_entry)
    for part in Path(library).iterdir():
        if not _LEFT_OUT.fullmatch(part.name):
            tar.add(part, f"var/lang/lib/python3.13/{part.name}", filter=_entry)
    for part in Path(packages).iterdir():
        tar.add(part, f"var/runtime/{part.name}", filter=_entry)
    for name, program in zip(_PROGRAMS, programs, strict=True):
        tar.add(program, f"bin/{name}", filter=_entry)
    extensions = [*Path(library, "lib-dynload").glob("*.so"), *Path(packages).rglob("*.so")]
    for file in _libraries([python, *programs, *(each for each in extensions if "tkinter" not in each.name)]):
        own = file.is_relative_to(prefix)
        tar.add(file.resolve(), f"var/lang/lib/{file.name}" if own else str(file), filter=_entry)


def _libraries(programs: list[Path]) -> set[Path]:
    """All shared libraries that these load, by the paths at which the loader finds them, and it itself."""
    # It fails for a file that is linked to nothing.
    listed = subprocess.run(["ldd", *programs], capture_output=True, check=False).stdout.decode()  # noqa: S607
    found = {Path(name) for name in re.findall(r"^\s(?:\S+ => )?(/\S+) \(0x", listed, re.MULTILINE)}
    (libc,) = (file for file in found if file.name.startswith("libc.so."))
    return found | {file for file in libc.parent.iterdir() if _OF_EVERY_LINUX.fullmatch(file.name)}


def _entry(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def add_file(tar: tarfile.TarFile, name: str, mode: int, content: bytes | None = None) -> None:
    """Add a file, or a folder where there is no content."""
    entry = tarfile.TarInfo(name)
    entry.mode, entry.mtime = mode, int(time.time())
    if content is None:
        entry.type = tarfile.DIRTYPE
    else:
        entry.size = len(content)
    tar.addfile(entry, None if content is None else io.BytesIO(content))


def _docker(*arguments: str, seconds: float | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["docker", *arguments], capture_output=True, timeout=seconds, check=False)  # noqa: S607


def _output_of(*command: str | Path, stdin: IO[bytes] | None = None) -> str:
    return checked(subprocess.run(command, stdin=stdin, capture_output=True, check=False))


def checked(done: subprocess.CompletedProcess[bytes]) -> str:
    """What a command printed. Raises ImageError, with what it said."""
    if done.returncode != 0:
        raise ImageError(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode().strip()

"""Prepares a fresh process and turns it into an embedded server. Run by path as a script, never imported.

Arguments: pid of the process that owns the server, the signal that ends the server when its owner dies,
uid and gid to run as (-1: unchanged), then the command.

This is a script between fork and exec because the other way, `preexec_fn`, runs Python in a forked copy of
a threaded program, where it can deadlock.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(owner: int, death_signal: int, uid: int, gid: int, command: list[str]) -> None:
    """Replace this process by `command`; end at once if `owner` is gone already."""
    if uid != -1:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid: a change of user clears the setting.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
    # An owner that died before prctl sends no signal any more.
    if os.getppid() != owner:
        sys.exit("the process that started this server is gone")
    os.execv(command[0], command)  # noqa: S606  (that is its task)


if __name__ == "__main__":
    owner, death_signal, uid, gid = map(int, sys.argv[1:5])
    main(owner, death_signal, uid, gid, sys.argv[5:])

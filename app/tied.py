"""Starts a program that cannot outlive the process which started it.

Run as a script: ``python tied.py SIGNAL PARENT COMMAND...``. It asks the kernel to send SIGNAL (a number) to this process
when PARENT dies, however it dies, and then becomes COMMAND: the wish survives ``exec``. A signal handler or an
``atexit`` hook in the parent cannot do this, because SIGKILL gives the parent no chance to run anything.

Only Linux can do this; elsewhere the command is simply run. The file imports nothing of the application, so that
it costs a few milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main(arguments: list[str]) -> None:
    """Becomes the command.

    Args:
        arguments: Number of the signal, process id of the parent, then the command and its arguments.
    """
    number, parent, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was asked
        raise SystemExit(1)
    os.execvp(command[0], command)  # noqa: S606 - the command is the caller's own, and no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])

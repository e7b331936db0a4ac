"""Names processes so that another one can tell whether they still live.

An owner is ``host:pid:start``; the start time tells a living process from a new one that got the same number.
"""

from __future__ import annotations

import os
import socket
from enum import Enum
from pathlib import Path


class OwnerState(Enum):
    """What is known of a process."""

    ALIVE = "alive"  # for certain: it is one of this machine
    GONE = "gone"  # for certain
    UNKNOWN = "unknown"  # it is one of another machine


def current_owner() -> str:
    """The name of this process."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_start_of(pid)}"


def is_owner_alive(owner: str) -> bool:
    """Tells whether the process may still be at work.

    Args:
        owner: A name made by :func:`current_owner`.

    Returns:
        False only where it is certain that the process is gone; True for processes of other machines, whose leases
        must run out instead.
    """
    return owner_state(owner) is not OwnerState.GONE


def owner_state(owner: str) -> OwnerState:
    """Tells what is known of the process with a name made by :func:`current_owner`."""
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    start = owner.rpartition(":")[2]
    if host != socket.gethostname() or not rest.isdigit():
        return OwnerState.UNKNOWN
    pid = int(rest)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return OwnerState.GONE
    except PermissionError:
        pass  # another user's; when it started is told all the same
    return OwnerState.ALIVE if _start_of(pid) == start else OwnerState.GONE


def _start_of(pid: int) -> str:
    """Clock ticks between boot and the start of the process (field 22 of proc_pid_stat(5)), or "0" elsewhere.

    A zombie counts as gone: it will never write again.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "0"
    return "gone" if fields[0] in ("Z", "X") else fields[19]

"""Which program may run the JavaScript of sites.

YouTube gives the better formats only to those who solve its riddles, which means to run parts of its player. yt-dlp
does so with a script of its own (``yt-dlp-ejs``, installed and checked by its hash, never fetched) in a JavaScript
runtime. That code comes from YouTube over TLS, never from another site; still it is a stranger's. So by default
only Deno is used, which gives code no right that is not asked for, and is made to hold what cannot be trusted. Node's
permissions are not, as its own documents say; before version 25 they leave the network open. Bun and QuickJS keep code
from nothing. Those three are used only where they are named.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from yt_dlp.utils._jsruntime import BunJsRuntime, DenoJsRuntime, JsRuntime, NodeJsRuntime, QuickJsRuntime

from app.media.download_options import JavaScriptChoice

_KINDS: dict[str, type[JsRuntime]] = {
    "deno": DenoJsRuntime,
    "node": NodeJsRuntime,
    "quickjs": QuickJsRuntime,
    "bun": BunJsRuntime,
}
_SHUT_OFF = frozenset({"deno"})


@dataclass(frozen=True, slots=True)
class Runtime:
    """A JavaScript runtime on this machine.

    Attributes:
        name: ``deno``, ``node``, ``quickjs`` or ``bun``.
        version: As it says itself.
        recent: Whether yt-dlp can use this version.
        shut_off: Whether code in it reaches neither disk nor network nor other programs.
    """

    name: str
    version: str
    recent: bool
    shut_off: bool


@functools.cache
def find_runtimes() -> tuple[Runtime, ...]:
    """The JavaScript runtimes of this machine, best first."""
    found = []
    for name, kind in _KINDS.items():
        info = kind().info
        if info is not None:
            found.append(Runtime(name, info.version, info.supported, shut_off=name in _SHUT_OFF))
    return tuple(found)


def choose_runtime(choice: JavaScriptChoice) -> Runtime | None:
    """The runtime that will be used; ``None`` where there is none that may be.

    Args:
        choice: ``auto`` for the best one that shuts code off, ``off`` for none, or the name of one.
    """
    usable = [runtime for runtime in find_runtimes() if runtime.recent]
    if choice == "auto":
        return next((runtime for runtime in usable if runtime.shut_off), None)
    return next((runtime for runtime in usable if runtime.name == choice), None)

"""Names from users, made fit to be shown, stored and offered as a download."""

from __future__ import annotations

import re
import unicodedata

MAX_BYTES = 255  # what ext4, NTFS and APFS allow
# Windows opens a device under these names, whatever follows the dot.
RESERVED_NAMES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}
    | {f"{device}{number}" for device in ("com", "lpt") for number in "0123456789¹²³"}
)
_FORBIDDEN = re.compile(r'[<>:"|?*]')


def safe_file_name(name: str, default: str = "video") -> str:
    """Makes a file name from whatever a browser, a web site or an archive called a file.

    The name stays readable, in any script; folders, control and invisible characters, direction marks and what
    Windows refuses are taken out. It is never used as a path by this program, only shown and offered.

    Args:
        name: The name, perhaps with folders of either kind of slash.
        default: Used where nothing is left.

    Returns:
        A name of 1..255 bytes in UTF-8, in NFC.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    visible = "".join(" " if char.isspace() else char for char in last if char.isspace() or _is_visible(char))
    text = re.sub(" +", " ", _FORBIDDEN.sub("_", visible)).strip(" .")
    if not text:
        text = default
    if text.split(".", 1)[0].strip().lower() in RESERVED_NAMES:
        text = f"_{text}"
    return _shorten(text)


def safe_suffix(name: str) -> str:
    """The ending of a name in lower case, such as ``.mp4``; empty where it has none that is short and plain."""
    match = re.search(r"\.[A-Za-z0-9]{1,10}\Z", name, re.ASCII)
    return match.group().lower() if match else ""


def _is_visible(char: str) -> bool:
    # All of category C: control, format (direction marks, joiners), surrogate, private, unassigned.
    return not unicodedata.category(char).startswith("C")


def _shorten(text: str) -> str:
    data = text.encode()
    if len(data) <= MAX_BYTES:
        return text
    suffix = safe_suffix(text)
    stem = data[: MAX_BYTES - len(suffix)].decode(errors="ignore").rstrip(" .")
    return stem + text[len(text) - len(suffix) :]

"""Which networks are used, and what a person should know about that. Loads none of them."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import AppError
from app.services.context import Context
from app.services.models.choose import choose, missing_parts, model_files
from app.services.models.engines import pinned_space


@dataclass(frozen=True, slots=True)
class PackStatus:
    """The state of the chosen pack.

    Attributes:
        ok: Whether a video that is handed in now would be looked at.
        pack: The chosen pack's name; ``None`` where none can be chosen.
        message: One sentence or two for people.
        remark: What ``auto`` had to make do with, and how to change that; ``None`` where there is nothing to say.
    """

    ok: bool
    pack: str | None
    message: str
    remark: str | None = None


def pack_status(context: Context) -> PackStatus:
    """Looks at settings, library and files; what is wrong is told, not raised.

    Args:
        context: The context; its database answers.
    """
    try:
        choice = choose(context.settings, pinned_space(context.database))
        missing = missing_parts(choice.pack, model_files(context.settings))
    except AppError as error:
        return PackStatus(ok=False, pack=None, message=error.message)
    if missing is not None:
        return PackStatus(ok=False, pack=choice.pack.name, message=missing)
    message = choice.remark or f"The pack {choice.pack.name} is installed."
    return PackStatus(ok=True, pack=choice.pack.name, message=message, remark=choice.remark)

"""What the doctor found and did."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Result(StrEnum):
    """What became of a damage."""

    REPAIRED = "repaired"
    WOULD_BE_REPAIRED = "would_be_repaired"
    NOT_REPAIRED = "not_repaired"


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of damage.

    Attributes:
        code: Stable name for programs.
        count: How often it was found.
        message: One sentence for people.
        result: What became of it.
    """

    code: str
    count: int
    message: str
    result: Result


@dataclass
class Report:
    """All that was found.

    Attributes:
        dry_run: True where nothing was changed.
        findings: What was found, in the order in which it was looked for.
    """

    dry_run: bool
    findings: list[Finding] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """True when something could not be repaired."""
        return any(finding.result is Result.NOT_REPAIRED for finding in self.findings)

    def add(self, code: str, count: int, what: str, done: str) -> None:
        """Notes damage that is repaired; none of it is not noted.

        Args:
            code: Stable name for programs.
            count: How often.
            what: What was found, such as ``temporary file``; see :func:`counted`.
            done: What became of it, such as ``removed``.
        """
        if count:
            be = ("is" if count == 1 else "are") + " to be" if self.dry_run else ("was" if count == 1 else "were")
            result = Result.WOULD_BE_REPAIRED if self.dry_run else Result.REPAIRED
            self.findings.append(Finding(code, count, f"{counted(count, what)} {be} {done}.", result))

    def give_up(self, code: str, count: int, message: str) -> None:
        """Notes damage that cannot be repaired; none of it is not noted."""
        if count:
            self.findings.append(Finding(code, count, message, Result.NOT_REPAIRED))

    def as_dict(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "dry_run": self.dry_run,
            "ok": not self.failed,
            "findings": [
                {"code": one.code, "count": one.count, "message": one.message, "result": one.result.value}
                for one in self.findings
            ],
        }


def counted(count: int, what: str) -> str:
    """``1 video file``, ``2 video files that belong ...``: the ``s`` goes before what describes the noun."""
    if count == 1:
        return f"1 {what}"
    noun, rest = re.fullmatch(r"(.*?)( (?:of|that|whose|without)\b.*)?", what).groups("")  # type: ignore[union-attr]
    return f"{count} {'people' if noun == 'person' else noun + 's'}{rest}"

"""Which faces came, changed or went, so that every process's search index learns of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class FaceChange(Base):
    """One change of what the search may find; written by triggers of the database alone.

    The row with id 1 is no change: it was written with the table, and its ``stamp`` says up to where the log was pruned.
    """

    __tablename__ = "face_change"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    face_id: Mapped[int]  # no foreign key: the face may be gone, which is what the row tells
    stamp: Mapped[int] = mapped_column(BigInteger, index=True)  # id of the transaction; on SQLite 0
    mark: Mapped[int] = mapped_column(BigInteger)  # a random number: a log that was put back has others

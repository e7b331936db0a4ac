"""Embedding spaces: the library's first face pins its pack."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import PackMismatchError
from app.models import EmbeddingSpace

PIN_LOCK = 0x0FAAAAACE6  # advisory lock of Postgres: two first faces at once must not pin two packs


def pinned(session: Session) -> EmbeddingSpace | None:
    """The library's space, or ``None`` before its first face."""
    return session.scalar(select(EmbeddingSpace).order_by(EmbeddingSpace.id).limit(1))


def hold(session: Session, *, alone: bool = False) -> EmbeddingSpace | None:
    """The library's space, which stays the same until this transaction ends.

    On SQLite a writing session is alone anyway. On Postgres the row is locked: those who store vectors share it, and
    whoever changes the pack waits for them.

    Args:
        session: A writing session.
        alone: Lock out those who store vectors, to change the pack.
    """
    query = select(EmbeddingSpace).order_by(EmbeddingSpace.id).limit(1)
    return session.scalar(query.with_for_update(read=not alone).execution_options(populate_existing=True))


def get_or_create(session: Session, name: str, pack: str, dimension: int) -> EmbeddingSpace:
    """The library's space; pins it when there is none yet.

    Args:
        session: A writing session.
        name: Name of the embedder's space.
        pack: Name of the pack that the settings name.
        dimension: Length of its vectors.

    Raises:
        PackMismatchError: The library was made with another pack.
    """
    space = hold(session)
    if space is None and session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(PIN_LOCK)))
        space = hold(session)
    if space is None:
        space = EmbeddingSpace(name=name, pack=pack, dimension=dimension)
        session.add(space)
        session.flush()
    check(space, name, pack, dimension)
    return space


def check(space: EmbeddingSpace, name: str, pack: str, dimension: int) -> None:
    """Refuses to mix faces that cannot be compared. Packs with the same space differ in their detector alone.

    Args:
        space: The library's space.
        name: Name of the other space.
        pack: Name of the pack that it belongs to.
        dimension: Length of its vectors.

    Raises:
        PackMismatchError: The space is another one; the message names the ways out.
    """
    if (space.name, space.dimension) == (name, dimension):
        return
    if space.pack == pack:
        raise PackMismatchError(
            f"The faces of this library were measured by the pack {pack} in the form {space.name}, and the settings ask for "
            f"{name}, which cannot be compared with it: run `faaaaaces migrate-pack {pack}`, or set FACE_FLIP and "
            "DEEPFACE_COMPATIBLE as they were."
        )
    raise PackMismatchError(
        f"The faces of this library were measured with the pack {space.pack}, and the settings ask for {pack}, which cannot "
        f"be compared with it: run `faaaaaces migrate-pack {pack}`, or set FACE_PACK={space.pack} again."
    )

"""Change of pack

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-22 09:45:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pack_migration",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pack", sa.String(length=100), nullable=False),
        sa.Column("space", sa.String(length=100), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pack_migration")),
    )
    op.create_table(
        "staged_face",
        sa.Column("face_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=True),
        sa.Column("quality", sa.Double(), nullable=False),
        sa.Column("quality_reasons", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name=op.f("fk_staged_face_face_id_face"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("face_id", name=op.f("pk_staged_face")),
    )


def downgrade() -> None:
    # What was measured for a change of pack that did not come to its end is lost; the library itself is not touched.
    op.drop_table("staged_face")
    op.drop_table("pack_migration")

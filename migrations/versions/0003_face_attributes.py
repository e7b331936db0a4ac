"""Attributes of faces

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-22 09:55:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("face", sa.Column("attributes", sa.JSON(), nullable=True))


def downgrade() -> None:
    # batch: so that SQLite before 3.35 can do it too
    with op.batch_alter_table("face", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_column("attributes")

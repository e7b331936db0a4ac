"""Ingest and jobs: queues, batches, logs, uploads, sources, pictures, messages

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-22 13:05:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NEW_TABLES = (
    "batch",
    "idempotency_key",
    "queue",
    "webhook_delivery",
    "job_log",
    "picture",
    "upload",
    "video_source",
)
JOB_INDEXES = (
    "ix_job_queue_batch_id_claimed_at",
    "ix_job_queue_state_priority_batch_id_created_at",
    "ix_job_batch_id_state",
    "ix_job_queue_state_priority_created_at",
    "ix_job_parent_id",
)


def upgrade() -> None:
    _extend_jobs()
    op.add_column("video", sa.Column("media_kind", sa.String(length=20), server_default="video", nullable=False))
    op.add_column("video", sa.Column("local_path", sa.Text(), nullable=True))
    op.add_column("video", sa.Column("sampling", sa.String(length=20), nullable=True))
    op.add_column("face", sa.Column("shown_until", sa.Double(), nullable=True))
    _add_tables()
    op.execute(
        "INSERT INTO video_source (video_id, origin, address, file_name, title, created_at) "
        "SELECT id, origin, source_url, file_name, title, created_at FROM video"
    )


def _extend_jobs() -> None:
    with op.batch_alter_table("job") as table:  # batch: SQLite cannot add a foreign key to a table that is there
        table.add_column(sa.Column("queue", sa.String(length=20), server_default="vision", nullable=False))
        table.add_column(sa.Column("priority", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("not_before", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("interruptions", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("parent_id", sa.String(length=32), nullable=True))
        table.create_foreign_key(op.f("fk_job_parent_id_job"), "job", ["parent_id"], ["id"], ondelete="CASCADE")
    op.create_index(op.f("ix_job_parent_id"), "job", ["parent_id"])
    op.create_index("ix_job_queue_state_priority_created_at", "job", ["queue", "state", "priority", "created_at"])
    op.create_index("ix_job_batch_id_state", "job", ["batch_id", "state"])
    turn = ["queue", "state", "priority", "batch_id", "created_at"]
    op.create_index("ix_job_queue_state_priority_batch_id_created_at", "job", turn)
    op.create_index("ix_job_queue_batch_id_claimed_at", "job", ["queue", "batch_id", "claimed_at"])
    op.execute("UPDATE job SET queue = 'cluster' WHERE kind = 'cluster'")
    op.execute("UPDATE job SET queue = 'download' WHERE kind = 'fetch_video'")


def _add_tables() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("webhook_url", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
    )
    op.create_index(op.f("ix_batch_created_at"), "batch", ["created_at"], unique=False)
    op.create_table(
        "idempotency_key",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_key")),
    )
    op.create_index(op.f("ix_idempotency_key_created_at"), "idempotency_key", ["created_at"], unique=False)
    op.create_table(
        "queue",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_queue")),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
    )
    op.create_index(op.f("ix_webhook_delivery_next_try_at"), "webhook_delivery", ["next_try_at"], unique=False)
    op.create_table(
        "picture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("video_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("blob_key", sa.String(length=300), nullable=True),
        sa.Column("local_path", sa.Text(), nullable=True),
        sa.Column("place", sa.Integer(), server_default="0", nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("modified_ns", sa.BigInteger(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("taken_at", sa.String(length=30), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["video_id"], ["video.id"], name=op.f("fk_picture_video_id_video"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture")),
        sa.UniqueConstraint("video_id", "number", name="uq_picture_place"),
    )
    op.create_table(
        "upload",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("metadata_text", sa.Text(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("video_id", sa.Integer(), nullable=True),
        sa.Column("job_id", sa.String(length=32), nullable=True),
        sa.Column("duplicate", sa.Boolean(), nullable=False),
        sa.Column("unverified_from", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("error_code", sa.String(length=50), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["video_id"], ["video.id"], name=op.f("fk_upload_video_id_video"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    op.create_index(op.f("ix_upload_expires_at"), "upload", ["expires_at"], unique=False)
    op.create_table(
        "video_source",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("video_id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("file_name", sa.String(length=255), nullable=True),
        sa.Column("title", sa.String(length=500), nullable=True),
        sa.Column("uploader", sa.String(length=300), nullable=True),
        sa.Column("page_url", sa.Text(), nullable=True),
        sa.Column("published_on", sa.String(length=10), nullable=True),
        sa.Column("thumbnail_key", sa.String(length=300), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("modified_ns", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["video_id"], ["video.id"], name=op.f("fk_video_source_video_id_video"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_source")),
    )
    op.create_index(op.f("ix_video_source_video_id"), "video_source", ["video_id"], unique=False)
    op.create_table(
        "job_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_log_job_id_job"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_log")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_job_log_job_id"), "job_log", ["job_id"], unique=False)


def downgrade() -> None:
    for table in reversed(NEW_TABLES):
        op.drop_table(table)
    op.execute("DELETE FROM job WHERE kind IN ('segment', 'export')")
    op.execute("UPDATE job SET state = 'queued' WHERE state = 'paused' AND kind <> 'cluster'")
    for name in JOB_INDEXES:
        op.drop_index(name, table_name="job")
    # batch: so that SQLite can do it too
    with op.batch_alter_table("job") as table:
        table.drop_constraint("fk_job_parent_id_job", type_="foreignkey")
        for column in ("parent_id", "claimed_at", "failures", "interruptions", "not_before", "priority", "queue"):
            table.drop_column(column)
    with op.batch_alter_table("face", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_column("shown_until")
    with op.batch_alter_table("video", table_kwargs={"sqlite_autoincrement": True}) as table:
        for column in ("sampling", "local_path", "media_kind"):
            table.drop_column(column)

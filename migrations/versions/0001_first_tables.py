"""First tables

Revision ID: 0001
Revises:
Create Date: 2026-11-22 06:52:18.158559
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "embedding_space",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("pack", sa.String(length=100), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embedding_space")),
        sa.UniqueConstraint("name", name=op.f("uq_embedding_space_name")),
    )
    op.create_table(
        "lock",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lock")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("cover_face_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_person_name"), "person", ["name"], unique=False)

    op.create_table(
        "video",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("blob_key", sa.String(length=300), nullable=True),
        sa.Column("thumbnail_key", sa.String(length=300), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("duration", sa.Double(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("frame_rate", sa.Double(), nullable=True),
        sa.Column("codec", sa.String(length=50), nullable=True),
        sa.Column("interval", sa.Double(), nullable=True),
        sa.Column("frames_sampled", sa.Integer(), nullable=False),
        sa.Column("warning", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video")),
        sa.UniqueConstraint("sha256", name=op.f("uq_video_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_video_created_at"), "video", ["created_at"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("video_id", sa.Integer(), nullable=True),
        sa.Column("batch_id", sa.String(length=32), nullable=True),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("next_sample", sa.Integer(), nullable=False),
        sa.Column("done", sa.Double(), nullable=False),
        sa.Column("total", sa.Double(), nullable=True),
        sa.Column("faces_found", sa.Integer(), nullable=False),
        sa.Column("speed", sa.Double(), nullable=True),
        sa.Column("seconds_left", sa.Double(), nullable=True),
        sa.Column("error_code", sa.String(length=50), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("lease_owner", sa.String(length=200), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["video_id"], ["video.id"], name=op.f("fk_job_video_id_video"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index(op.f("ix_job_batch_id"), "job", ["batch_id"], unique=False)
    op.create_index("ix_job_state_created_at", "job", ["state", "created_at"], unique=False)
    op.create_index(op.f("ix_job_updated_at"), "job", ["updated_at"], unique=False)
    op.create_index(op.f("ix_job_video_id"), "job", ["video_id"], unique=False)
    op.create_index(
        "uq_job_waiting_cluster",
        "job",
        ["kind"],
        unique=True,
        sqlite_where=sa.text("kind = 'cluster' AND state = 'queued'"),
        postgresql_where=sa.text("kind = 'cluster' AND state = 'queued'"),
    )

    op.create_table(
        "track",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("video_id", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("start", sa.Float(), nullable=False),
        sa.Column("end", sa.Float(), nullable=False),
        sa.Column("face_count", sa.Integer(), nullable=False),
        sa.Column("quality", sa.Double(), nullable=False),
        sa.Column("usable", sa.Boolean(), nullable=False),
        sa.Column("best_face_id", sa.Integer(), nullable=True),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_track_person_id_person"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["space_id"], ["embedding_space.id"], name=op.f("fk_track_space_id_embedding_space")),
        sa.ForeignKeyConstraint(["video_id"], ["video.id"], name=op.f("fk_track_video_id_video"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_track")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_track_person_id"), "track", ["person_id"], unique=False)
    op.create_index(op.f("ix_track_space_id"), "track", ["space_id"], unique=False)
    op.create_index(op.f("ix_track_video_id"), "track", ["video_id"], unique=False)

    op.create_table(
        "face",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("video_id", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("track_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("timestamp", sa.Double(), nullable=False),
        sa.Column("x1", sa.Double(), nullable=False),
        sa.Column("y1", sa.Double(), nullable=False),
        sa.Column("x2", sa.Double(), nullable=False),
        sa.Column("y2", sa.Double(), nullable=False),
        sa.Column("landmarks", sa.LargeBinary(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("quality", sa.Double(), nullable=False),
        sa.Column("quality_reasons", sa.JSON(), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.Column("crop_key", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_face_person_id_person"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["space_id"], ["embedding_space.id"], name=op.f("fk_face_space_id_embedding_space")),
        sa.ForeignKeyConstraint(["track_id"], ["track.id"], name=op.f("fk_face_track_id_track"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["video_id"], ["video.id"], name=op.f("fk_face_video_id_video"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face")),
        sa.UniqueConstraint("video_id", "sample", "ordinal", name="uq_face_place"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_face_person_id_video_id_timestamp", "face", ["person_id", "video_id", "timestamp"], unique=False
    )
    op.create_index(op.f("ix_face_track_id"), "face", ["track_id"], unique=False)
    op.create_index("ix_face_video_id_timestamp", "face", ["video_id", "timestamp"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_face_video_id_timestamp", table_name="face")
    op.drop_index(op.f("ix_face_track_id"), table_name="face")
    op.drop_index("ix_face_person_id_video_id_timestamp", table_name="face")

    op.drop_table("face")
    op.drop_index(op.f("ix_track_video_id"), table_name="track")
    op.drop_index(op.f("ix_track_space_id"), table_name="track")
    op.drop_index(op.f("ix_track_person_id"), table_name="track")

    op.drop_table("track")
    op.drop_index("uq_job_waiting_cluster", table_name="job")
    op.drop_index(op.f("ix_job_video_id"), table_name="job")
    op.drop_index(op.f("ix_job_updated_at"), table_name="job")
    op.drop_index("ix_job_state_created_at", table_name="job")
    op.drop_index(op.f("ix_job_batch_id"), table_name="job")

    op.drop_table("job")
    op.drop_index(op.f("ix_video_created_at"), table_name="video")

    op.drop_table("video")
    op.drop_index(op.f("ix_person_name"), table_name="person")

    op.drop_table("person")
    op.drop_table("lock")
    op.drop_table("embedding_space")

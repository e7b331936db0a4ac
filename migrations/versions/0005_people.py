"""People: facts, rules, questions, groupings, and what was done

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-22 16:10:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# What the search may find of a face: a change of anything else, such as whose it is, does not concern its index
WATCHED = ("embedding", "space_id", "sample", "dismissed")

NEW_TABLES = ("person_event", "person_event_person", "link_rule", "clustering_run", "review_question", "face_change")
PERSON_COLUMNS = ("cover_chosen", "aliases", "notes", "birth_date", "hidden", "ignored", "favourite", "revision")


def _switch(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)


def upgrade() -> None:
    op.add_column("person", _switch("cover_chosen"))
    op.add_column("person", sa.Column("aliases", sa.JSON(), nullable=True))
    op.add_column("person", sa.Column("notes", sa.Text(), nullable=True))
    op.add_column("person", sa.Column("birth_date", sa.String(length=10), nullable=True))
    op.add_column("person", _switch("hidden"))
    op.add_column("person", _switch("ignored"))
    op.add_column("person", _switch("favourite"))
    op.add_column("person", sa.Column("revision", sa.Integer(), server_default="1", nullable=False))
    op.add_column("track", _switch("confirmed"))
    op.add_column("track", sa.Column("cut_from", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_track_cut_from"), "track", ["cut_from"])
    op.add_column("face", _switch("dismissed"))
    op.add_column("face", sa.Column("scene", sa.LargeBinary(), nullable=True))
    op.create_table(
        "person_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undo_of", sa.Integer(), nullable=True),
        sa.Column("changes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_person_event_created_at"), "person_event", ["created_at"])
    op.create_table(
        "person_event_person",
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["person_event.id"],
            name=op.f("fk_person_event_person_event_id_person_event"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("event_id", "person_id", name=op.f("pk_person_event_person")),
    )
    op.create_index("ix_person_event_person_person_id_event_id", "person_event_person", ["person_id", "event_id"])
    _add_rules()
    _add_runs_and_questions()
    _add_face_changes()


def _add_rules() -> None:
    places = (
        ("track_id", "track"),
        ("other_track_id", "track"),
        ("person_id", "person"),
        ("other_person_id", "person"),
    )
    op.create_table(
        "link_rule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=True) for name, _ in places),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [name], [f"{table}.id"], name=op.f(f"fk_link_rule_{name}_{table}"), ondelete="CASCADE"
            )
            for name, table in places
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_rule")),
        sqlite_autoincrement=True,
    )
    for name, _ in places:
        op.create_index(op.f(f"ix_link_rule_{name}"), "link_rule", [name])


def _add_runs_and_questions() -> None:
    op.create_table(
        "clustering_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("plan", sa.LargeBinary(), nullable=True),
        sa.Column("event_id", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clustering_run")),
        sqlite_autoincrement=True,
    )
    for name in ("created_at", "job_id", "state"):
        op.create_index(op.f(f"ix_clustering_run_{name}"), "clustering_run", [name])
    op.create_table(
        "review_question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pair", sa.String(length=60), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=True)
            for name in ("person_id", "other_person_id", "track_id", "face_id", "other_face_id")
        ),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("answer", sa.String(length=20), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("event_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_question")),
        sa.UniqueConstraint("pair", name="uq_review_question_pair"),
    )
    op.create_index("ix_review_question_answer_value", "review_question", ["answer", "value"])


def _add_face_changes() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "face_change",
        sa.Column("id", sa.BigInteger() if postgres else sa.Integer(), nullable=False),
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_change")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_face_change_stamp"), "face_change", ["stamp"])
    for statement in _postgres_triggers() if postgres else _sqlite_triggers():
        op.execute(statement)


def _sqlite_triggers() -> list[str]:
    insert = "INSERT INTO face_change (face_id, stamp, mark) VALUES"
    changed = " OR ".join(f"old.{name} IS NOT new.{name}" for name in WATCHED)
    return [
        f"{insert} (0, 0, random())",
        f"CREATE TRIGGER face_added AFTER INSERT ON face BEGIN {insert} (new.id, 0, random()); END",
        f"CREATE TRIGGER face_changed AFTER UPDATE OF {', '.join(WATCHED)} ON face WHEN {changed} "
        f"BEGIN {insert} (new.id, 0, random()); END",
        f"CREATE TRIGGER face_removed AFTER DELETE ON face BEGIN {insert} (old.id, 0, random()); END",
    ]


def _postgres_triggers() -> list[str]:
    changed = " OR ".join(f"old.{name} IS DISTINCT FROM new.{name}" for name in WATCHED)
    insert = "INSERT INTO face_change (face_id, stamp, mark) VALUES ({}, {}, (random() * 9e15)::bigint)"
    note = insert.format("{}.id", "pg_current_xact_id()::text::bigint") + "; RETURN NULL;"
    function = "CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$"
    trigger = "CREATE TRIGGER {} AFTER {} ON face FOR EACH ROW {}EXECUTE FUNCTION {}()"
    return [
        insert.format("0", "0"),
        function.format("note_face", note.format("new")),
        function.format("note_face_removed", note.format("old")),
        trigger.format("face_added", "INSERT", "", "note_face"),
        trigger.format("face_changed", f"UPDATE OF {', '.join(WATCHED)}", f"WHEN ({changed}) ", "note_face"),
        trigger.format("face_removed", "DELETE", "", "note_face_removed"),
    ]


def _drop_triggers() -> None:
    # SQLite's go with the table that the batches below copy and drop; they would write to a table that is gone
    postgres = op.get_bind().dialect.name == "postgresql"
    for name in ("face_added", "face_changed", "face_removed"):
        op.execute(f"DROP TRIGGER {name}{' ON face' if postgres else ''}")
    if postgres:
        op.execute("DROP FUNCTION note_face()")
        op.execute("DROP FUNCTION note_face_removed()")


def downgrade() -> None:
    _drop_triggers()
    for table in reversed(NEW_TABLES):
        op.drop_table(table)
    # batch: so that SQLite can do it too
    with op.batch_alter_table("face", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_column("scene")
        table.drop_column("dismissed")
    with op.batch_alter_table("track", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_index(op.f("ix_track_cut_from"))
        table.drop_column("cut_from")
        table.drop_column("confirmed")
    with op.batch_alter_table("person", table_kwargs={"sqlite_autoincrement": True}) as table:
        for column in PERSON_COLUMNS:
            table.drop_column(column)

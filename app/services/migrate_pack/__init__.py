"""Changes the pack of a library: all faces are measured anew, people and their names stay."""

from app.services.migrate_pack.report import MigrationReport, Progress, State
from app.services.migrate_pack.run import give_up, is_needed, load_engine, migrate, preview

__all__ = ["MigrationReport", "Progress", "State", "give_up", "is_needed", "load_engine", "migrate", "preview"]

"""Finds and repairs what is left after crashes: files without rows, rows without files, jobs that nobody works on.

Safe while workers run: what is younger than an hour, and whatever belongs to a job that has not ended, is left alone.
"""

from app.services.doctor.examine import examine
from app.services.doctor.report import Finding, Report

__all__ = ["Finding", "Report", "examine"]

"""The product's own way, over and over: the twelve clips one by one, in many orders. Minutes long."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest

from app.services.export import export_faces
from app.services.grouping import cluster_library
from app.services.ingest import submit_file
from app.services.jobs import Outcome, run_job
from app.services.people import rename_person
from tests.library import make_context
from tests.signers import check_signers, sign_clips


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_the_five_signers_in_any_order(seed: int, tmp_path: Path, models_cache: Path, shared: Path) -> None:
    """Whoever is named after the first clip keeps id and name until the last one."""
    context = make_context(tmp_path, models_folder=str(models_cache), max_video_size_mb=50)
    clips = sign_clips(shared)
    random.Random(seed).shuffle(clips)
    for number, clip in enumerate(clips):
        assert run_job(context, submit_file(context, clip).job_id) == Outcome.SUCCEEDED
        summary = cluster_library(context)
        assert summary.people <= 5
        if number == 0:
            rename_person(context, 1, "First")
    rows = list(csv.DictReader(io.StringIO("".join(export_faces(context, "csv")))))
    check_signers(rows, shared)
    assert {row["person_id"] for row in rows if row["name"] == "First"} == {"1"}
    assert {row["file_name"] for row in rows if row["person_id"] == "1"} >= {clips[0].name}

"""``faaaaaces eval``: how well a pack tells the people of some pictures apart."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from app.cli_base import load_cli_settings, pack_or_chosen, plain_errors, print_json
from app.errors import InvalidInputError
from app.services.evaluate import EvalReport, evaluate_folder, save
from app.services.models.choose import model_files
from app.services.models.engines import make_engine
from app.vision.histogram import draw_histogram
from app.vision.packs import calibrated

_MOST_NAMED = 10


@click.command("eval")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--pack", "name", help="Which pack to measure; the library's unless given.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw a histogram into this PNG file.")
@click.option("--save", "keep", is_flag=True, help="Use the thresholds found here for this pack on this machine.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@plain_errors
def eval_command(folder: Path, name: str | None, plot: Path | None, keep: bool, as_json: bool) -> None:
    """Measures a pack on DIR, which holds one folder of pictures per person.

    Tells how many pairs of one person are found where 1 in 100, 1000 and 10000 pairs of strangers pass, and the best
    threshold.
    """
    settings = load_cli_settings()
    console = Console(stderr=True)
    with console.status("Looking for faces...") as status:
        report = evaluate_folder(
            folder,
            make_engine(settings, pack_or_chosen(settings, name)),
            lambda done, count: status.update(f"Looking for faces: {done} of {count} pictures"),
        )
    today = date.today()
    stored = save(report, model_files(settings), today) if keep else None
    if plot is not None:
        _draw(report, plot, today)
    if as_json:
        print_json(_as_dict(report, saved=stored is not None))
        return
    _print(report)
    if plot is not None:
        click.echo(f"Histogram: {plot}")
    if stored is not None:
        click.echo(f"Stored: {report.pack.name} uses these thresholds from now on.")


def _draw(report: EvalReport, path: Path, today: date) -> None:
    title = f"{report.pack.name}: {len(report.gallery.embeddings)} faces of {len(report.gallery.people)} people"
    picture = draw_histogram(report.evaluation, calibrated(report.pack, report.calibration(today)), title)
    try:
        picture.save(path, "PNG")
    except OSError as error:
        raise InvalidInputError(
            "The histogram cannot be written there; name a file in a folder that exists."
        ) from error


def _as_dict(report: EvalReport, *, saved: bool) -> dict[str, Any]:
    found, gallery = report.evaluation, report.gallery
    return {
        "pack": report.pack.name,
        "space": report.pack.space,
        "people": len(gallery.people),
        "pictures": gallery.pictures,
        "faces": len(gallery.embeddings),
        "unusable_faces": gallery.unusable,
        "without_face": gallery.faceless,
        "several_faces": gallery.crowded,
        "unreadable": gallery.unreadable,
        "same_pairs": found.same_pairs,
        "different_pairs": found.different_pairs,
        "operating_points": [asdict(point) for point in found.points],
        "d_prime": found.d_prime,
        "best_distance": found.best_distance,
        "best_accuracy": found.best_accuracy,
        "same_person_distance": found.same_person_distance,
        "similarity_scale": found.similarity_scale,
        "used_before": {
            "same_person_distance": report.pack.same_person_distance,
            "similarity_scale": report.pack.similarity_scale,
            "measured": report.pack.calibrated,
        },
        "saved": saved,
    }


def _print(report: EvalReport) -> None:
    found, gallery, pack = report.evaluation, report.gallery, report.pack
    click.echo(
        f"{pack.name}: {len(gallery.embeddings)} faces of {len(gallery.people)} people in "
        f"{gallery.pictures} pictures; {found.same_pairs} pairs of one person, {found.different_pairs} of two."
    )
    for point in found.points:
        note = "" if point.resolved else f"  (too few strangers: none of {found.different_pairs} passes)"
        click.echo(f"  TPR {point.true_rate:.4f} at FPR {point.false_rate:.0e}   distance {point.distance:.4f}{note}")
    click.echo(
        f"  best threshold: distance {found.best_distance:.4f}, {found.best_accuracy:.2%} right   d' {found.d_prime:.2f}\n"
        f"  similarity 50 at distance {found.same_person_distance:.4f}, width {found.similarity_scale:.4f}; "
        f"in use: {pack.same_person_distance:.4f}, {pack.similarity_scale:.4f}"
        f"{'' if pack.calibrated else ', not measured: consider --save'}"
    )
    _print_names("without a face", gallery.faceless)
    _print_names("with several faces, of which the largest was taken", gallery.crowded)
    _print_names("that cannot be read", gallery.unreadable)


def _print_names(what: str, names: list[str]) -> None:
    if not names:
        return
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    noun = "picture" if len(names) == 1 else "pictures"
    click.echo(f"  {len(names)} {noun} {what}: {', '.join(names[:_MOST_NAMED])}{more}")

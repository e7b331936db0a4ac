"""``faaaaaces models check``: does a pack do what it should, and what does it cost here?"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console

from app.cli_base import load_cli_settings, pack_or_chosen, plain_errors, print_json
from app.config import Settings
from app.services.models.check import CheckReport, PackSpeed, check_and_record, faster_packs, measure_speed
from app.services.models.choose import model_files
from app.services.models.engines import runtime_options
from app.vision import Pack


@click.command("check")
@click.argument("pack", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@plain_errors
def check_command(pack: str | None, as_json: bool) -> None:
    """Tries a pack out on two known faces, and times it; without a name, the library's pack.

    A pack that does not find the faces, or does not tell them apart as it should, is refused; the status is then 1.
    """
    settings = load_cli_settings()
    chosen = pack_or_chosen(settings, pack)
    with Console(stderr=True).status("Trying it out...") as status:
        report = check_and_record(model_files(settings), chosen, runtime_options(settings))
        status.update("Taking times...")
        speed = measure_speed(settings, chosen)
        faster = faster_packs(settings, speed)
    if as_json:
        print_json(_as_dict(settings, report, speed, faster))
    else:
        _print_report(report, chosen)
        _print_speed(settings, speed, faster)
    if not report.passed:
        sys.exit(1)


def _as_dict(settings: Settings, report: CheckReport, speed: PackSpeed, faster: list[PackSpeed]) -> dict[str, Any]:
    interval = settings.frame_extraction_interval
    return {
        "passed": report.passed,
        **asdict(report),
        "speed": {**asdict(speed), "hours_per_hour": speed.hours_per_hour(interval)},
        "interval": interval,
        "detection_size": settings.detection_size,
        "faster": [{**asdict(one), "hours_per_hour": one.hours_per_hour(interval)} for one in faster],
    }


def _print_report(report: CheckReport, pack: Pack) -> None:
    click.echo(f"{report.pack}: {'good' if report.passed else 'REFUSED'}")
    click.echo(
        f"  one person, five pictures: at most {report.same_farthest:.3f} apart; two people: at least "
        f"{report.other_nearest:.3f}, {report.other_mean:.3f} on average; threshold {report.threshold:.3f}"
    )
    reference = (
        "no record to compare with" if report.reference is None else f"cosine to the record {report.reference:.4f}"
    )
    click.echo(
        f"  points found within {report.point_error:.2f} eye distances; colours exchanged tell {report.colour_ratio:.2f} "
        f"times as much; {reference}"
    )
    for problem in report.problems:
        click.echo(f"  - {problem}")
    if report.remark:
        click.echo(f"  {report.remark}")
    if not pack.calibrated:
        click.echo("  The thresholds of this pack were published by others, not measured here; run faaaaaces eval DIR.")


def _print_speed(settings: Settings, speed: PackSpeed, faster: list[PackSpeed]) -> None:
    interval = settings.frame_extraction_interval
    click.echo(
        f"  {speed.small_frame_ms:.1f} ms for a frame of 640x360, {speed.frame_ms:.1f} ms for one of 1920x1080 at detection "
        f"size {settings.detection_size}, {speed.face_ms:.1f} ms a face"
    )
    click.echo(
        f"  {_duration(speed.hours_per_hour(interval))} of work for an hour of video, one frame every {interval:g} s with one "
        "face; decoding comes on top"
    )
    for other in faster:
        hours = other.hours_per_hour(interval)
        click.echo(
            f"  faster here: {other.pack}, {_duration(hours)} ({speed.hours_per_hour(interval) / hours:.1f} times)"
        )


def _duration(hours: float) -> str:
    if hours >= 1:
        return f"{hours:.1f} hours"
    return f"{hours * 60:.1f} minutes" if hours * 60 >= 1 else f"{hours * 3600:.0f} seconds"

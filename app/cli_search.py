"""``faaaaaces search`` and ``faaaaaces duplicates``: who is in this picture, and what is in the library twice."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from app.cli_base import open_context, plain_errors, print_json
from app.domain import MediaKind
from app.services.context import Context
from app.services.duplicates import find_duplicates
from app.services.search import (
    Limits,
    Matches,
    OnePer,
    SearchOptions,
    fetch_picture,
    read_picture,
    search_face,
    search_faces,
    search_person,
    search_picture,
)
from app.services.search.shapes import FaceMatches
from app.storage.lookup import FaceDescription

NO_FACE = "There is no face in this picture."
DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command("search")
@click.argument("image", required=False)
@click.option("--face-id", type=int, help="Search with a face of the library instead of a picture.")
@click.option("--person-id", type=int, help="Search with a person of the library instead of a picture.")
@click.option("--top", default=10, show_default=True, help="How many moments to show for each face.")
@click.option("--min-similarity", default=0.0, show_default=True, help="Leave out what is less similar, 0 to 100.")
@click.option(
    "--one-per",
    type=click.Choice([kind.value for kind in OnePer]),
    default=OnePer.FACE.value,
    show_default=True,
    help="Show every face, or only the nearest of each track or video.",
)
@click.option("--face", type=int, help="Only this face of the picture; 0 is the first.")
@click.option("--point", type=(float, float), help="Only the face around this place, in pixels of the picture.")
@click.option("--video", "videos", type=int, multiple=True, help="Search only this video; may be given several times.")
@click.option("--person", "people", type=int, multiple=True, help="Search only this person's faces; likewise.")
@click.option("--after", type=DAY, help="Not before this day, such as 2026-01-31.")
@click.option("--before", type=DAY, help="Not after this day.")
@click.option("--approximate", is_flag=True, help="Quicker in libraries of millions of faces; may miss a few.")
@click.option("--hidden", is_flag=True, help="Find people who are hidden or ignored, too.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@plain_errors
def search_command(image: str | None, face_id: int | None, person_id: int | None, as_json: bool, **given: Any) -> None:
    """Finds the people of a picture in the library: who, and when. IMAGE is a file or an address (http)."""
    if sum(value is not None for value in (image, face_id, person_id)) != 1:
        raise click.UsageError("Name a picture, --face-id or --person-id.")
    context = open_context()
    options = _options(given)
    if image is None:
        found = (
            search_face(context, face_id, options) if face_id is not None else _of_person(context, person_id, options)
        )
        if as_json:
            print_json(_matches_as_dict(found))
        else:
            _print_matches(Console(), found)
        return
    results = _of_picture(context, image, options, given["face"], given["point"])
    if as_json:
        print_json([_face_as_dict(result) for result in results])
        return
    if not results:
        click.echo(NO_FACE)
    console = Console()
    for result in results:
        console.print(f"[bold]Face {result.index + 1}[/bold] at {result.box.x1:.0f}, {result.box.y1:.0f}")
        _print_matches(console, result)


@click.command("duplicates")
@click.option("--video", "video_id", type=int, help="Only pairs with this video.")
@click.option("--limit", default=50, show_default=True, help="How many pairs to show.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@plain_errors
def duplicates_command(video_id: int | None, limit: int, as_json: bool) -> None:
    """Finds videos that show the same footage, by the faces in it."""
    found = find_duplicates(open_context(), video_id=video_id, limit=limit)
    if as_json:
        print_json([dataclasses.asdict(pair) for pair in found])
        return
    if not found:
        click.echo("No two videos show the same faces at the same time.")
    for pair in found:
        click.echo(f"{pair.video.title}  =  {pair.other.title}: {pair.seconds:.1f} s with faces, {pair.share:.0%}")
        for shot in pair.shots[:5]:
            click.echo(
                f"  {shot.start:.1f} to {shot.end:.1f} s  =  {shot.other_start:.1f} to {shot.other_end:.1f} s, "
                f"{shot.faces} faces"
            )


def _options(given: dict[str, Any]) -> SearchOptions:
    first, last = (_day(given[name]) for name in ("after", "before"))
    return SearchOptions(
        top=given["top"],
        min_similarity=given["min_similarity"],
        one_per=OnePer(given["one_per"]),
        limits=Limits(given["videos"], given["people"], first, last),
        approximate=given["approximate"],
        with_hidden=given["hidden"],
    )


def _day(moment: datetime | None) -> Any:
    return None if moment is None else moment.date()


def _of_person(context: Context, person_id: int | None, options: SearchOptions) -> Matches:
    return search_person(context, person_id or 0, options)


def _of_picture(
    context: Context, image: str, options: SearchOptions, face: int | None, point: tuple[float, float] | None
) -> list[FaceMatches]:
    if image.lower().startswith(("http://", "https://")):
        data = fetch_picture(context, image)
    else:
        path = Path(image)
        if not path.is_file():
            raise click.UsageError(f"There is no file {image}.")
        data = path.read_bytes()
    picture = read_picture(context, data)
    if face is None and point is None:
        return search_faces(context, picture, options=options)
    return search_picture(context, picture, options, face=face, point=point)


def _print_matches(console: Console, result: Matches) -> None:
    for match in result.people[:5]:
        console.print(f"  {match.similarity:5.1f} %  {match.name or f'person {match.person_id}'}")
    for moment in result.moments:
        face = moment.face
        who = face.person_name or (f"person {face.person_id}" if face.person_id else "nobody yet")
        console.print(f"  {moment.similarity:5.1f} %  {face.video_title}  {_moment(face)}  {who}")


def _moment(face: FaceDescription) -> str:
    """When a face is seen, or in which picture of a set."""
    if face.media_kind == MediaKind.PICTURES:
        return f"picture {face.timestamp + 1:.0f}"
    minutes, seconds = divmod(face.timestamp, 60)
    return f"{minutes:.0f}:{seconds:04.1f}"


def _face_as_dict(result: FaceMatches) -> dict[str, Any]:
    box = result.box
    return {
        "face": result.index,
        "box": [round(side, 2) for side in (box.x1, box.y1, box.x2, box.y2)],
        "confidence": round(result.confidence, 4),
        "quality": round(result.quality, 4),
        **_matches_as_dict(result),
    }


def _matches_as_dict(result: Matches) -> dict[str, Any]:
    return {
        "people": [
            {name: value for name, value in dataclasses.asdict(match).items() if name != "cover_key"}
            for match in result.people
        ],
        "moments": [
            {
                "face_id": moment.face.face_id,
                "video_id": moment.face.video_id,
                "video": moment.face.video_title,
                "timestamp": round(moment.face.timestamp, 3),
                "media_kind": moment.face.media_kind,
                "track_id": moment.face.track_id,
                "person_id": moment.face.person_id,
                "name": moment.face.person_name,
                "similarity": moment.similarity,
            }
            for moment in result.moments
        ],
    }

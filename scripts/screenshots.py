"""Takes pictures of every page in Chromium, to look at while working on them and for the README.

``python scripts/screenshots.py review OUT`` fills libraries with nothing, a little and a lot, and takes every page in
light and dark, 1440 and 390 pixels wide. ``python scripts/screenshots.py docs`` makes videos from two pictures that
come with scikit-image and matplotlib, has them looked at for real, and writes docs/images/*.png.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as PilImage
from PIL import ImageFilter
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.domain import Image, JobKind, JobState  # noqa: E402 - the project's folder has to be on the path first
from app.factory import create_app  # noqa: E402
from app.services.context import Context  # noqa: E402
from app.services.grouping import request_clustering  # noqa: E402
from app.services.ingest import submit_file  # noqa: E402
from app.services.ingest_options import IngestOptions  # noqa: E402
from app.services.jobs import run_job  # noqa: E402
from app.services.library import video_detail  # noqa: E402
from app.services.people import rename_person  # noqa: E402
from tests.browser import launch, served  # noqa: E402
from tests.films import make_film  # noqa: E402
from tests.library import Library, ago, jpeg, make_context  # noqa: E402

SIZES = {"1440": (1440, 900), "390": (390, 844)}
COLOURS = 160  # of the palette that keeps the README's pictures small
Shots = dict[str, str]  # name of the picture -> path of the page


def faces() -> dict[str, Image]:
    """Real faces that come with packages, cut out, and with it the whole pictures."""
    import matplotlib  # noqa: PLC0415 - only the pictures need them
    from skimage import data  # noqa: PLC0415

    astronaut = np.ascontiguousarray(data.astronaut())
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    with PilImage.open(path) as picture:
        hopper = np.asarray(picture.convert("RGB"))
    return {"astronaut": astronaut, "hopper": hopper}


def crop(image: Image, x: int, y: int, side: int) -> bytes:
    """A square cut out of a picture, as JPEG."""
    return jpeg(np.ascontiguousarray(image[y : y + side, x : x + side]), 160)


def tinted(image: Image, shade: float) -> Image:
    """The picture in other colours, so that many made-up people differ."""
    turn = np.array([shade, (shade + 0.33) % 1, (shade + 0.66) % 1]) * 0.6 + 0.7
    return np.clip(image * turn, 0, 255).astype(np.uint8)


def fill_little(library: Library) -> None:
    """Two people, three videos, one of them running."""
    pictures = faces()
    first = crop(pictures["astronaut"], 150, 40, 170)
    second = crop(pictures["hopper"], 170, 60, 200)
    ada, grace = library.person("Eileen Collins"), library.person()
    launch = library.video(
        "Launch day", duration=96.4, picture=jpeg(pictures["astronaut"][:288]), size_bytes=48_200_000
    )
    library.track(launch, ada, [2.0, 3.0, 4.0, 5.0], crop=first)
    library.track(launch, ada, [31.0, 32.0, 33.0, 34.0, 35.0], crop=first)
    library.track(launch, grace, [50.0, 51.0], crop=second)
    library.track(launch, ada, [70.0, 71.0, 72.0], crop=first)
    library.track(launch, None, [80.0], crop=first, usable=False)
    library.video(
        "An interview with a very long title that goes on and on, part 2 of 7 (final cut)",
        duration=1834.0,
        picture=jpeg(pictures["hopper"][:340]),
        warning="The file is cut off: it could be read up to 0:41.",
    )
    library.track(2, grace, [10.0, 11.0, 500.0], crop=second)
    running = library.video(
        "GOPR0412",
        state=JobState.RUNNING,
        duration=600.0,
        picture=jpeg(pictures["astronaut"][200:]),
        job={"step": "looking", "done": 214.0, "total": 600.0, "faces_found": 37, "seconds_left": 44.0},
    )
    for second_ in range(12):
        library.track(running, None, [float(second_)], crop=first if second_ % 3 else second, linked=False)
    library.video(
        "holiday",
        state=JobState.FAILED,
        duration=None,
        job={"error": "This file is no video, or it is damaged from its beginning."},
    )
    library.video("Waiting one", state=JobState.QUEUED, duration=None, data=None)


def fill_lot(library: Library) -> None:
    """Hundreds of people and dozens of videos."""
    pictures = faces()
    dice = random.Random(7)
    looks = [
        crop(
            tinted(pictures["astronaut"] if n % 2 else pictures["hopper"], n / 24),
            *((150, 40, 170) if n % 2 else (170, 60, 200)),
        )
        for n in range(24)
    ]
    names = [
        "Ada Lovelace",
        "Grace Hopper",
        "Katherine Johnson",
        "Margaret Hamilton",
        None,
        None,
        None,
        "Wolfeschlegelsteinhausenbergerdorff",
    ]
    people = [library.person(names[n % 8] if n < 80 else None) for n in range(300)]
    for number in range(60):
        video = library.video(
            f"Day {number:02d} of the trip",
            duration=dice.uniform(20, 5000),
            picture=jpeg(tinted(pictures["astronaut"][:288], number / 60)),
            size_bytes=dice.randrange(10**6, 10**9),
        )
        for person in dice.sample(people, 14 if number == 59 else 5):
            for start in sorted(dice.uniform(0, 20) for _ in range(4)):
                library.track(
                    video, person, [start, start + 0.5, start + dice.uniform(0.6, 3)], crop=looks[person % 24]
                )
    for number in range(40):
        library.job(
            number + 1,
            state=JobState.FAILED if number % 9 == 0 else JobState.QUEUED,
            error="The address answered: not found (404)." if number % 9 == 0 else None,
            created_at=ago(minutes=number),
        )
    library.job(kind=JobKind.CLUSTER, state=JobState.RUNNING, step="grouping")


def take(browser: Browser, base: str, shots: Shots, out: Path, prefix: str) -> None:
    """Takes every page in both themes and sizes."""
    for theme in ("light", "dark"):
        for label, (width, height) in SIZES.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
            for name, path in shots.items():
                page.goto(base + path)
                page.wait_for_timeout(450)  # until lazy pictures and the first animation are there
                page.screenshot(path=out / f"{prefix}-{name}-{theme}-{label}.png", full_page=True)
            page.close()


def review(browser: Browser, out: Path) -> None:
    """All pages with nothing, a little and a lot in them."""
    out.mkdir(parents=True, exist_ok=True)
    lists = {"dashboard": "/", "videos": "/videos", "people": "/people", "jobs": "/jobs"}
    empty = {**lists, "add": "/add", "missing": "/nothing"}
    little = {**empty, "video": "/videos/1", "running": "/videos/3", "person": "/people/1", "unnamed": "/people/2"}
    lot = {**lists, "video": "/videos/60", "person": "/people/1"}
    for name, fill, shots in (("nothing", None, empty), ("little", fill_little, little), ("lot", fill_lot, lot)):
        folder = Path(tempfile.mkdtemp())
        context = make_context(folder)
        if fill is not None:
            fill(Library(context))
        with served(create_app(context.settings, context)) as base:
            take(browser, base, shots, out, name)
        shutil.rmtree(folder)


def widened(image: Image) -> Image:
    """The whole picture in the middle of a wide one, its sides filled with a blurred copy."""
    height, width = image.shape[:2]
    wide = round(height * 16 / 9)
    ground = PilImage.fromarray(image).resize((wide, height)).filter(ImageFilter.GaussianBlur(28))
    ground.paste(PilImage.fromarray(image), ((wide - width) // 2, 0))
    return np.asarray(ground)


def look_through(context: Context, folder: Path) -> None:
    """Makes three films, has them looked at by the real engine, and names the people."""
    astronaut, hopper = (widened(picture) for picture in faces().values())
    films = {
        "Archive reel 3": [hopper, hopper, astronaut],
        "Speech at the academy": [hopper],
        "Launch day": [astronaut, hopper, astronaut, astronaut, hopper, astronaut],
    }
    for title, people in films.items():
        path = make_film(folder / f"{title}.mp4", people, seconds_each=6.0, size=(1280, 720))
        run_job(context, submit_file(context, path, IngestOptions(interval=0.5)).job_id)
    run_job(context, request_clustering(context))
    # the last film shows the one who is longer in it first
    for lane, name in zip(video_detail(context, len(films)).lanes, ("Eileen Collins", "Grace Hopper"), strict=True):
        rename_person(context, lane.person.id, name)


def docs(browser: Browser, out: Path) -> None:
    """The README's pictures, from videos that were really looked at."""
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp())
    context = make_context(folder, max_video_size_mb=500)
    look_through(context, folder)
    page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
    with served(create_app(context.settings, context)) as base:
        for name, path in {"dashboard": "/", "video": "/videos/3?t=3", "person": "/people/2"}.items():
            page.goto(base + path)
            page.wait_for_timeout(1200)  # until the player shows its frame
            target = out / f"{name}.png"
            page.screenshot(path=target)
            with PilImage.open(target) as picture:
                picture.convert("RGB").quantize(COLOURS, dither=PilImage.Dither.FLOYDSTEINBERG).save(
                    target, optimize=True
                )
    page.close()
    shutil.rmtree(folder)


def main(arguments: list[str]) -> None:
    """Runs what the command line asks for."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if arguments[:1] == ["review"] and len(arguments) == 2:
            review(browser, Path(arguments[1]))
        elif arguments == ["docs"]:
            docs(browser, ROOT / "docs" / "images")
        else:
            raise SystemExit(__doc__)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])

"""Takes pictures of every page in Chromium, to look at while working on them and for the README.

``python scripts/screenshots.py review OUT`` fills libraries with nothing, a little and a lot, and takes every page in
light and dark, 1440 and 390 pixels wide. ``python scripts/screenshots.py docs`` makes videos from two pictures that
come with scikit-image and matplotlib, has them looked at for real, and writes docs/images/*.png.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PilImage
from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.domain import Image, JobKind, JobState  # noqa: E402
from app.factory import create_app  # noqa: E402
from app.services.context import Context  # noqa: E402
from app.services.ingest import submit_file  # noqa: E402
from app.services.jobs import run_job  # noqa: E402
from app.services.people import rename_person  # noqa: E402
from tests.library import Library, ago, jpeg, make_context  # noqa: E402
from tests.videos import make_video  # noqa: E402

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]
SIZES = {"1440": (1440, 900), "390": (390, 844)}


@dataclass(frozen=True)
class Shot:
    """One picture: a name, a path, and whether only the window is shown."""

    name: str
    path: str


def faces() -> dict[str, Image]:
    """Real faces that come with packages, cut out, and with it the whole pictures."""
    import matplotlib
    from skimage import data

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
    launch = library.video("Launch day", duration=96.4, picture=jpeg(pictures["astronaut"][:288]), size_bytes=48_200_000)
    library.track(launch, ada, [2.0, 3.0, 4.0, 5.0], crop=first)
    library.track(launch, ada, [31.0, 32.0, 33.0, 34.0, 35.0], crop=first)
    library.track(launch, grace, [50.0, 51.0], crop=second)
    library.track(launch, ada, [70.0, 71.0, 72.0], crop=first)
    library.track(launch, None, [80.0], crop=first, usable=False)
    library.video("An interview with a very long title that goes on and on, part 2 of 7 (final cut)", duration=1834.0,
                  picture=jpeg(pictures["hopper"][:340]), warning="The file is cut off: it could be read up to 0:41.")
    library.track(2, grace, [10.0, 11.0, 500.0], crop=second)
    running = library.video("GOPR0412", state=JobState.RUNNING, duration=600.0, picture=jpeg(pictures["astronaut"][200:]),
                            job={"step": "looking", "done": 214.0, "total": 600.0, "faces_found": 37, "seconds_left": 44.0})
    for second_ in range(12):
        library.track(running, None, [float(second_)], crop=first if second_ % 3 else second, linked=False)
    library.video("holiday", state=JobState.FAILED, duration=None, job={"error": "This file is no video, or it is damaged from its beginning."})
    library.video("Waiting one", state=JobState.QUEUED, duration=None, data=None)


def fill_lot(library: Library) -> None:
    """Hundreds of people and dozens of videos."""
    pictures = faces()
    dice = random.Random(7)
    looks = [crop(tinted(pictures["astronaut"] if n % 2 else pictures["hopper"], n / 24), *((150, 40, 170) if n % 2 else (170, 60, 200))) for n in range(24)]
    names = ["Ada Lovelace", "Grace Hopper", "Katherine Johnson", "Margaret Hamilton", None, None, None, "Wolfeschlegelsteinhausenbergerdorff"]
    people = [library.person(names[n % 8] if n < 80 else None) for n in range(300)]
    for number in range(60):
        video = library.video(f"Day {number:02d} of the trip", duration=dice.uniform(20, 5000), picture=jpeg(tinted(pictures["astronaut"][:288], number / 60)), size_bytes=dice.randrange(10**6, 10**9))
        for person in dice.sample(people, 14 if number == 59 else 5):
            for start in sorted(dice.uniform(0, 20) for _ in range(4)):
                library.track(video, person, [start, start + 0.5, start + dice.uniform(0.6, 3)], crop=looks[person % 24])
    for number in range(40):
        library.job(number + 1, state=JobState.FAILED if number % 9 == 0 else JobState.QUEUED, error="The address answered: not found (404)." if number % 9 == 0 else None, created_at=ago(minutes=number))
    library.job(kind=JobKind.CLUSTER, state=JobState.RUNNING, step="grouping")


@contextlib.contextmanager
def served(context: Context) -> Iterator[str]:
    """Serves a library; gives its address."""
    app = create_app(context.settings, context)
    over = threading.Event()
    app.extensions["faaaaaces_stopping"] = over.is_set
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        over.set()
        server.shutdown()


def take(browser: Browser, base: str, shots: list[Shot], out: Path, prefix: str, *, whole: bool = True) -> None:
    """Takes every page in both themes and sizes."""
    for theme in ("light", "dark"):
        for label, (width, height) in SIZES.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
            for shot in shots:
                page.goto(base + shot.path)
                page.wait_for_load_state("load")
                page.wait_for_timeout(450)
                page.screenshot(path=out / f"{prefix}-{shot.name}-{theme}-{label}.png", full_page=whole)
            page.close()


def review(out: Path) -> None:
    """All pages with nothing, a little and a lot in them."""
    out.mkdir(parents=True, exist_ok=True)
    basic = [Shot("dashboard", "/"), Shot("add", "/add"), Shot("videos", "/videos"), Shot("people", "/people"), Shot("jobs", "/jobs"), Shot("missing", "/nothing")]
    detail = [Shot("video", "/videos/1"), Shot("running", "/videos/3"), Shot("person", "/people/1")]
    many = [Shot("video", "/videos/60"), Shot("person", "/people/1"), *basic[:1], *basic[2:5]]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, fill, shots in (("nothing", None, basic), ("little", fill_little, basic + detail), ("lot", fill_lot, many)):
            folder = Path(tempfile.mkdtemp())
            context = make_context(folder)
            if fill is not None:
                fill(Library(context))
            with served(context) as base:
                take(browser, base, shots, out, name)
            shutil.rmtree(folder)
        browser.close()


if __name__ == "__main__":
    review(Path(sys.argv[2]))

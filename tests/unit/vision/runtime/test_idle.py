from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from app.vision.runtime import OnnxSession, RuntimeOptions, idle
from app.vision.runtime import session as session_module
from tests.small_models import doubling_model

ROOT = Path(__file__).resolve().parents[4]
X = {"x": np.ones((1, 2), np.float32)}


@pytest.fixture
def given_back(monkeypatch) -> threading.Event:
    """Set when memory was given back."""
    event = threading.Event()
    monkeypatch.setattr(idle, "give_back_memory", event.set)
    return event


def test_an_idle_network_is_unloaded_and_comes_back(given_back):
    session = OnnxSession(doubling_model(), runtime=RuntimeOptions(idle_seconds=0.05))
    assert session.loaded
    for _ in range(2):
        assert given_back.wait(10)
        assert not session.loaded
        given_back.clear()
        seconds = session.seconds
        (y,) = session.run(X)
        assert (y == 2).all()
        assert seconds < session.seconds
        assert session.input_names == ["x"]


def test_a_function_is_asked_again_for_its_model(given_back):
    asked = []

    def model() -> bytes:
        asked.append(1)
        return doubling_model()

    session = OnnxSession(model, runtime=RuntimeOptions(idle_seconds=1e-3))
    assert given_back.wait(10)
    session.run(X)
    assert len(asked) >= 2


def test_networks_stay_where_no_time_is_set(given_back):
    session = OnnxSession(doubling_model())
    assert session.unload_if_idle() == (False, None)
    assert session.loaded
    assert not given_back.is_set()


def test_a_network_at_work_stays(given_back):
    session = OnnxSession(doubling_model(), runtime=RuntimeOptions(idle_seconds=1e-9))
    assert given_back.wait(10)
    with session._counted():
        assert session.unload_if_idle() == (False, 1e-9)
        assert session.loaded


def test_use_puts_the_end_off(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(session_module, "time", SimpleNamespace(monotonic=lambda: now, perf_counter=time.perf_counter))
    session = OnnxSession(doubling_model(), runtime=RuntimeOptions(idle_seconds=60))
    now += 40
    assert session.unload_if_idle() == (False, 20)
    session.run(X)
    now += 50
    assert session.unload_if_idle() == (False, 10)
    now += 10
    assert session.unload_if_idle() == (True, None)
    assert session.unload_if_idle() == (False, None)
    session.run(X)
    assert session.unload_if_idle() == (False, 60)


def test_the_watch_keeps_nothing_alive_and_ends(monkeypatch):
    monkeypatch.setattr(idle, "_watches", {})  # other tests of this process may have something loaded
    session = OnnxSession(doubling_model(), runtime=RuntimeOptions(idle_seconds=0.2))
    thread = idle.idle_watch()._thread
    assert thread is not None
    reference = weakref.ref(session)
    del session
    gc.collect()
    assert reference() is None
    thread.join(10)
    assert not thread.is_alive()


_SCRIPT = """
import json, sys, time
from pathlib import Path
import numpy as np
from app.vision.embedders.dlib_resnet import DlibEmbedder
from app.vision.runtime import RuntimeOptions

def resident():
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024

embedder = DlibEmbedder(Path(sys.argv[1]), runtime=RuntimeOptions(idle_seconds=0.5))
chips = np.random.default_rng(0).integers(0, 255, (32, 150, 150, 3), np.uint8)
before = embedder.embed(chips)
busy = resident()
deadline = time.monotonic() + 20
while (embedder._session.loaded or resident() > busy - 40) and time.monotonic() < deadline:
    time.sleep(0.05)
idle = resident()
after = embedder.embed(chips)
print(json.dumps({"busy": busy, "idle": idle, "same": bool((before == after).all())}))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_falls_when_idle_and_the_next_call_works(models_cache: Path):
    command = [sys.executable, "-c", _SCRIPT, str(models_cache)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    answer = json.loads(done.stdout)
    assert answer["same"]
    # the network alone is 21 MiB, and what it needs for 32 chips at least as much; how much more depends on the processor
    assert answer["idle"] < answer["busy"] - 40, answer

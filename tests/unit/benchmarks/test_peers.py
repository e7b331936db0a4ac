"""Running other people's tools apart."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import peers
from benchmarks.peers import Peer, PeerError


def test_a_peer_answers_task_after_task(tmp_path: Path) -> None:
    pytest.importorskip("dlib", reason="dlib has no build for this Python")
    np.save(tmp_path / "chips.npy", np.zeros((2, 150, 150, 3), np.uint8))
    with Peer(Path(sys.executable), "dlib", tmp_path) as peer:
        assert peer.about.startswith("dlib ")
        answers = [peer.ask("embed", chips=str(tmp_path / "chips.npy")) for _ in range(2)]
        assert [answer["faces"] for answer in answers] == [2, 2]
        assert min(answer["seconds"] for answer in answers) > 0
        with pytest.raises(PeerError, match=r"stopped: .*no-such-file"):
            peer.ask("embed", chips="no-such-file.npy")


def test_a_peer_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="KeyError: 'nobody'"):
        Peer(Path(sys.executable), "nobody", tmp_path)


def test_what_cannot_be_installed_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("faaaaaces-no-such-package @ file:///no/such/folder\n")
    monkeypatch.setattr(peers, "REQUIREMENTS", wanted)
    said: list[str] = []
    with pytest.raises(PeerError, match=r"could not be installed: .*no/such/folder"):
        peers.prepare(said.append, tmp_path / "environment")
    assert said
    assert not (tmp_path / "environment" / ".installed").exists()


def test_an_environment_that_is_there_is_taken_as_it_is(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    (tmp_path / ".installed").write_text(peers.fingerprint())
    said: list[str] = []
    assert peers.prepare(said.append, tmp_path) == python
    assert said == []


def test_the_fingerprint_follows_the_requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = peers.fingerprint()
    (tmp_path / "requirements.txt").write_text("mtcnn\n")
    monkeypatch.setattr(peers, "REQUIREMENTS", tmp_path / "requirements.txt")
    assert peers.fingerprint() != before

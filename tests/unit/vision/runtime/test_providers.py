from __future__ import annotations

import logging

import onnxruntime
import pytest

from app.errors import ConfigError, ModelError
from app.vision.runtime import OnnxSession, RuntimeOptions, available_providers, check_providers, loading
from tests.small_models import doubling_model

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
OPENVINO = "OpenVINOExecutionProvider"


def install(monkeypatch: pytest.MonkeyPatch, *runtimes: str) -> None:
    """Lets ONNX Runtime say that it was built with these, as other builds of it do."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*runtimes, CPU])


def test_this_installation_has_a_cpu():
    assert "cpu" in available_providers()


@pytest.mark.parametrize(
    ("installed", "wanted", "expected"),
    [
        pytest.param([], ["auto"], ("cpu",), id="auto, nothing but the CPU"),
        pytest.param([CUDA, TENSORRT], ["auto"], ("cuda", "cpu"), id="auto leaves TensorRT alone"),
        pytest.param([OPENVINO], ["AUTO"], ("openvino", "cpu"), id="auto, OpenVINO, any case"),
        pytest.param([OPENVINO], [], ("openvino", "cpu"), id="nothing said"),
        pytest.param([CUDA], ["cpu"], ("cpu",), id="the CPU in spite of a GPU"),
        pytest.param([CUDA], ["cuda"], ("cuda", "cpu"), id="what a GPU cannot, the CPU does"),
        pytest.param([CUDA, TENSORRT], [" tensorrt", "cpu", "CUDA"], ("tensorrt", "cuda", "cpu"), id="order, CPU last"),
    ],
)
def test_providers_are_chosen(monkeypatch, installed, wanted, expected):
    install(monkeypatch, *installed)
    assert check_providers(wanted) == expected


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (["cuda", "cpu"], "make setup-gpu"),
        (["tensorrt"], "TensorRT"),
        (["openvino"], "onnxruntime-openvino"),
        (["rocm"], "'rocm'"),
        (["auto", "cpu"], "auto alone"),
    ],
)
def test_what_is_not_installed_is_an_error_that_says_what_to_do(monkeypatch, wanted, words):
    install(monkeypatch)
    with pytest.raises(ConfigError, match=words):
        check_providers(wanted)
    with pytest.raises(ConfigError, match=words):
        OnnxSession(doubling_model(), runtime=RuntimeOptions(providers=tuple(wanted)))


@pytest.mark.filterwarnings("ignore:Specified provider")
class TestProviderThatFails:
    """This build of ONNX Runtime has no CUDA: a session that asks for it fails here for real."""

    @pytest.fixture(autouse=True)
    def _pretend(self, monkeypatch):
        install(monkeypatch, CUDA)
        monkeypatch.setattr(loading, "_failed", set())

    def test_gives_way_to_the_cpu_where_the_choice_was_ours(self, caplog, capfd):
        with caplog.at_level(logging.WARNING, loading.__name__):
            sessions = [OnnxSession(doubling_model()) for _ in range(2)]
        assert [session.providers for session in sessions] == [("cpu",)] * 2
        assert not sessions[0].accelerated
        assert [record.__dict__["provider"] for record in caplog.records] == ["cuda"]
        assert "EP Error" not in capfd.readouterr().out

    def test_is_an_error_where_it_was_asked_for(self):
        with pytest.raises(ModelError, match="cuda was asked for"):
            OnnxSession(doubling_model(), runtime=RuntimeOptions(providers=("cuda",)))

    def test_is_not_blamed_for_a_damaged_file(self):
        with pytest.raises(ModelError, match="cannot be loaded"):
            OnnxSession(b"no model", runtime=RuntimeOptions(providers=("cuda",)))


def test_what_runs_is_logged_once(caplog):
    loading._announce.cache_clear()
    with caplog.at_level(logging.INFO, loading.__name__):
        for _ in range(3):
            OnnxSession(doubling_model(), runtime=RuntimeOptions(providers=("cpu",)))
    assert [record.getMessage() for record in caplog.records] == ["networks run on cpu"]

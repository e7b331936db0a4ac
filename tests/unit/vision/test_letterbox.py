from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from app.domain import Image
from app.vision.letterbox import Layout, Letterbox, PixelFormat, Slot, fill, plan


def picture(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_pictures_of_like_shape_share_a_tensor_in_their_order() -> None:
    slots = plan([(360, 640), (640, 360), (358, 633), (360, 640)], 32, 2**20)
    assert [(slot.indices, slot.height, slot.width) for slot in slots] == [
        ((0, 2, 3), 384, 640),
        ((1,), 640, 384),
    ]


@pytest.mark.parametrize(
    ("count", "limit", "shares"),
    [(5, 4, [3, 2]), (4, 4, [4]), (9, 4, [3, 3, 3]), (3, 1, [1, 1, 1]), (2, 0, [1, 1])],
)
def test_tensors_are_bounded_and_even(count: int, limit: int, shares: list[int]) -> None:
    slots = plan([(64, 64)] * count, 32, limit * 64 * 64)
    assert [len(slot.indices) for slot in slots] == shares
    assert [index for slot in slots for index in slot.indices] == list(range(count))


def test_many_shapes_become_few() -> None:
    random = np.random.default_rng(1)
    sizes = [(int(h), int(w)) for h, w in random.integers(1, 641, (300, 2))]
    slots = plan(sizes, 8, 2**24)
    assert len({(slot.height, slot.width) for slot in slots}) <= 9
    assert sorted(index for slot in slots for index in slot.indices) == list(range(300))
    for slot in slots:
        for index in slot.indices:
            assert sizes[index][0] <= slot.height
            assert sizes[index][1] <= slot.width


def test_padding_is_right_and_bottom_only() -> None:
    image = picture(5, 7)
    tensor = fill([image], Slot((0,), 8, 16), PixelFormat(layout="nhwc", floating=False))
    assert tensor.dtype == np.uint8
    assert tensor.shape == (1, 8, 16, 3)
    np.testing.assert_array_equal(tensor[0, :5, :7], image)
    assert not tensor[0, 5:].any()
    assert not tensor[0, :, 7:].any()


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("bgr", [False, True])
@pytest.mark.parametrize(("mean", "scale"), [(None, 1.0), ((123.0, 117.0, 104.0), 1.0), ((127.5,) * 3, 1 / 128)])
def test_pixels_are_ordered_and_normalised(layout, bgr, mean, scale) -> None:
    image = picture(6, 4)
    tensor = fill([image, image[:3]], Slot((1, 0), 8, 8), PixelFormat(layout, bgr, mean, scale))
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    if layout == "nchw":
        tensor = tensor.transpose(0, 2, 3, 1)
    expected = (image.astype(np.float64) - (mean or 0)) * scale
    expected = expected[..., ::-1] if bgr else expected
    np.testing.assert_allclose(tensor[1, :6, :4], expected, atol=1e-5)
    np.testing.assert_allclose(tensor[0, :3, :4], expected[:3], atol=1e-5)
    assert not tensor[0, 3:].any()


def test_a_network_sees_every_picture_once() -> None:
    images = [picture(40, 60, seed) for seed in range(5)] + [picture(90, 20, 9)]
    box = Letterbox(PixelFormat(), stride=32, max_pixels=2 * 64 * 64)
    seen: dict[int, float] = {}
    for slot, (means,) in box.run(images, lambda tensors: ([t.sum((1, 2, 3), dtype=np.float64)] for t in tensors)):
        seen.update(zip(slot.indices, means.tolist(), strict=True))
    assert seen == {index: float(image.sum()) for index, image in enumerate(images)}


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_a_tensor_that_is_filled_again_holds_nothing_of_before(layout: Layout) -> None:
    box, tensors = Letterbox(PixelFormat(layout), stride=32), []
    for image in (picture(60, 60, 1), picture(40, 33, 2), picture(33, 20, 2)):
        ((_, (copied, given)),) = box.run([image], lambda each: ([tensor.copy(), tensor] for tensor in each))
        tensors.append(given)
        np.testing.assert_array_equal(copied, fill([image], Slot((0,), 64, given.size // 192), PixelFormat(layout)))
    assert all(np.shares_memory(tensors[0], tensor) for tensor in tensors)


def test_no_pictures_need_no_run() -> None:
    assert list(Letterbox(PixelFormat()).run([], lambda tensors: ([tensor] for tensor in tensors))) == []


def test_a_failing_network_is_heard() -> None:
    def fail(tensors: Iterator[np.ndarray]) -> Iterator[list[np.ndarray]]:
        next(tensors)
        raise RuntimeError("no")
        yield []

    with pytest.raises(RuntimeError, match="no"):
        list(Letterbox(PixelFormat()).run([picture(8, 8)] * 3, fail))

"""RetinaFace-MobileNet0.25 in PyTorch, written after its description, to compare our graph with."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def _conv(inputs: int, outputs: int, stride: int = 1, side: int = 3, slope: float | None = 0.0) -> nn.Sequential:
    layers = [nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([nn.LeakyReLU(slope)] if slope is not None else []))


def _separable(inputs: int, outputs: int, stride: int, slope: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.LeakyReLU(slope),
        nn.Conv2d(inputs, outputs, 1, 1, 0, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(slope),
    )


class _Context(nn.Module):
    def __init__(self, slope: float) -> None:
        super().__init__()
        self.conv3X3 = _conv(64, 32, slope=None)
        self.conv5X5_1 = _conv(64, 16, slope=slope)
        self.conv5X5_2 = _conv(16, 16, slope=None)
        self.conv7X7_2 = _conv(16, 16, slope=slope)
        self.conv7x7_3 = _conv(16, 16, slope=None)

    def forward(self, x: Tensor) -> Tensor:
        middle = self.conv5X5_1(x)
        far = self.conv7x7_3(self.conv7X7_2(middle))
        return functional.relu(torch.cat([self.conv3X3(x), self.conv5X5_2(middle), far], 1))


class _Head(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.conv1x1 = nn.Conv2d(64, 2 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1x1(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, self.width)


class RetinaFace(nn.Module):
    """Gives boxes (n, anchors, 4), class probabilities (n, anchors, 2) and points (n, anchors, 10)."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        plan = [
            [(8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)],
            [(64, 128, 2), *[(128, 128, 1)] * 5],
            [(128, 256, 2), (256, 256, 1)],
        ]
        stages = [[_separable(*block, slope) for block in stage] for stage in plan]
        stages[0].insert(0, _conv(3, 8, 2, slope=slope))
        self.body = nn.ModuleDict({f"stage{n}": nn.Sequential(*stage) for n, stage in enumerate(stages, 1)})
        parts = {f"output{n}": _conv(64 * 2 ** (n - 1), 64, side=1, slope=slope) for n in (1, 2, 3)}
        self.fpn = nn.ModuleDict(parts | {f"merge{n}": _conv(64, 64, slope=slope) for n in (1, 2)})
        self.ssh1, self.ssh2, self.ssh3 = (_Context(slope) for _ in range(3))
        self.ClassHead, self.BboxHead, self.LandmarkHead = (
            nn.ModuleList(_Head(width) for _ in range(3)) for width in (2, 4, 10)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        levels = []
        for number in (1, 2, 3):
            x = self.body[f"stage{number}"](x)
            levels.append(self.fpn[f"output{number}"](x))
        fine, middle, coarse = levels
        middle = self.fpn["merge2"](middle + functional.interpolate(coarse, size=middle.shape[2:], mode="nearest"))
        fine = self.fpn["merge1"](fine + functional.interpolate(middle, size=fine.shape[2:], mode="nearest"))
        seen = [self.ssh1(fine), self.ssh2(middle), self.ssh3(coarse)]
        classes, boxes, points = (
            torch.cat([head(x) for head, x in zip(heads, seen, strict=True)], 1)
            for heads in (self.ClassHead, self.BboxHead, self.LandmarkHead)
        )
        return boxes, functional.softmax(classes, -1), points


def random_retinaface(slope: float, seed: int = 0) -> RetinaFace:
    """One with random weights and, as after training, statistics that are not 0 and 1."""
    torch.manual_seed(seed)
    net = RetinaFace(slope).eval()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_var, 0.5, 2.0)
            nn.init.normal_(part.running_mean, 0, 0.2)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.2)
    return net

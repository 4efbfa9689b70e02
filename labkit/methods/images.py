"""Bring images into the form that the course's networks take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.base.errors import UsageError


def as_input(images: NDArray[Any]) -> NDArray[np.float32]:
    """Return images as a network takes them: float32 (n, height, width, channels) in [0, 1].

    *images*: whole numbers from 0 to 255, which are divided by 255, or floats in [0, 1], which are scaled already;
    (n, height, width) gets an axis for its one channel, (n, height, width, channels) has it. Raises UsageError for
    other values.
    """
    scaled = _scaled(np.asarray(images))
    return scaled if scaled.ndim >= 4 else scaled[..., None]


def scaled_to(images: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return images as `as_input` scales them, for a network that takes (n, *shape*): one channel's axis is added only
    where *shape* has one that the images lack."""
    scaled = _scaled(np.asarray(images))
    return scaled[..., None] if (*scaled.shape[1:], 1) == shape else scaled


def _scaled(images: NDArray[Any]) -> NDArray[np.float32]:
    if images.dtype.kind not in "iuf":
        raise UsageError(f"The images are {images.dtype}: give whole numbers from 0 to 255, or floats from 0 to 1.")
    whole = images.dtype.kind in "iu"
    if images.size and images.dtype != np.uint8:
        low, high, top = float(images.min()), float(images.max()), 255 if whole else 1
        if not np.isfinite(low + high):
            raise UsageError("Some images are not finite (NaN or infinite): leave them out, or replace those values.")
        if low < 0 or high > top:
            kind = "whole numbers" if whole else "floats"
            raise UsageError(
                f"The images are {images.dtype} from {low:g} to {high:g}, but {kind} must be from 0 to {top}: scale "
                "them to the range that the network was trained on, which is 0 to 1."
            )
    scaled = images.astype(np.float32)
    return scaled / np.float32(255) if whole else scaled

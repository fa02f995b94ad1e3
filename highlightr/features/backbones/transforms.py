"""What of a picture a network looks at.

In: (height, width, 3) uint8. Out: a square of it, as uint8; scaling to floats happens on the device.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def squeezed_square(image: npt.NDArray[np.uint8], pixels: int) -> npt.NDArray[np.uint8]:
    """The whole picture scaled (bilinear) to (pixels, pixels, 3), its aspect ignored."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((pixels, pixels), Image.Resampling.BILINEAR))


def central_square(image: npt.NDArray[np.uint8], pixels: int) -> npt.NDArray[np.uint8]:
    """The (pixels, pixels, 3) square in the middle; half a pixel is rounded to even, as in torchvision.

    A picture whose shorter side is not at least `pixels` is scaled to it first (bilinear), so that any frame fits.
    """
    height, width = image.shape[:2]
    if min(height, width) < pixels:
        from PIL import Image

        factor = pixels / min(height, width)
        size = (max(pixels, round(width * factor)), max(pixels, round(height * factor)))
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
        height, width = image.shape[:2]
    top, left = round((height - pixels) / 2), round((width - pixels) / 2)
    return np.ascontiguousarray(image[top : top + pixels, left : left + pixels])

# Which way up a picture is.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``rotation``, ``flip_horizontal`` and ``flip_vertical``, as viewers understand them.

Mainsail and Fluidd turn the picture clockwise, and flip what they see then: the last
one of the transforms that they give to the browser, ``scaleX(-1) rotate(90deg)``, is
done first. Whatever else shows a picture has to do as they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from typing import Self

    from PIL import Image


@attrs.frozen
class Orientation:
    """Turned by ``rotation``, clockwise 0, 90, 180 or 270 degrees, and then flipped."""

    flip_horizontal: bool = False
    flip_vertical: bool = False
    rotation: int = 0

    def flips_first(self) -> Self:
        """What is the same for who flips first and turns then; its own inverse.

        After a quarter turn, left and right are what top and bottom were.
        """
        if self.rotation % 180 == 0:
            return self
        return attrs.evolve(
            self,
            flip_horizontal=self.flip_vertical,
            flip_vertical=self.flip_horizontal,
        )

    def seen(self, image: Image.Image) -> Image.Image:
        """What a viewer sees of ``image``."""
        return self._flipped(_clockwise(image, self.rotation))

    def unseen(self, image: Image.Image) -> Image.Image:
        """What a viewer has to get in order to see ``image``."""
        return _clockwise(self._flipped(image), -self.rotation)

    def _flipped(self, image: Image.Image) -> Image.Image:
        from PIL import ImageOps  # the command line starts without it

        if self.flip_horizontal:
            image = ImageOps.mirror(image)
        return ImageOps.flip(image) if self.flip_vertical else image


UPRIGHT = Orientation()


def _clockwise(image: Image.Image, degrees: int) -> Image.Image:
    # By quarters this copies pixels; only another angle would have to mix them.
    return image.rotate(-degrees, expand=True)

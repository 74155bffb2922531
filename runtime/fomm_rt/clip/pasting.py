"""Results of the source picture's own size: animated faces, pasted back into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fomm_rt.animator import Animator
from fomm_rt.faces.paste_back import PasteBack
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.source import Reference, Source


@dataclass(frozen=True)
class PastedFace:
    """One face: its prepared source, the reference of its driver (None in absolute mode), and how it is pasted."""

    source: Source
    reference: Reference | None
    paste: PasteBack


class PastedPicture:
    """A picture whose faces are animated in place.

    Args:
        animator: Animates; its source and reference change with every face.
        picture: (H, W, 3) uint8 RGB.
        framings: The square around each face.
        references: Of each face's driver; None in absolute mode.
    """

    def __init__(
        self, animator: Animator, picture: Image, framings: Sequence[Framing], references: Sequence[Reference | None]
    ) -> None:
        self._animator = animator
        self._picture = picture
        self._faces = [
            self._prepare(framing, reference) for framing, reference in zip(framings, references, strict=True)
        ]
        # Of overlapping squares the smaller one is laid on top, because its face is farther from its edges.
        self._order = sorted(range(self.faces), key=lambda index: -self._faces[index].paste.square.side)

    @property
    def faces(self) -> int:
        """Number of animated faces."""
        return len(self._faces)

    def __call__(self, keypoints: Sequence[Keypoints]) -> Image:
        """The picture with every face animated by the keypoints of its driver's frame."""
        canvas = self._picture.copy()
        for index in self._order:
            face = self._faces[index]
            self._animator.set_source(face.source)
            if face.reference is not None:
                self._animator.set_reference(face.reference)
            face.paste(canvas, self._animator.animate(keypoints[index]))
        return canvas

    def _prepare(self, framing: Framing, reference: Reference | None) -> PastedFace:
        square = framing.region(*self._picture.shape[:2])
        source = self._animator.prepare_source(self._picture, framing)
        self._animator.set_source(source)
        if reference is not None:
            self._animator.set_reference(reference)
        # The source at rest: driven by the reference itself, or in absolute mode by its own pose.
        rest = source.keypoints if reference is None else reference.keypoints
        assert rest is not None
        return PastedFace(
            source, reference, PasteBack(self._picture, square, source.image, self._animator.animate(rest))
        )

"""Prepared sources, and the reference that relative motion is measured from."""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from fomm_rt.backends.protocol import Backend, PreparedReference, PreparedSource
from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.motion.transfer import ABSOLUTE, relative_transfer


@dataclass(frozen=True, eq=False)
class Source:
    """A source picture that `Animator.prepare_source` prepared. Only that animator takes it."""

    _prepared: PreparedSource
    _backend: Backend

    @property
    def image(self) -> Image:
        """(size, size, 3) uint8: a copy of the source as the networks see it."""
        return self._prepared.image.copy()

    @property
    def keypoints(self) -> Keypoints:
        """A copy of the source's keypoints."""
        return self._prepared.keypoints.copy()

    def belongs_to(self, backend: Backend) -> bool:
        """True if this backend prepared the source."""
        return self._backend is backend


@dataclass(frozen=True, eq=False)
class Reference:
    """Settings of motion transfer and the keypoints that relative motion is measured from.

    It caches one prepared form for every source that is still in use, so going back to a source costs nothing.
    """

    relative: bool
    adapt_scale: bool
    keypoints: Keypoints | None = None
    _prepared: WeakKeyDictionary[Source, PreparedReference] = field(default_factory=WeakKeyDictionary, init=False)

    @property
    def is_missing(self) -> bool:
        """True if motion is relative and no reference frame has been set."""
        return self.relative and self.keypoints is None

    def prepare(self, source: Source) -> PreparedReference:
        """The reference prepared for a source, which is computed once."""
        prepared = self._prepared.get(source)
        if prepared is None:
            transfer = ABSOLUTE
            if self.relative:
                assert self.keypoints is not None
                transfer = relative_transfer(source._prepared.keypoints, self.keypoints, self.adapt_scale)
            prepared = source._backend.prepare_reference(source._prepared, transfer)
            self._prepared[source] = prepared
        return prepared

"""A set of built engines, wherever its bytes are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fomm_rt.engines.manifest import EngineManifest
from fomm_rt.errors import EngineError

Contents = Mapping[str, bytes]
"""Name -> serialized engine."""


@dataclass(frozen=True)
class EngineSet:
    """A set of engines.

    Attributes:
        path: Its file or folder.
        manifest: Its description.
        content: Returns the bytes of an engine, not checked yet.
    """

    path: Path
    manifest: EngineManifest
    content: Callable[[str], bytes] = field(repr=False, compare=False)

    def read(self, name: str) -> bytes:
        """Reads an engine and checks its size and SHA-256, since TensorRT may crash on an altered one.

        Raises:
            EngineError: The set has no such engine, or it is missing, cut, altered or writable by others.
        """
        rebuild = f"Rebuild: {self.manifest.rebuild_command}"
        entry = self.manifest.engines.get(name)
        if entry is None:
            names = ", ".join(self.manifest.engines)
            raise EngineError(f"{self.path}: expected an engine {name}; there are only {names}. {rebuild}")
        try:
            content = self.content(name)
        except OSError as error:
            raise EngineError(f"{self.path}: cannot be read ({error.strerror}). {rebuild}") from error
        if len(content) != entry.size_bytes:
            raise EngineError(
                f"{self.path}: expected {entry.size_bytes} bytes of the {name} engine, found {len(content)}; it was "
                f"cut or altered since it was built. {rebuild}"
            )
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise EngineError(
                f"{self.path}: the SHA-256 of the {name} engine is not the one in the manifest; it was altered since "
                f"it was built. {rebuild}"
            )
        return content

    def check(self) -> None:
        """Reads every engine.

        Raises:
            EngineError: See `read`.
        """
        for name in self.manifest.engines:
            self.read(name)

"""What the user of `fomm-rt studio` has asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fomm_rt.bundled import bundled_avatars
from fomm_rt.errors import MediaError
from fomm_rt.live.avatars import pictures_in
from fomm_rt.model.names import BUNDLED
from fomm_rt.studio.limits import Limits
from fomm_rt.workers.messages import LoadOptions


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of the command.

    Attributes:
        load: The default model and what runs it.
        avatars: Folders of pictures, and pictures; the bundled ones if empty.
        host: The address to listen on.
        port: None for the first free one from `server.FIRST_PORT`.
        certificate: Files of a TLS certificate and its key; None for HTTP.
        is_verbose: True if worker processes may print.
    """

    load: LoadOptions = field(default_factory=lambda: LoadOptions(None))
    avatars: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int | None = None
    certificate: tuple[Path, Path] | None = None
    is_verbose: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def model_name(self) -> str:
        """What the default model is called."""
        return self.load.model or BUNDLED

    def avatar_files(self) -> list[Path]:
        """The pictures of the gallery.

        Raises:
            MediaError: There is no such folder or picture, or there are none in it.
        """
        if not self.avatars:
            return bundled_avatars()
        for path in self.avatars:
            if not path.exists():
                raise MediaError(f"{path}: there is no such folder or picture of avatars")
        found = pictures_in(self.avatars)
        if not found:
            raise MediaError(f"{', '.join(map(str, self.avatars))}: holds no picture; add a PNG or JPEG of a face")
        return [path.absolute() for path in found]

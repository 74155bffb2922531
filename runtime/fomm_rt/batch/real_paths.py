"""Paths with all links followed."""

from __future__ import annotations

import os
from pathlib import Path


class RealPaths:
    """Follows links. The links of a folder are followed once: many jobs have files in one."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def __call__(self, path: Path) -> str:
        """The absolute path of what a path leads to, which need not exist."""
        found = self.in_folder(path)
        return os.path.realpath(found) if os.path.islink(found) else found  # noqa: PTH114  not for strange names

    def in_folder(self, path: Path) -> str:
        """The same, if a path itself is a link: the path of the link."""
        folder, name = os.path.split(path)
        if name in ("", os.pardir, os.curdir):
            return os.path.realpath(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)  # noqa: PTH118

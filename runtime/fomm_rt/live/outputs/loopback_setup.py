"""The kernel module v4l2loopback: its state, and the commands that install and load it."""

from __future__ import annotations

import platform
from contextlib import suppress
from pathlib import Path

LOAD = 'sudo modprobe v4l2loopback exclusive_caps=1 card_label="fomm-rt"'
RELOAD = f"sudo modprobe -r v4l2loopback && {LOAD}"
JOIN_GROUP = 'sudo usermod -aG video "$USER"'

_INSTALL = {
    "debian": "sudo apt install v4l2loopback-dkms",
    "arch": "sudo pacman -S v4l2loopback-dkms",
    "fedora": "sudo dnf install akmod-v4l2loopback",  # from RPM Fusion
}
_MODULES, _LOADED = Path("/lib/modules"), Path("/sys/module/v4l2loopback")


def install_command() -> str:
    """The command that installs the module on this distribution; that of Debian on others."""
    found: dict[str, str] = {}
    with suppress(OSError):
        found = platform.freedesktop_os_release()
    names = [found.get("ID", ""), *found.get("ID_LIKE", "").split()]
    return next((_INSTALL[name] for name in names if name in _INSTALL), _INSTALL["debian"])


def is_loaded() -> bool:
    """True if the module is loaded."""
    return _LOADED.exists()


def is_installed() -> bool:
    """True if the module was built for the running kernel."""
    with suppress(OSError):
        listed = (_MODULES / platform.release() / "modules.dep").read_text(encoding="utf-8", errors="replace")
        return "/v4l2loopback.ko" in listed
    return False

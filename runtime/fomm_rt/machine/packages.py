"""Versions of installed packages, and the address of this one."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, metadata, version


def installed_version(distribution: str) -> str | None:
    """The version of an installed distribution; None if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def installed_versions(distributions: Iterable[str]) -> dict[str, str]:
    """Name -> version of those distributions that are installed, in the given order."""
    found = ((name, installed_version(name)) for name in distributions)
    return {name: found_version for name, found_version in found if found_version is not None}


def project_address() -> str | None:
    """The address of this project, which [project.urls] in pyproject.toml names; None if it is not installed."""
    try:
        urls = metadata("fomm-rt").get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    return next((url for label, _, url in (entry.partition(", ") for entry in urls) if label == "Repository"), None)

"""A studio that the tests of a file share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio_client import Client, running_studio


@pytest.fixture(scope="module")
def client(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a studio with the small model."""
    with running_studio(tmp_path_factory.mktemp("studio") / "run", small_model) as found:
        yield found

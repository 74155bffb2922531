from __future__ import annotations

from pathlib import Path

import pytest

from fomm_rt.engines.store import EngineStore


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "cache" / "engines")

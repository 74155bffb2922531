from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from fomm_rt.errors import TrainingError
from fomm_train.people import Studio, shared_studio
from fomm_train.people.assets import base_mesh


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """One thread draws small frames and trains tiny networks faster than several that wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _unless_required(reason: TrainingError) -> None:
    if os.environ.get("FOMM_REQUIRE_PEOPLE") == "1":
        pytest.fail(str(reason))
    pytest.skip(str(reason))


@pytest.fixture(scope="session")
def shapes() -> None:
    """MakeHuman's shapes are installed."""
    try:
        base_mesh()
    except TrainingError as error:
        _unless_required(error)


@pytest.fixture(scope="session")
def camera(shapes: None) -> Studio:  # noqa: ARG001 (for its skip)
    """A studio for small pictures."""
    try:
        return shared_studio(96)
    except TrainingError as error:
        _unless_required(error)
        raise

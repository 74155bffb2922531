import os

import pytest

from fomm_rt.errors import TrainingError
from fomm_train.people import Studio, shared_studio
from fomm_train.people.assets import base_mesh


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

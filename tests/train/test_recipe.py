"""Recipes check their values."""

import pytest

from fomm_train.recipe import Stage
from tiny_training import FRAME_SIZE


def test_rejects_a_stage_that_trains_an_unknown_part() -> None:
    with pytest.raises(ValueError, match="stage tiny: trains is 'picture'; expected one of"):
        Stage("tiny", 1, FRAME_SIZE, 1, 4, 1e-3, 1e-3, trains="picture")  # type: ignore[arg-type]

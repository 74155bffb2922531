"""Free memory is checked before long work."""

import pytest

from fomm_rt.errors import TrainingError
from fomm_train.capacity import check_memory


def test_rejects_a_machine_with_too_little_memory() -> None:
    check_memory(1)
    with pytest.raises(TrainingError, match="GB of available memory; found"):
        check_memory(1 << 60)

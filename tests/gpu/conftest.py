"""The GPU that these tests run on. Not executed so far: no GPU was at hand where this was written.

Nothing here needs the rest of the project's tests, so that they run wherever NumPy, PyTorch, pytest and CUDA's Python
packages are: see `make gpu`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn

import pytest

from fomm_kernels import driver_problem
from gpu_memory import Gpu


@pytest.fixture(scope="session")
def do_without() -> Callable[[str], NoReturn]:
    """Skips a test for a reason, or fails it where FOMM_REQUIRE_GPU=1 promises a GPU and what uses it."""

    def leave(problem: str) -> NoReturn:
        if os.environ.get("FOMM_REQUIRE_GPU", "0") != "0":
            pytest.fail(f"FOMM_REQUIRE_GPU is set, but {problem}", pytrace=False)
        pytest.skip(problem)

    return leave


@pytest.fixture(scope="session")
def gpu(do_without: Callable[[str], NoReturn]) -> Gpu:
    """The first GPU; without one tests are skipped or fail."""
    if problem := driver_problem():
        do_without(problem)
    return Gpu()

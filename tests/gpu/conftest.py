"""The GPU that these tests run on. Not executed so far: no GPU was at hand where this was written.

Nothing here needs the rest of the project's tests, so that they run wherever NumPy, PyTorch, pytest and CUDA's Python
packages are: see `make gpu`.
"""

from __future__ import annotations

import os

import pytest

from fomm_kernels import driver_problem
from gpu_memory import Gpu


@pytest.fixture(scope="session")
def gpu() -> Gpu:
    """The first GPU; without one tests are skipped, or fail where FOMM_REQUIRE_GPU=1 promises one."""
    problem = driver_problem()
    if problem and os.environ.get("FOMM_REQUIRE_GPU", "0") != "0":
        pytest.fail(f"FOMM_REQUIRE_GPU is set, but {problem}", pytrace=False)
    if problem:
        pytest.skip(problem)
    return Gpu()

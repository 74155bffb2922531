"""The executor that the tests of kernels run on."""

import pytest

from fomm_kernels import HostKernels
from kernel_memory import SANITIZED


@pytest.fixture(scope="session")
def executor() -> HostKernels:
    return HostKernels(sanitize=SANITIZED)

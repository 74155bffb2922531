"""The machine and software of a run, as results name them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from fomm_bench.results.field_types import Count, Label, Record


class Environment(Record, kw_only=True):
    """The result of `machine.environment.describe_environment`, and the threads of a comparison.

    Attributes:
        cores: Cores that this process may use.
        load: Load average of the minute before.
        memory_gb: Main memory in GiB.
        gpus: Name, driver and memory of each NVIDIA GPU.
        cuda: CUDA version of the driver.
        python: Version of the benchmark's Python.
        threads: CPU threads given to each contestant.
    """

    cpu: Label
    cores: Count
    cores_of_machine: Count | None = None
    load: Annotated[float, Meta(ge=0)] | None = None
    memory_gb: Annotated[int, Meta(ge=0)]
    gpus: Annotated[list[Label], Meta(max_length=64)]
    cuda: Label | None = None
    system: Label
    kernel: str | None = None
    python: Label
    packages: dict[Label, str] = field(default_factory=dict)
    threads: Count | None = None

    def describe(self) -> str:
        """One phrase for people, such as "Intel(R) Xeon(R), 2 cores"."""
        return "; ".join([f"{self.cpu}, {self.cores} core{'s' * (self.cores != 1)}", *self.gpus])

    @property
    def machine(self) -> tuple[object, ...]:
        """The fields that distinguish machines; two machines of the same kind are equal."""
        return (self.cpu, self.cores, self.memory_gb, *self.gpus, self.system)

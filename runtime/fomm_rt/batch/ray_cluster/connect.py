"""Connects to a Ray cluster and finds out what it can do."""

from __future__ import annotations

import logging
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import msgspec

from fomm_rt.batch.pool import Pool
from fomm_rt.errors import BatchError, first_line
from fomm_rt.workers.messages import LoadOptions

PROBE_S = 120.0
"""How long a machine may take to say which version it has."""
CONNECT_S = 5.0
_ADDRESS = re.compile(r"(?P<host>[^:/\[\]\s]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")


@dataclass(frozen=True)
class RayOptions:
    """What the user chose: for the attributes see `animate_many`."""

    address: str
    workers: int | None = None
    num_cpus: float | None = None
    num_gpus: float | None = None


def connect(options: RayOptions, jobs: int, load: LoadOptions) -> tuple[Pool, LoadOptions]:
    """Connects to a cluster.

    Args:
        options: What the user chose.
        jobs: The number of jobs.
        load: The options of the model.

    Returns:
        The pool, and the model's options for it.

    Raises:
        BatchError: Ray is not installed, there is no cluster, it offers too little, or a machine has another version.
    """
    if find_spec("ray") is None:
        raise BatchError("Ray is not installed; install it with: pip install 'fomm-rt[ray]'")
    from fomm_rt.batch.ray_cluster.library import ray
    from fomm_rt.batch.ray_cluster.pool import RayPool

    was_connected: bool = ray.is_initialized()
    close: Callable[[], None] = (lambda: None) if was_connected else ray.shutdown
    try:
        if not was_connected:
            _initialize(options.address)
        nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        _check_versions(nodes)
        num_cpus, num_gpus, capacity = _capacity(options, nodes, load.backend)
    except BaseException:
        close()
        raise
    count = min(options.workers or capacity, capacity, max(jobs, 1))
    threads = load.threads or (None if num_gpus else max(1, int(num_cpus)))
    load = msgspec.structs.replace(load, threads=threads, auto_build=num_gpus > 0)
    return RayPool(count, num_cpus, num_gpus, close), load


def _initialize(address: str) -> None:
    from fomm_rt.batch.ray_cluster.library import ray

    if address != "auto":
        _check_address(address)
    try:
        with _own_signal_handlers():
            ray.init(address=address, log_to_driver=False, configure_logging=False, logging_level=logging.ERROR)
    except Exception as error:  # of many types
        raise BatchError(_why_not_connected(address, error)) from error


@contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Keeps this process's handling of termination: `ray.init` replaces it by an end with exit code 15."""
    number = signal.SIGTERM
    handler = signal.getsignal(number)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield
        return
    try:
        yield
    except SystemExit as error:
        if error.code == number:  # Ray's handler has run
            signal.signal(number, handler)
            signal.raise_signal(number)
        raise
    finally:
        signal.signal(number, handler)


def _check_address(address: str) -> None:
    """Makes sure that something listens, because Ray itself tries for minutes."""
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match["port"]) < 1 << 16:
        raise BatchError(
            f"expected auto, or HOST:PORT of the head of a Ray cluster such as 10.0.0.1:6379; got {address!r}. Run the "
            "batch on a machine of the cluster"
        )
    try:
        socket.create_connection((match["host"].strip("[]"), int(match["port"])), CONNECT_S).close()
    except OSError as error:
        raise BatchError(
            f"there is no Ray cluster at {address} ({error.strerror or error}); start one with: ray start --head"
        ) from error


def _why_not_connected(address: str, error: Exception) -> str:
    text = str(error)
    if "ersion mismatch" in text:
        told = " ".join(text.split())
        return f"the Ray cluster has another version of Ray or Python than this machine: {told[:400]}"
    if address == "auto" and isinstance(error, ConnectionError):
        return "this machine belongs to no Ray cluster; start one with: ray start --head, or give HOST:PORT"
    return f"the Ray cluster at {address} cannot be used: {first_line(error)}"


def _check_versions(nodes: Sequence[dict[str, Any]]) -> None:
    """Makes sure that all machines have this version. Raises BatchError if one has another."""
    from fomm_rt.batch.ray_cluster.library import GetTimeoutError, NodeAffinitySchedulingStrategy, RayError, ray
    from fomm_rt.batch.ray_cluster.pool import other_version
    from fomm_rt.version import __version__

    def installed_version() -> str | None:
        # Sent as code, because the package may be missing there.
        try:
            from fomm_rt.version import __version__ as version
        except ImportError:
            return None
        return version

    probe = ray.remote(num_cpus=0)(installed_version)
    asked = {
        node["NodeManagerAddress"]: probe.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote()
        for node in nodes
    }
    for machine, reference in asked.items():
        try:
            version = ray.get(reference, timeout=PROBE_S)
        except GetTimeoutError:
            raise BatchError(f"{machine}, a machine of the cluster, does not answer; remove or restart it") from None
        except RayError as error:
            raise BatchError(f"{machine}, a machine of the cluster, cannot run tasks: {first_line(error)}") from error
        if version != __version__:
            raise BatchError(other_version(machine, version))


def _capacity(options: RayOptions, nodes: Sequence[dict[str, Any]], backend: str) -> tuple[float, float, int]:
    """What each worker gets, and how many fit into the cluster."""
    has_gpus = any(node["Resources"].get("GPU", 0) for node in nodes)
    num_gpus = options.num_gpus
    if num_gpus is None:
        wants_gpu = has_gpus if backend == "auto" else backend not in ("cpu", "onnxruntime-cpu")
        num_gpus = 1.0 if wants_gpu else 0.0
    num_cpus = 1.0 if options.num_cpus is None else options.num_cpus
    if num_gpus == 0 and num_cpus == 0:
        raise BatchError("expected num_cpus or num_gpus above 0; else Ray would start any number of workers")
    capacity = sum(_fitting(node["Resources"], num_cpus, num_gpus) for node in nodes)
    if capacity == 0:
        raise BatchError(
            f"no machine of the cluster has num_cpus={num_cpus:g} and num_gpus={num_gpus:g} for a worker; lower them"
        )
    return num_cpus, num_gpus, capacity


def _fitting(resources: dict[str, float], num_cpus: float, num_gpus: float) -> int:
    asked = [(name, amount) for name, amount in (("CPU", num_cpus), ("GPU", num_gpus)) if amount]
    return min(int(resources.get(name, 0.0) / amount + 1e-6) for name, amount in asked)

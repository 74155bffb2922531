"""A fake of Ray whose workers answer as a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from fomm_rt.batch.animation import Order
from fomm_rt.batch.ray_cluster.actor import Described
from fomm_rt.version import __version__

Answer = Callable[[str, Order, Sequence[str], Any], Any]
"""Gets the name of a worker, a job, the inputs and the model that were sent; answers, or raises an error of Ray."""


class _Method:
    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def options(self, **_options: object) -> _Method:
        return self

    def remote(self, *arguments: Any) -> Callable[[], Any]:
        """The reference is a function; `FakeRay.get` calls it."""
        return lambda: self._call(*arguments)


class FakeHandle:
    """A fake of a worker's handle."""

    def __init__(self, name: str, describe: Callable[[str], Any], answer: Answer) -> None:
        self.name = name
        self.describe = _Method(lambda: describe(name))
        self.animate = _Method(
            lambda order, _model, _signatures, received, files, *_contents: answer(name, order, received, files)
        )
        self.cancel = _Method(lambda: None)


class FakeRay:
    """A fake of the module `ray`.

    Args:
        answer: Answers to jobs.
        describe: Answers to `describe`; may raise.

    Attributes:
        killed: Names of workers, in the order in which they were killed; they are called w0, w1 and so on.
        put: Raised or returned for what is put into the object store.
    """

    def __init__(self, answer: Answer, describe: Callable[[str], Any] | None = None) -> None:
        self._answer = answer
        self._describe = describe or (lambda name: Described(name, __version__, True))
        self._numbers = count()
        self.killed: list[str] = []
        self.put: Callable[[Any], Any] = lambda value: value

    def remote(self, **_options: object) -> Callable[[type], Any]:
        """Decorates the class of workers."""

        class Made:
            @staticmethod
            def remote(_shared: str) -> FakeHandle:
                return FakeHandle(f"w{next(self._numbers)}", self._describe, self._answer)

        return lambda _class: Made

    def wait(self, references: list[Any], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        """All references are ready at once; the first ones come first."""
        assert references
        assert timeout > 0
        return references[:num_returns], references[num_returns:]

    def get(self, reference: Callable[[], Any]) -> Any:
        """The answer; raises its error."""
        return reference()

    def kill(self, handle: FakeHandle) -> None:
        """Notes it."""
        self.killed.append(handle.name)

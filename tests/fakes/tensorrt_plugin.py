"""TensorRT's own Python code for plugins, with fakes for TensorRT's library, which PyPI does not have.

Real: the package tensorrt_bindings, with the compiled bindings and all of `tensorrt.plugin`. Fake: the libraries that
the bindings link to, which are empty; the plugin registry; and what the library passes to a plugin while it builds an
engine (the expression builder and the arguments of the launch).

If the real library can be loaded, it is; the registry and the expressions are fakes even then.
"""

from __future__ import annotations

import ctypes
import importlib
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIBRARIES = ("libnvinfer.so.11", "libnvonnxparser.so.11", "libnvinfer_plugin.so.11")
FUNCTIONS = (
    "createInferBuilder_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createInferRuntime_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "createNvOnnxParser_INTERNAL",
    "getBuilderPluginRegistry",
    "getNvOnnxParserVersion",
    "getPluginRegistry",
    "initLibNvInferPlugins",
)
"""The functions that the bindings call."""


def bindings(folder: Path, compiler: Sequence[str] | str) -> Any:
    """Returns the bindings as `import tensorrt` would, with empty libraries if the real ones are missing.

    Args:
        folder: Receives the compiled libraries.
        compiler: Command of the C++ compiler.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in NVIDIA's own code
        try:
            return importlib.import_module("tensorrt")
        except ImportError:
            command = shlex.split(compiler) if isinstance(compiler, str) else [*compiler]
            source = folder / "nothing.cpp"
            source.write_text("".join(f'extern "C" void* {name}() {{ return nullptr; }}\n' for name in FUNCTIONS))
            for name in LIBRARIES:
                # The loader takes a library of that name that is already loaded.
                made = [*command, "-shared", "-fPIC", f"-Wl,-soname,{name}", str(source), "-o", str(folder / name)]
                subprocess.run(made, check=True)
                ctypes.CDLL(str(folder / name))
            return importlib.import_module("tensorrt_bindings")


class Registry:
    """A fake of TensorRT's plugin registry, `tensorrt.IPluginRegistry`."""

    def __init__(self) -> None:
        self.creators: dict[tuple[str, str, str], Any] = {}

    def register_creator(self, creator: Any, namespace: str) -> None:
        self.creators[creator.name, creator.plugin_version, namespace] = creator

    def get_creator(self, name: str, version: str, namespace: str) -> Any:
        return self.creators.get((name, version, namespace))


@contextmanager
def importable(trt: Any, registry: Registry) -> Iterator[Any]:
    """Makes `tensorrt` and `tensorrt.plugin` importable; yields the latter, and forgets its plugins at the end."""
    before = {name: sys.modules.get(name) for name in ("tensorrt", "tensorrt.plugin")}
    found = trt.get_plugin_registry
    sys.modules["tensorrt"] = trt
    trt.get_plugin_registry = lambda: registry
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trtp = importlib.import_module("tensorrt_bindings.plugin")
            lib = importlib.import_module("tensorrt_bindings.plugin._lib")
        sys.modules["tensorrt.plugin"] = trtp
        yield trtp
        for plugin in lib.QDP_REGISTRY:
            vars(trtp.op).pop(plugin.split("::")[0], None)
        lib.QDP_REGISTRY.clear()
        lib.QDP_CREATORS.clear()
    finally:
        trt.get_plugin_registry = found
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


class Sizes:
    """A fake of TensorRT's IExprBuilder, whose expressions know their values.

    Args:
        trt: The bindings.
    """

    def __init__(self, trt: Any) -> None:
        class Expression(trt.IDimensionExpr):  # type: ignore[misc]
            """A size: constant, or known when the engine runs."""

            known: bool
            value: Callable[[Mapping[str, int]], int]

            def is_constant(self) -> bool:
                return self.known

            def get_constant_value(self) -> int:
                return self.value({})

        self._expression = Expression
        operation = trt.DimensionOperation
        self._operations: dict[Any, Callable[[int, int], int]] = {
            operation.SUM: lambda a, b: a + b,
            operation.SUB: lambda a, b: a - b,
            operation.PROD: lambda a, b: a * b,
            operation.MAX: max,
            operation.MIN: min,
            operation.EQUAL: lambda a, b: int(a == b),
            operation.LESS: lambda a, b: int(a < b),
            operation.FLOOR_DIV: lambda a, b: a // b,
            operation.CEIL_DIV: lambda a, b: -(-a // b),
        }

    def _make(self, known: bool, value: Callable[[Mapping[str, int]], int]) -> Any:
        # Only the library can construct objects of this class; the methods used here are Python's.
        expression = self._expression.__new__(self._expression)
        expression.known, expression.value = known, value
        return expression

    def constant(self, value: int) -> Any:
        return self._make(True, lambda _: value)

    def named(self, name: str) -> Any:
        """A size that is known only when the engine runs."""
        return self._make(False, lambda sizes: sizes[name])

    def operation(self, op: Any, first: Any, second: Any) -> Any:
        compute = self._operations[op]
        known = first.known and second.known
        return self._make(known, lambda sizes: compute(first.value(sizes), second.value(sizes)))


class Numbers(dict[int, Any]):
    """A fake of TensorRT's list of a launch's scalar arguments."""

    nbSymExprs = 0  # noqa: N815


def readable(trtp: Any) -> Any:
    """Returns a readable subclass of `tensorrt.plugin._tensor.SymExprImpl`; the bindings can only write it."""
    original: Any = trtp._tensor.SymExprImpl

    class Readable(original):  # type: ignore[misc]
        def __init__(self, expression: Any) -> None:
            super().__init__(expression)
            self.given = expression._expr

    return Readable

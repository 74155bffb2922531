"""The TensorRT plugin, as far as it runs without TensorRT's library and without a GPU.

TensorRT's own Python code registers the plugin's functions, creates the plugin from a node's attributes as the ONNX
parser does, and calls the functions as the builder does; `fakes.tensorrt_plugin` fakes the rest. The kernel then runs
on the CPU with exactly the arguments that TensorRT would pass.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch.nn.functional as F

from fakes.tensorrt_plugin import Numbers, Registry, Sizes, bindings, importable, readable
from fomm_kernels import Array, CompileError, Executor, PluginError, grid_sample, nvrtc, plugin
from fomm_kernels.host import COMPILERS, build
from fomm_kernels.launching import BLOCK_SIZE
from kernel_memory import SANITIZED, Recorder, assert_close, random, run, stored, unwritten

NAMES = ("N", "S", "C", "H", "W", "h", "w")
"""Names of sizes: batch, the source's batch, channels, height and width, the grid's height and width."""
POINTERS, NUMBERS = 2, 10
"""Inputs, and scalar arguments between them and the output."""

PTX = ("compute_75", "compute_80", "compute_89", "compute_90", "compute_120")
CUBINS = ("sm_75", "sm_90", "sm_120")

storages = pytest.mark.parametrize("half", [False, True], ids=["float", "half"])
corners = pytest.mark.parametrize("align_corners", [False, True])


@dataclass
class Launched:
    """What TensorRT stores of the plugin in an engine.

    Attributes:
        entry: Function to launch.
        code: PTX.
        launch: Grid, block and shared memory, as expressions.
        numbers: Further arguments, as expressions.
    """

    entry: str
    code: str
    launch: Mapping[str, Any]
    numbers: Sequence[Any]

    def geometry(self, **sizes: int) -> dict[str, int]:
        return {name: expression.value(sizes) for name, expression in self.launch.items()}

    def arguments(self, **sizes: int) -> list[int]:
        return [expression.value(sizes) for expression in self.numbers]


class Builder:
    """Calls a plugin as TensorRT's builder does.

    Args:
        trt, trtp: The bindings, and their module of plugins.
        registry: Where the plugin is.
    """

    def __init__(self, trt: Any, trtp: Any, registry: Registry) -> None:
        self.trt, self.trtp, self.registry = trt, trtp, registry
        self.sizes = Sizes(trt)

    def create(self, **attributes: Any) -> Any:
        """Creates the plugin of a node as the ONNX parser does, from 32-bit integers."""
        trt = self.trt
        creator = self.registry.get_creator(plugin.NAME, "1", plugin.NAMESPACE)
        known = [field.name for field in creator.field_names]
        fields = [
            trt.PluginField(name, np.array([value], np.int32), trt.PluginFieldType.INT32)
            for name, value in attributes.items()
            if name in known
        ]
        collection = trt.PluginFieldCollection(fields)
        request = trt.QuickPluginCreationRequest.STRICT_AOT if attributes["aot"] else None
        return creator.create_plugin(plugin.NAME, plugin.NAMESPACE, collection, trt.TensorRTPhase.BUILD, request)

    def shape(self, made: Any, source: Sequence[int | str], grid: Sequence[int | str], types: Sequence[Any]) -> None:
        """Asks the plugin for type and shape of its output; names are sizes that are known later."""
        made.get_output_data_types(list(types), [len(source), len(grid)])
        made.get_output_shapes([self.expressions(source), self.expressions(grid)], [], self.sizes)

    def expressions(self, shape: Sequence[int | str]) -> list[Any]:
        return [self.sizes.constant(n) if isinstance(n, int) else self.sizes.named(n) for n in shape]

    def descriptions(self, shapes: Sequence[Sequence[int | str]], types: Sequence[Any], formats: Sequence[Any]) -> Any:
        result = []
        for shape, dtype, layout in zip(shapes, types, formats, strict=True):
            description = self.trt.PluginTensorDesc()
            description.dims = tuple(n if isinstance(n, int) else -1 for n in shape)
            description.type, description.format = dtype, layout
            dynamic = self.trt.DynamicPluginTensorDesc()
            dynamic.desc = description
            result.append(dynamic)
        return result

    def formats(self, made: Any, shapes: Sequence[Sequence[int | str]], types: Sequence[Any]) -> list[list[Any]]:
        """Returns the types and layouts that the plugin offers: per offer, one (type, layout) per tensor."""
        linear = [self.trt.TensorFormat.LINEAR] * 3
        offered = made.get_supported_format_combinations(self.descriptions(shapes, types, linear), POINTERS)
        offered = [(description.type, description.format) for description in offered]
        return [offered[i : i + 3] for i in range(0, len(offered), 3)]

    def build(
        self,
        half: bool,
        align_corners: bool,
        channels_last: bool,
        source: Sequence[int | str],
        grid: Sequence[int | str],
    ) -> Launched:
        """Calls all functions of the plugin in the order of a build, with the layout that TensorRT would select."""
        trt = self.trt
        made = self.create(**plugin.node_attributes(align_corners))
        storage = trt.float16 if half else trt.float32
        types = [storage, trt.float32, storage]
        shapes = [source, grid, (grid[0], source[1], grid[1], grid[2])]
        self.shape(made, source, grid, types[:2])
        offers = self.formats(made, shapes, types)
        chosen = [offer for offer in offers if (offer[0][1] != trt.TensorFormat.LINEAR) == channels_last]
        assert len(chosen) == 1
        assert [dtype for dtype, _ in chosen[0]] == types
        tensors = self.descriptions(shapes, types, [layout for _, layout in chosen[0]])
        made.configure_plugin(tensors[:POINTERS], tensors[POINTERS:])
        assert made.get_valid_tactics() == []
        made.set_tactic(0)
        launch, numbers = SimpleNamespace(), Numbers()
        expressions = [self.expressions(source), self.expressions(grid)]
        made.get_launch_params(expressions, tensors, POINTERS, launch, numbers, self.sizes)
        descriptions = [tensor.desc for tensor in tensors]
        entry, code = made.get_kernel(descriptions[:POINTERS], descriptions[POINTERS:])
        assert numbers.nbSymExprs == len(numbers)
        given = {name: filled.given for name, filled in vars(launch).items()}
        return Launched(entry, code.decode(), given, [number.given for number in numbers.values()])


@pytest.fixture(scope="module")
def trt(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The bindings, which are among the project's development dependencies."""
    if platform.machine() != "x86_64":
        pytest.skip("the wheels of TensorRT's bindings are for x86-64")
    compiler = os.environ.get("CXX") or next(name for name in COMPILERS if shutil.which(name))
    return bindings(tmp_path_factory.mktemp("libraries"), compiler)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def trtp(trt: Any, registry: Registry) -> Iterator[Any]:
    """`tensorrt.plugin` without registrations."""
    with importable(trt, registry) as module:
        yield module


@pytest.fixture
def builder(trt: Any, trtp: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Builder:
    plugin.register()
    monkeypatch.setattr(trtp._tensor, "SymExprImpl", readable(trtp))
    return Builder(trt, trtp, registry)


class TestRegistering:
    def test_twice(self, trtp: Any, registry: Registry) -> None:
        plugin.register()
        (creator,) = registry.creators.values()
        assert [field.name for field in creator.field_names] == ["align_corners"]
        plugin.register()
        assert list(registry.creators.values()) == [creator]
        definition = getattr(getattr(trtp.op, plugin.NAMESPACE), plugin.NAME)
        assert definition.input_tensor_names == ["source", "grid"]
        assert definition.aot_impl_func
        assert definition.autotune_func
        assert definition.impl_func is None, "no engine can call back into Python"

    def test_without_tensorrt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "tensorrt", None)
        monkeypatch.setattr(plugin, "find_spec", lambda _: None)
        with pytest.raises(
            PluginError, match=r"cannot be imported \(.*\): .* 10\.9 or newer\. Run: pip install 'fomm-rt"
        ):
            plugin.register()

    def test_with_tensorrt_rtx_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "tensorrt", None)
        monkeypatch.setattr(plugin, "find_spec", lambda _: object())
        with pytest.raises(PluginError, match=r"TensorRT-RTX, which is installed, takes no plugins.*leave GridSample"):
            plugin.register()

    @pytest.mark.parametrize("version", ["8.6.0", "10.8.0.43"])
    def test_an_old_tensorrt(self, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
        monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(__version__=version))
        with pytest.raises(
            PluginError, match=rf"10\.9 or newer; this is {re.escape(version)}\. Run: pip install --upg"
        ):
            plugin.register()

    @pytest.mark.usefixtures("trtp")
    def test_without_nvrtc(self, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "cuda.bindings", None)
        with pytest.raises(CompileError, match=r"pip install 'fomm-rt\[cuda\]'"):
            plugin.register()
        assert not registry.creators
        monkeypatch.undo()
        plugin.register()
        assert registry.creators

    def test_importing_needs_no_tensorrt(self) -> None:
        program = (
            "import sys, fomm_kernels.plugin\n"
            "assert not [name for name in sys.modules if name.split('.')[0].startswith(('tensorrt', 'cuda'))]"
        )
        subprocess.run([sys.executable, "-c", program], check=True)


class TestNode:
    @corners
    def test_onnx_takes_it(self, align_corners: bool) -> None:
        node = onnx.helper.make_node(
            plugin.NAME, ["x", "grid"], ["y"], domain=plugin.NAMESPACE, **plugin.node_attributes(align_corners)
        )
        tensors = [
            onnx.helper.make_tensor_value_info(name, dtype, shape)
            for name, dtype, shape in (
                ("x", onnx.TensorProto.FLOAT16, ("N", 8, 5, 6)),
                ("grid", onnx.TensorProto.FLOAT, ("N", 3, 4, 2)),
                ("y", onnx.TensorProto.FLOAT16, ("N", 8, 3, 4)),
            )
        ]
        graph = onnx.helper.make_graph([node], "sampled", tensors[:2], tensors[2:])
        opsets = [onnx.helper.make_opsetid(domain, version) for domain, version in (("", 18), (plugin.NAMESPACE, 1))]
        onnx.checker.check_model(onnx.helper.make_model(graph, opset_imports=opsets))

    @corners
    def test_it_becomes_the_plugin(self, builder: Builder, align_corners: bool) -> None:
        made = builder.create(**plugin.node_attributes(align_corners))
        assert isinstance(made, builder.trt.IPluginV3QuickAOTBuild)
        assert made.attrs == {"align_corners": align_corners}
        assert (made.plugin_name, made.plugin_namespace, made.plugin_version) == ("FommGridSample", "fomm", "1")

    def test_of_this_type_there_is_no_native_operator(self) -> None:
        """TensorRT's parser looks at the type alone before it looks for plugins."""
        assert not onnx.defs.has(plugin.NAME)


class TestShapes:
    @storages
    def test_of_the_output(self, builder: Builder, half: bool) -> None:
        trt = builder.trt
        made = builder.create(**plugin.node_attributes(True))
        storage = trt.float16 if half else trt.float32
        builder.shape(made, ("S", "C", "H", "W"), ("N", "h", "w", 2), [storage, trt.float32])
        (output,) = made.output_descs
        sizes = dict(zip(NAMES, (2, 1, 3, 5, 7, 11, 13), strict=True))
        assert [expression._expr.value(sizes) for expression in output.shape_expr] == [2, 3, 11, 13]
        assert output.dtype == storage
        assert made.output_types == [storage]

    @pytest.mark.parametrize(
        ("source", "grid", "message"),
        [
            (("HALF", 2, 8, 5, 6), ("HALF", 2, 3, 4, 2), r"expected grid as \(N, h, w, 2\) float32; got \(.*\) HALF"),
            (
                ("INT32", 2, 8, 5, 6),
                ("FLOAT", 2, 3, 4, 2),
                r"source as \(N, C, H, W\) float16 or float32; got .* INT32",
            ),
            (("HALF", 8, 5, 6), ("FLOAT", 2, 3, 4, 2), r"expected source as"),
            (("HALF", 2, 8, 5, 6), ("FLOAT", 2, 3, 4, 4, 2), "expected grid as"),
            (("HALF", "N", 8, 5, 6), ("FLOAT", "N", 3, 4, 3), r"grid as .* got \(\?, 3, 4, 3\) FLOAT\. Mend the graph"),
            (("HALF", 3, 8, 5, 6), ("FLOAT", 2, 3, 4, 2), r"a batch of 1 or 2 of sources; got \(3, 8, 5, 6\) HALF"),
        ],
    )
    def test_refused(self, builder: Builder, source: tuple[Any, ...], grid: tuple[Any, ...], message: str) -> None:
        types = [getattr(builder.trt.DataType, name) for name in (source[0], grid[0])]
        made = builder.create(**plugin.node_attributes(True))
        with pytest.raises(PluginError, match=message):
            builder.shape(made, source[1:], grid[1:], types)

    def test_another_align_corners(self, builder: Builder) -> None:
        trt = builder.trt
        made = builder.create(align_corners=2, aot=1)
        with pytest.raises(PluginError, match="align_corners as 0 or 1; got 2"):
            builder.shape(made, (1, 3, 4, 5), (1, 3, 4, 2), [trt.float32] * 2)


@pytest.mark.parametrize(
    ("half", "channels", "layouts"),
    [
        (True, 8, ["LINEAR", "HWC8"]),
        (True, 256, ["LINEAR", "HWC8"]),
        (True, 3, ["LINEAR"]),
        (True, 12, ["LINEAR"]),
        (True, "C", ["LINEAR"]),
        (False, 12, ["LINEAR", "HWC"]),
        (False, 3, ["LINEAR"]),
    ],
)
def test_layouts(builder: Builder, half: bool, channels: int | str, layouts: list[str]) -> None:
    """Channels last if they are whole pieces without padding; the grid is always linear."""
    trt = builder.trt
    storage = trt.float16 if half else trt.float32
    types = [storage, trt.float32, storage]
    made = builder.create(**plugin.node_attributes(True))
    shapes = [("N", channels, 5, 6), ("N", 3, 4, 2), ("N", channels, 3, 4)]
    builder.shape(made, shapes[0], shapes[1], types[:2])
    offers = builder.formats(made, shapes, types)
    assert [[dtype for dtype, _ in offer] for offer in offers] == [types] * len(layouts)
    assert [[layout.name for _, layout in offer] for offer in offers] == [[name, "LINEAR", name] for name in layouts]


def layouts_of(half: bool, channels: int) -> tuple[bool, ...]:
    """True for channels last; both where the plugin offers both."""
    return (False, True) if channels % (8 if half else 4) == 0 else (False,)


@storages
@pytest.mark.parametrize("channels", [1, 3, 4, 8, 12, 16, 40, 64, 256, 512, 1024])
def test_geometry_is_the_launchers(builder: Builder, channels: int, half: bool) -> None:
    """One build serves all sizes of batch, height and width, and equals a launch of `grid_sample` for each."""
    dtype = np.float16 if half else np.float32
    sizes = ((1, 1), (3, 4), (5, 8), (31, 33), (64, 64), (128, 128), (256, 256), (2000, 1))
    for channels_last in layouts_of(half, channels):
        built = builder.build(half, True, channels_last, ("S", channels, "H", "W"), ("N", "h", "w", 2))
        for (n, sources), (height, width), (h, w) in product([(1, 1), (3, 1), (4, 4)], [(64, 64), (7, 5)], sizes):
            recorder = Recorder(on_device=True)
            source, out = (
                Array(1 << 20, shape, np.dtype(dtype), strides_of(shape, channels_last))
                for shape in ((sources, channels, height, width), (n, channels, h, w))
            )
            grid_sample(recorder, source, Array(1 << 20, (n, h, w, 2), np.dtype(np.float32)), out, align_corners=True)
            (launch,) = recorder.launches
            given = dict(zip(NAMES, (n, sources, channels, height, width, h, w), strict=True))
            assert built.geometry(**given) == {
                "grid_x": launch.blocks[0],
                "grid_y": launch.blocks[1],
                "grid_z": 1,
                "block_x": BLOCK_SIZE,
                "block_y": 1,
                "block_z": 1,
                "shared_mem": launch.shared_bytes,
            }
            own = launch.arguments
            numbers = [sources, n, channels, height, width, h, w, own.pixels, own.align_corners, own.in_pieces]
            assert built.arguments(**given) == numbers


def strides_of(shape: tuple[int, ...], channels_last: bool) -> tuple[int, ...]:
    n, c, h, w = shape
    del n
    return (c * h * w, 1, w * c, c) if channels_last else (c * h * w, h * w, w, 1)


def test_channels_that_are_known_later(builder: Builder) -> None:
    built = builder.build(True, False, False, ("S", "C", "H", "W"), ("N", "h", "w", 2))
    sizes = dict(zip(NAMES, (2, 1, 7, 5, 6, 9, 11), strict=True))
    assert built.geometry(**sizes)["grid_x"] == -(-99 // 32)
    assert built.arguments(**sizes) == [1, 2, 7, 5, 6, 9, 11, 32, 0, 0]


class TestCode:
    @storages
    def test_arguments_are_inputs_then_numbers_then_outputs(self, builder: Builder, half: bool) -> None:
        """TensorRT passes a kernel's parameters in this order."""
        built = builder.build(half, True, True, (1, 8, 4, 4), (1, 4, 4, 2))
        assert not built.code.endswith("\0"), "TensorRT takes it as text"
        found = re.search(rf"\.visible \.entry {built.entry}\(([^)]*)\)", built.code)
        assert found
        assert len(built.numbers) == NUMBERS
        types = re.findall(r"\.param \.(\w+)", found[1])
        assert types == ["u64"] * POINTERS + ["u32"] * NUMBERS + ["u64"]

    @storages
    def test_it_runs_on_the_oldest_gpu(self, builder: Builder, half: bool) -> None:
        built = builder.build(half, True, False, (1, 8, 4, 4), (1, 4, 4, 2))
        assert f".target {plugin.ARCHITECTURE.replace('compute', 'sm')}\n" in built.code
        assert f"compute_{min(nvrtc.known_architectures())}" == plugin.ARCHITECTURE
        assert ("cvt.rn.f16.f32" in built.code) == half

    @storages
    @pytest.mark.parametrize("architecture", PTX)
    def test_ptx(self, half: bool, architecture: str) -> None:
        code, log = nvrtc.compile_with_log(plugin.KERNEL, half, architecture)
        body = code.decode().split(f".visible .entry {plugin.KERNEL}(")[1]
        assert len(re.findall(r"ld\.global\S*\.v4\.", body)) >= 4, "16 bytes are loaded at once"
        assert re.search(r"st\.global\S*\.v4\.", body), "and stored"
        assert ".local" not in body, "what the numbers are made into stays in registers"
        assert not log, "a warning"

    @storages
    @pytest.mark.parametrize("architecture", CUBINS)
    def test_cubin(self, half: bool, architecture: str) -> None:
        assert f".text.{plugin.KERNEL}\0".encode() in nvrtc.compile_kernel(plugin.KERNEL, half, architecture)


class AsTensorRT:
    """The kernel on the CPU, launched with the plugin's arguments."""

    def __init__(self, builder: Builder, half: bool, channels_last: bool) -> None:
        self.builder, self.half, self.channels_last = builder, half, channels_last
        self.library = ctypes.CDLL(str(build(half, SANITIZED)))

    def __call__(self, executor: Executor, source: Any, grid: Any, out: Any, *, align_corners: bool) -> None:
        """Launches the kernel as `grid_sample` does."""
        assert not executor.on_device
        (n, channels, h, w), (sources, _, height, width) = out.shape, source.shape
        built = self.builder.build(
            self.half, align_corners, self.channels_last, ("S", channels, "H", "W"), ("N", "h", "w", 2)
        )
        sizes = dict(zip(NAMES, (n, sources, channels, height, width, h, w), strict=True))
        geometry = built.geometry(**sizes)
        inputs, output = [ctypes.c_void_p(array.ctypes.data) for array in (source, grid)], out.ctypes.data
        function = getattr(self.library, built.entry)
        function(
            *inputs,
            *built.arguments(**sizes),
            ctypes.c_void_p(output),
            *(geometry[name] for name in ("grid_x", "grid_y", "shared_mem")),
        )


ERROR = 1e-5
"""Positions of up to 16 pixels have float32 errors of about 1e-6, times a difference of 2 between neighbours."""

SHAPES = [  # N, sources, C, H, W, h, w
    (1, 1, 3, 16, 16, 16, 16),
    (3, 3, 8, 7, 5, 4, 11),
    (4, 1, 16, 6, 9, 13, 7),
    (2, 2, 256, 8, 8, 8, 8),
    (2, 1, 12, 3, 16, 9, 2),
    (1, 1, 8, 1, 1, 33, 3),
]


@storages
@corners
@pytest.mark.parametrize("shape", SHAPES)
def test_numbers(builder: Builder, executor: Executor, shape: tuple[int, ...], half: bool, align_corners: bool) -> None:
    """The results equal those of `grid_sample` to the bit, and PyTorch's within tolerance."""
    n, sources, c, height, width, h, w = shape
    dtype = np.float16 if half else np.float32
    for channels_last in layouts_of(half, c):
        layout = "channels last" if channels_last else "channels first"
        source = stored(random(sources, c, height, width), dtype, layout)
        grid = stored(1.3 * random(n, h, w, 2, seed=1))
        results = []
        kernels: list[Callable[..., None]] = [AsTensorRT(builder, half, channels_last), grid_sample]
        for kernel in kernels:
            out = unwritten((n, c, h, w), dtype, layout)
            run(kernel, executor, source, grid, out, align_corners=align_corners)
            results.append(out)
        assert np.array_equal(results[0].array, results[1].array)
        pictures = source.double().expand(n, -1, -1, -1)
        assert_close(results[0].array, F.grid_sample(pictures, grid.double(), align_corners=align_corners), ERROR)


def test_hard_coordinates(builder: Builder, executor: Executor) -> None:
    values = (0, -1, 1, -1.13, 1.2, 1e30, -3e38, np.inf, np.nan)
    grid = stored(np.stack(np.meshgrid(values, values), axis=-1)[None])
    source = stored(random(1, 8, 5, 8), np.float16, "channels last")
    results = [unwritten((1, 8, len(values), len(values)), np.float16, "channels last") for _ in range(2)]
    kernels: list[Callable[..., None]] = [AsTensorRT(builder, True, True), grid_sample]
    for kernel, out in zip(kernels, results, strict=True):
        run(kernel, executor, source, grid, out, align_corners=True)
    assert np.array_equal(results[0].array, results[1].array)

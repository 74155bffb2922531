"""The grid sample as a plugin of TensorRT: its code goes into the engine, which then runs without Python or library.

Native GridSample wants pictures and grid of one type, and a grid in half moves what it samples (benchmarks/
half_grid.py); the plugin takes pictures in half or float32 along a grid in float32. It is a Quickly Deployable Plugin
with an implementation ahead of time, which takes TensorRT 10.9 or newer with its Python package: three functions that
TensorRT calls while it builds, and nothing afterwards. Whoever builds an engine with it calls `register` once in the
process, before parsing. TensorRT-RTX takes no plugins.

Code        PTX, the one form that TensorRT documents, for the lowest compute capability that NVRTC knows: the kernel
            moves memory and has nothing to gain from newer instructions, so one PTX serves every GPU. It is compiled
            by the driver that runs the engine, which takes no PTX newer than itself: NVRTC 13.0's wants driver 580.
Constants   TensorRT keeps no attributes for a plugin of this kind. What the kernel has to know (align_corners, layout)
            goes with the sizes as numbers of the launch, of which TensorRT does keep the expressions.
Layouts     Linear, and channels last where channels are whole pieces of 16 bytes, where the kernel is fastest: TensorRT
            times both among the layers around and takes one.
Shapes      Any, by the engine's profiles. TensorRT 11.1 and 11.2 are said to leak device memory with every change of
            shapes in a context that runs such a plugin (NVIDIA/TensorRT#4849): give every shape a context of its own.

Executed so far: all three functions, called by TensorRT's own Python code (11.4) with stand-ins for what its library
brings, and the kernel on a CPU. Not executed: TensorRT's builder with the plugin, its ONNX parser, and an engine on a
GPU; no GPU was at hand where this was written. The rules are those of `tensorrt.plugin` 11.4.0.106.
"""

# Annotations are read by TensorRT and have to be classes: no `from __future__ import annotations` here.

import re
import threading
from importlib.util import find_spec
from typing import Any

from fomm_kernels import nvrtc
from fomm_kernels.arrays import PIECE_BYTES, Tensor
from fomm_kernels.errors import PluginError
from fomm_kernels.launching import BLOCK_SIZE, PLUGIN_KERNELS
from fomm_kernels.warp import TAPS_BYTES, pixels_per_block

NAMESPACE, NAME, VERSION = "fomm", "FommGridSample", "1"
"""Of the plugin. Name and namespace are operator and domain of its node in an ONNX graph; the version is TensorRT's."""

(KERNEL,) = PLUGIN_KERNELS
"""Its source, and the function in it that TensorRT launches."""
ARCHITECTURE = "compute_75"
"""What it is compiled for, whatever the GPU."""

OLDEST_TENSORRT = (10, 9)
"""The first with plugins ahead of time."""

_lock = threading.Lock()


def node_attributes(align_corners: bool) -> dict[str, Any]:
    """Attributes of the node that takes the place of a GridSample in an ONNX graph.

        onnx.helper.make_node(NAME, [source, grid], [sampled], domain=NAMESPACE, **node_attributes(True))

    The graph has to import opset 1 of the domain NAMESPACE. Inputs and output are those of GridSample (bilinear, zeros
    outside): source (N or 1, C, H, W) float16 or float32, grid (N, h, w, 2) float32, sampled (N, C, h, w) like source.
    GridSample's `mode` and `padding_mode` are no attributes here.

    Args:
        align_corners: Whether -1 and 1 are the centres of the corner pixels, or the picture's edges.
    """
    return {
        "align_corners": int(align_corners),
        "plugin_namespace": NAMESPACE,
        "plugin_version": VERSION,
        "aot": 1,  # nothing else than an implementation ahead of time will do
    }


def register() -> None:
    """Makes the plugin known to TensorRT in this process; twice is harmless.

    Raises:
        PluginError: TensorRT is missing, older than OLDEST_TENSORRT, or of the flavour without plugins.
        CompileError: NVRTC is missing.
    """
    with _lock:
        trtp = _plugin_module()
        nvrtc.version()  # TensorRT would hide the error of a compiler that is missing in one of its own
        if not _is_registered(trtp):
            _define()


def _plugin_module() -> Any:
    """`tensorrt.plugin`, of a version that takes plugins ahead of time."""
    try:
        import tensorrt
    except ImportError as error:
        reason = f"TensorRT cannot be imported ({error})"
        if find_spec("tensorrt_rtx"):
            reason += "; TensorRT-RTX, which is installed, takes no plugins"
        raise PluginError(
            f"{reason}: the grid-sample plugin wants TensorRT {_dotted(OLDEST_TENSORRT)} or newer. Run: pip install "
            "'fomm-rt[tensorrt]', or leave GridSample in the graph"
        ) from error
    version = tuple(int(part) for part in re.findall(r"\d+", tensorrt.__version__)[:2])
    if version < OLDEST_TENSORRT or not hasattr(tensorrt, "QuickPluginCreationRequest"):
        raise PluginError(
            f"the grid-sample plugin wants TensorRT {_dotted(OLDEST_TENSORRT)} or newer; this is {tensorrt.__version__}"
            ". Run: pip install --upgrade 'fomm-rt[tensorrt]', or leave GridSample in the graph"
        )
    import tensorrt.plugin

    return tensorrt.plugin


def _is_registered(trtp: Any) -> bool:
    return hasattr(trtp.op, NAMESPACE) and hasattr(getattr(trtp.op, NAMESPACE), NAME)


def _define() -> None:
    """Hands the plugin's functions to TensorRT, which reads names, order and types of their parameters."""
    import tensorrt as trt
    import tensorrt.plugin as trtp

    def describe(source: trtp.TensorDesc, grid: trtp.TensorDesc, align_corners: int) -> trtp.TensorDesc:
        """Type and shape of the output."""
        _check(
            source.dtype in (trt.float16, trt.float32) and source.ndim == 4,
            "source as (N, C, H, W) float16 or float32",
            source,
        )
        _check(
            grid.dtype == trt.float32 and grid.ndim == 4 and _known(grid.shape_expr[3]) in (2, None),
            "grid as (N, h, w, 2) float32",
            grid,
        )
        _check(align_corners in (0, 1), "align_corners as 0 or 1", align_corners)
        sources, batch = _known(source.shape_expr[0]), _known(grid.shape_expr[0])
        _check(None in (sources, batch) or sources in (1, batch), f"a batch of 1 or {batch} of sources", source)
        n, h, w, _ = grid.shape_expr
        return trtp.from_shape_expr((n, source.shape_expr[1], h, w), source.dtype)

    def tune(
        source: trtp.TensorDesc, grid: trtp.TensorDesc, outputs: tuple[trtp.TensorDesc]
    ) -> list[trtp.AutoTuneCombination]:
        """Layouts for TensorRT to try."""
        del grid, outputs
        half = source.dtype == trt.float16
        storage = "FP16" if half else "FP32"
        layouts = ["LINEAR"]
        channels = source.shape[1]  # -1 where only the network's input will tell
        if channels > 0 and channels % (PIECE_BYTES // (2 if half else 4)) == 0:
            layouts.append("HWC8" if half else "HWC")
        return [
            trtp.AutoTuneCombination(f"{storage}, FP32, {storage}", f"{layout}, LINEAR, {layout}") for layout in layouts
        ]

    def implement(
        source: trtp.TensorDesc,
        grid: trtp.TensorDesc,
        align_corners: int,
        outputs: tuple[trtp.TensorDesc],
        tactic: int,
    ) -> tuple[str, str, trtp.KernelLaunchParams, trtp.SymExprs]:
        """Name and code of the kernel, its launch, and the numbers that it is given between inputs and outputs."""
        del outputs, tactic
        half = source.dtype == trt.float16
        channels_last = source.format != trt.TensorFormat.LINEAR
        # The number of channels decides only where they lie together, and there `tune` knew it.
        pixels = pixels_per_block(Tensor(channels=max(source.shape[1], 0)), channels_last, half)
        sources, channels, source_height, source_width = source.shape_expr
        batch, height, width, _ = grid.shape_expr
        launch = trtp.KernelLaunchParams(
            grid_x=trtp.cdiv(height * width, pixels),
            grid_y=batch,
            block_x=BLOCK_SIZE,
            shared_mem=TAPS_BYTES * pixels,
        )
        sizes = (sources, batch, channels, source_height, source_width, height, width)
        numbers = [*sizes, *(trtp.SymInt32(constant) for constant in (pixels, align_corners, int(channels_last)))]
        code = nvrtc.compiled(KERNEL, half, ARCHITECTURE).rstrip(b"\0").decode()
        return KERNEL, code, launch, trtp.SymIntExprs.from_tuple(numbers)

    plugin = f"{NAMESPACE}::{NAME}"
    trtp.register(plugin)(describe)
    trtp.autotune(plugin)(tune)
    trtp.aot_impl(plugin)(implement)


def _known(size: Any) -> int | None:
    """A size, where TensorRT knows it at this stage."""
    return None if size.is_fake or not size.is_constant else int(size.constant_value())


def _check(fits: bool, wanted: str, given: Any) -> None:
    if not fits:
        if hasattr(given, "shape_expr"):
            sizes = ("?" if (size := _known(expression)) is None else str(size) for expression in given.shape_expr)
            given = f"({', '.join(sizes)}) {given.dtype.name}"
        raise PluginError(f"{NAME}: expected {wanted}; got {given}. Mend the graph that holds the node")


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"

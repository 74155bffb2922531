"""The grid sample as a TensorRT plugin: its code is stored in the engine, which then runs without Python or a library.

TensorRT's GridSample requires pictures and grid of one type, and a grid in half precision shifts what it samples
(`benchmarks/studies/half_grid.py`). The plugin takes pictures in half or float32 along a float32 grid. It is a Quickly
Deployable Plugin with an ahead-of-time implementation, which needs TensorRT 10.9 or newer with its Python package:
TensorRT calls its three functions only while it builds. To build an engine with it, call `register` once in the
process, before parsing. TensorRT-RTX does not support plugins.

Code        PTX, the only form that TensorRT documents, for the lowest compute capability that NVRTC supports: the
            kernel moves memory and gains nothing from newer instructions, so one PTX serves every GPU. The driver that
            runs the engine compiles it and must be as new as the PTX: NVRTC 13.0 needs driver 580.
Constants   TensorRT stores no attributes for such a plugin. The values that the kernel needs (align_corners, layout)
            are passed with the sizes as scalar arguments of the launch, whose expressions TensorRT does store.
Layouts     Linear, and channels last if the channels are whole pieces of 16 bytes, where the kernel is fastest.
            TensorRT times both among the neighbouring layers and selects one.
Shapes      Any, within the engine's profiles. TensorRT 11.1 and 11.2 are reported to leak device memory with every
            change of shapes in a context that runs such a plugin (NVIDIA/TensorRT#4849): use one context per shape.

The rules are those of `tensorrt.plugin` 11.4.0.106.
"""

# TensorRT reads annotations, which must be classes: no `from __future__ import annotations` here.

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
"""Identify the plugin. In an ONNX graph, the name is the node's operator and the namespace its domain."""

(KERNEL,) = PLUGIN_KERNELS
"""Name of the source, and of the function in it that TensorRT launches."""
ARCHITECTURE = "compute_75"
"""Target of compilation for every GPU."""

OLDEST_TENSORRT = (10, 9)
"""The first version with ahead-of-time plugins."""

_lock = threading.Lock()


def node_attributes(align_corners: bool) -> dict[str, Any]:
    """Returns the attributes of the node that replaces a GridSample in an ONNX graph.

        onnx.helper.make_node(NAME, [source, grid], [sampled], domain=NAMESPACE, **node_attributes(True))

    The graph must import opset 1 of the domain NAMESPACE. Inputs and output are those of GridSample (bilinear, zeros
    outside): source (N or 1, C, H, W) float16 or float32, grid (N, h, w, 2) float32, sampled (N, C, h, w) like source.
    The node does not take GridSample's `mode` and `padding_mode`.

    Args:
        align_corners: True if -1 and 1 are the centres of the corner pixels, false if they are the picture's edges.
    """
    return {
        "align_corners": int(align_corners),
        "plugin_namespace": NAMESPACE,
        "plugin_version": VERSION,
        "aot": 1,  # requires an ahead-of-time implementation
    }


def register() -> None:
    """Registers the plugin with TensorRT in this process; a second call does nothing.

    Raises:
        PluginError: TensorRT is missing, older than OLDEST_TENSORRT, or of the flavour without plugins.
        CompileError: NVRTC is missing.
    """
    with _lock:
        trtp = _plugin_module()
        nvrtc.version()  # TensorRT would hide the error of a missing compiler in its own
        if not _is_registered(trtp):
            _define()


def _plugin_module() -> Any:
    """Returns `tensorrt.plugin` of a version with ahead-of-time plugins."""
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
    """Gives the plugin's functions to TensorRT, which reads the names, order and types of their parameters."""
    import tensorrt as trt
    import tensorrt.plugin as trtp

    def describe(source: trtp.TensorDesc, grid: trtp.TensorDesc, align_corners: int) -> trtp.TensorDesc:
        """Returns type and shape of the output."""
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
        """Returns the layouts for TensorRT to try."""
        del grid, outputs
        half = source.dtype == trt.float16
        storage = "FP16" if half else "FP32"
        layouts = ["LINEAR"]
        channels = source.shape[1]  # -1 if it depends on the network's input
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
        """Returns the kernel's name and code, its launch, and its scalar arguments between inputs and outputs."""
        del outputs, tactic
        half = source.dtype == trt.float16
        channels_last = source.format != trt.TensorFormat.LINEAR
        # The number of channels matters only for channels last, and there it is known.
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
    """Returns a size if TensorRT knows it at this stage."""
    return None if size.is_fake or not size.is_constant else int(size.constant_value())


def _check(fits: bool, wanted: str, given: Any) -> None:
    if not fits:
        if hasattr(given, "shape_expr"):
            sizes = ("?" if (size := _known(expression)) is None else str(size) for expression in given.shape_expr)
            given = f"({', '.join(sizes)}) {given.dtype.name}"
        raise PluginError(f"{NAME}: expected {wanted}; got {given}. Mend the graph that holds the node")


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"

"""The arguments that launchers accept and refuse, before any kernel runs."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fomm_kernels
from fomm_kernels import KERNELS, Array, ArrayError, HostKernels
from fomm_kernels.arrays import Tensor, in_pieces, view
from fomm_kernels.launching import Launch
from kernel_memory import Memory, Recorder, padded_strides, strides_of

N, K, H, W = 2, 5, 6, 7


def zeros(*shape: int, dtype: type = np.float32) -> NDArray[Any]:
    return np.zeros(shape, dtype)


def arguments(kernel: str) -> dict[str, Any]:
    """A valid launch."""
    every: dict[str, dict[str, Any]] = {
        "frame_input": {
            "pictures": zeros(N, 30, 40, 3, dtype=np.uint8),
            "quarter": zeros(N, 3, 4, 4),
            "size": 16,
            "part": (5, 0, 30, 30),
            "placed": (0, 0, 16, 16),
            "sigma": 1.5,
            "radius": 6,
            "frame": zeros(N, 3, 16, 16),
        },
        "keypoint_head": {
            "logits": zeros(N, K, H, W),
            "jacobian_maps": zeros(N, 4 * K, H, W),
            "keypoints": zeros(N, K, 6),
            "temperature": 0.1,
        },
        "motion": {
            "driving": zeros(N, K, 6),
            "source": zeros(N, K, 6),
            "transfer": zeros(N, K, 7),
            "quarter": zeros(N, 3, H, W),
            "hourglass_input": zeros(N, 4 * (K + 1), H, W),
            "sparse_motion": zeros(N, K, 8),
            "align_corners": True,
            "variance": 0.01,
        },
        "warp": {
            "mask_logits": zeros(N, K + 1, H, W),
            "occlusion_logits": zeros(N, 1, H, W),
            "sparse_motion": zeros(N, K, 8),
            "features": zeros(N, 8, 2 * H, 2 * W),
            "warped": zeros(N, 8, 2 * H, 2 * W),
            "align_corners": True,
            "deformation": zeros(N, H, W, 2),
            "mask": zeros(N, K + 1, H, W),
            "occlusion_map": zeros(N, 1, H, W),
        },
        "grid_sample": {
            "source": zeros(N, 8, H, W),
            "grid": zeros(N, 4, 9, 2),
            "out": zeros(N, 8, 4, 9),
            "align_corners": True,
        },
        "prediction_output": {"prediction": zeros(N, 3, H, W), "pictures": zeros(N, H, W, 3, dtype=np.uint8)},
        "blended_output": {
            "decoded": zeros(N, 4, H, W),
            "source": zeros(N, 3, H, W),
            "deformation": zeros(N, 2, 3, 2),
            "pictures": zeros(N, H, W, 3, dtype=np.uint8),
            "blend_mask": zeros(N, 1, H, W),
        },
    }
    return every[kernel]


WRITTEN = {
    "frame_input": ("quarter", "frame"),
    "keypoint_head": ("keypoints",),
    "motion": ("hourglass_input", "sparse_motion"),
    "warp": ("warped", "deformation", "mask", "occlusion_map"),
    "grid_sample": ("out",),
    "prediction_output": ("pictures",),
    "blended_output": ("pictures", "blend_mask"),
}
OPTIONAL = {
    ("frame_input", "frame"),
    ("keypoint_head", "jacobian_maps"),
    *(("warp", name) for name in ("occlusion_logits", "deformation", "mask", "occlusion_map")),
    ("blended_output", "blend_mask"),
}
ARRAYS = [
    (kernel, name) for kernel in KERNELS for name, value in arguments(kernel).items() if isinstance(value, np.ndarray)
]


def launch(kernel: str, changed: Mapping[str, Any] = MappingProxyType({}), on_device: bool = False) -> Recorder:
    recorder = Recorder(on_device)
    getattr(fomm_kernels, kernel)(recorder, **{**arguments(kernel), **changed})
    return recorder


def refusal(kernel: str, changed: Mapping[str, Any], on_device: bool = False) -> str:
    """Returns the launcher's error; fails the test if it launches anyway."""
    with pytest.raises(ArrayError) as caught:
        launch(kernel, changed, on_device)
    return str(caught.value)


class OnDevice:
    """A fake array of CuPy or PyTorch."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.__cuda_array_interface__ = array.__array_interface__


@pytest.mark.parametrize("kernel", KERNELS)
def test_structures_are_the_compilers(executor: HostKernels, kernel: str) -> None:
    (launched,) = launch(kernel).launches
    assert launched.kernel == kernel
    assert executor.argument_bytes(kernel) == ctypes.sizeof(launched.arguments)


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_takes_half(kernel: str) -> None:
    assert not launch(kernel).launches[0].half
    tensors = {
        name: value.astype(np.float16)
        for name, value in arguments(kernel).items()
        if isinstance(value, np.ndarray)
        and value.dtype == np.float32
        and value.ndim == 4
        and name not in ("grid", "deformation", "mask", "occlusion_map", "blend_mask")
    }
    assert launch(kernel, tensors).launches[0].half


UNFIT: dict[str, Callable[[NDArray[Any]], Any]] = {
    "one axis less": lambda array: array[0],
    "one axis more": lambda array: array[None],
    "nothing in it": lambda array: array[:, :0],
    "float64": lambda array: array.astype(np.float64),
    "int8": lambda array: array.astype(np.int8),
    "on the GPU": OnDevice,
}


@pytest.mark.parametrize(("kernel", "name"), ARRAYS)
@pytest.mark.parametrize("unfit", UNFIT)
def test_arrays_that_do_not_fit(kernel: str, name: str, unfit: str) -> None:
    array = UNFIT[unfit](arguments(kernel)[name])
    message = refusal(kernel, {name: array})
    got = view(array, "").describe()
    assert re.fullmatch(rf"{kernel}: expected {name} as \(.+\) .+ on the CPU; got {re.escape(got)}", message)


@pytest.mark.parametrize(("kernel", "name"), ARRAYS)
@pytest.mark.parametrize("value", [None, [[0.0]], 7])
def test_what_is_no_array(kernel: str, name: str, value: Any) -> None:
    if value is None and (kernel, name) in OPTIONAL:
        assert launch(kernel, {name: None}).launches
        return
    message = refusal(kernel, {name: value})
    assert message.startswith(f"{kernel}: {name}: expected an array with __cuda_array_interface__, a NumPy array")
    assert message.endswith(f"got a {type(value).__name__}")


@pytest.mark.parametrize(("kernel", "name"), ARRAYS)
def test_read_only(kernel: str, name: str) -> None:
    array = arguments(kernel)[name]
    array.flags.writeable = False
    if name in WRITTEN[kernel]:
        assert refusal(kernel, {name: array}).startswith(f"{kernel}: {name} is read-only")
    else:
        assert launch(kernel, {name: array}).launches


@pytest.mark.parametrize(("kernel", "name"), ARRAYS)
def test_no_address(kernel: str, name: str) -> None:
    array = arguments(kernel)[name]
    empty = Array(0, array.shape, array.dtype, on_device=False)
    assert refusal(kernel, {name: empty}).startswith(f"{kernel}: {name} has no address (0)")


@pytest.mark.parametrize(("kernel", "name"), [(kernel, name) for kernel, name in ARRAYS if name != "pictures"])
def test_elements_that_lie_across_words(kernel: str, name: str) -> None:
    """A CPU may tolerate it; a GPU faults and breaks all other work of the process."""
    array = arguments(kernel)[name]
    odd = np.frombuffer(bytearray(array.nbytes + 1), array.dtype, offset=1).reshape(array.shape)
    message = refusal(kernel, {name: odd})
    assert message.startswith(f"{kernel}: {name}")
    assert "aligned" in message


@pytest.mark.parametrize(("kernel", "name"), [(kernel, name) for kernel, name in ARRAYS if name != "pictures"])
def test_the_other_byte_order(kernel: str, name: str) -> None:
    array = arguments(kernel)[name]
    assert "; got " in refusal(kernel, {name: array.astype(array.dtype.newbyteorder(">"))})


SIZES = [
    ("frame_input", {"quarter": zeros(3, 3, 4, 4)}, "quarter as (2, 3, s, s) float16 or float32 on the CPU; got (3,"),
    ("frame_input", {"quarter": zeros(N, 4, 4, 4)}, "quarter as (2, 3, s, s)"),
    ("frame_input", {"quarter": zeros(N, 3, 4, 2)}, "a square quarter whose side divides 16; got 4×2"),
    ("frame_input", {"quarter": zeros(N, 3, 5, 5)}, "a square quarter whose side divides 16; got 5×5"),
    ("frame_input", {"quarter": zeros(N, 3, 32, 32)}, "a square quarter whose side divides 16; got 32×32"),
    ("frame_input", {"size": 0}, "a square quarter whose side divides 0; got 4×4"),
    ("frame_input", {"frame": zeros(N, 3, 16, 17)}, "frame as (2, 3, 16, 16) float32 on the CPU; got (2, 3, 16, 17)"),
    ("frame_input", {"pictures": zeros(N, 30, 40, 4, dtype=np.uint8)}, "pictures as (N, H, W, 3) uint8"),
    ("frame_input", {"part": (11, 0, 30, 30)}, "part (x, y, width, height) within 40×30 pixels; got (11, 0, 30, 30)"),
    ("frame_input", {"part": (0, 1, 30, 30)}, "part (x, y, width, height) within 40×30 pixels"),
    ("frame_input", {"part": (-1, 0, 30, 30)}, "part (x, y, width, height) within 40×30 pixels"),
    ("frame_input", {"part": (0, 0, 0, 30)}, "part (x, y, width, height) within 40×30 pixels"),
    ("frame_input", {"placed": (0, 1, 16, 16)}, "placed (x, y, width, height) within 16×16 pixels; got (0, 1, 16, 16)"),
    ("frame_input", {"radius": -1}, "a radius from 0 and a positive sigma; got -1 and 1.5"),
    ("frame_input", {"sigma": 0.0}, "a radius from 0 and a positive sigma; got 6 and 0.0"),
    ("frame_input", {"placed": (0, 0, 16, 0)}, "placed (x, y, width, height) within 16×16 pixels"),
    ("keypoint_head", {"jacobian_maps": zeros(N, 8, H, W)}, "4 jacobian maps, or 20 for 5 keypoints; got 8"),
    ("keypoint_head", {"jacobian_maps": zeros(N, 20, W, H)}, "jacobian_maps as (2, 4K or 4, 6, 7)"),
    ("keypoint_head", {"jacobian_maps": zeros(1, 20, H, W)}, "jacobian_maps as (2, 4K or 4, 6, 7)"),
    ("keypoint_head", {"keypoints": zeros(N, K, 7)}, "keypoints as (2, 5, 6) float32 on the CPU; got (2, 5, 7)"),
    ("keypoint_head", {"keypoints": zeros(N, 6, 6)}, "keypoints as (2, 5, 6)"),
    ("keypoint_head", {"keypoints": zeros(1, K, 6)}, "keypoints as (2, 5, 6)"),
    ("motion", {"driving": zeros(N, K, 2)}, "driving as (N, K, 6) float32 on the CPU; got (2, 5, 2) float32"),
    ("motion", {"source": zeros(3, K, 6)}, "source as (2, 5, 6)"),
    ("motion", {"source": zeros(1, 4, 6)}, "source as (1, 5, 6)"),
    ("motion", {"transfer": zeros(N, K, 6)}, "transfer as (2, 5, 7)"),
    ("motion", {"sparse_motion": zeros(1, K, 8)}, "sparse_motion as (2, 5, 8)"),
    ("motion", {"hourglass_input": zeros(N, 20, H, W)}, "hourglass_input as (2, 24, h, w)"),
    ("motion", {"quarter": zeros(N, 3, W, H)}, "quarter as (2, 3, 6, 7)"),
    ("motion", {"quarter": zeros(1, 4, H, W)}, "quarter as (1, 3, 6, 7)"),
    ("warp", {"occlusion_logits": zeros(N, 2, H, W)}, "occlusion_logits as (2, 1, 6, 7)"),
    ("warp", {"occlusion_logits": zeros(1, 1, H, W)}, "occlusion_logits as (2, 1, 6, 7)"),
    ("warp", {"sparse_motion": zeros(N, K + 1, 8)}, "sparse_motion as (2, 5, 8)"),
    ("warp", {"mask_logits": zeros(N, K, H, W)}, "sparse_motion as (2, 4, 8)"),
    ("warp", {"features": zeros(N, 9, 2 * H, 2 * W)}, "features as (2, 8, 12, 14)"),
    ("warp", {"features": zeros(1, 8, H, W)}, "features as (1, 8, 12, 14)"),
    ("warp", {"warped": zeros(1, 8, 2 * H, 2 * W)}, "warped as (2, C, H, W)"),
    ("warp", {"deformation": zeros(N, 2, H, W)}, "deformation as (2, 6, 7, 2)"),
    ("warp", {"mask": zeros(N, K, H, W)}, "mask as (2, 6, 6, 7)"),
    ("warp", {"occlusion_map": zeros(N, H, W, 1)}, "occlusion_map as (2, 1, 6, 7)"),
    ("grid_sample", {"source": zeros(N, 7, H, W)}, "source as (2, 8, H, W)"),
    ("grid_sample", {"source": zeros(3, 8, H, W)}, "source as (2, 8, H, W)"),
    ("grid_sample", {"grid": zeros(N, 9, 4, 2)}, "grid as (2, 4, 9, 2)"),
    ("grid_sample", {"grid": zeros(1, 4, 9, 2)}, "grid as (2, 4, 9, 2)"),
    ("prediction_output", {"prediction": zeros(N, 4, H, W)}, "prediction as (N, 3, H, W)"),
    ("prediction_output", {"pictures": zeros(N, 3, H, W, dtype=np.uint8)}, "pictures as (2, 6, 7, 3) uint8"),
    ("blended_output", {"decoded": zeros(N, 3, H, W)}, "decoded as (N, 4, H, W)"),
    ("blended_output", {"source": zeros(N, 3, H, W + 1)}, "source as (2, 3, 6, 7)"),
    ("blended_output", {"deformation": zeros(1, 2, 3, 2)}, "deformation as (2, h, w, 2)"),
    ("blended_output", {"pictures": zeros(N, H, W, 4, dtype=np.uint8)}, "pictures as (2, 6, 7, 3) uint8"),
    ("blended_output", {"blend_mask": zeros(N, H, W, 1)}, "blend_mask as (2, 1, 6, 7)"),
]


@pytest.mark.parametrize(("kernel", "changed", "expected"), SIZES)
def test_sizes(kernel: str, changed: dict[str, Any], expected: str) -> None:
    message = refusal(kernel, changed)
    assert message.startswith(f"{kernel}: expected {expected}")
    assert "; got " in message


def test_a_blur_too_wide_for_shared_memory() -> None:
    placed = {"size": 2000, "placed": (0, 0, 1, 1), "frame": None, "quarter": zeros(N, 3, 2, 2), "radius": 1998}
    message = refusal("frame_input", placed)
    assert "a frame of 2000 pixels is 1000 times its quarter" in message
    assert "Export the model for smaller frames (--size), or run it on ONNX Runtime" in message


def large(*shape: int, dtype: Any = np.float32) -> Array:
    """The memory does not exist and is never read."""
    return Array(1 << 12, shape, dtype, on_device=False)


def test_items_that_int_cannot_count() -> None:
    """Nor 2³¹ channels, rows or columns, which count as elements."""
    assert launch("prediction_output", {"prediction": large(1, 3, 23170, 23170), "pictures": pictures(23170, 23170)})
    for shape in ((1, 3, 1 << 16, 1 << 15), (1, 3, 1, 1 << 31), (1 << 31, 3, 1, 1)):
        message = refusal("prediction_output", {"prediction": large(*shape), "pictures": pictures(*shape[2:])})
        assert message.startswith("prediction_output: expected prediction with at most 2147483647 items of at most as")
        assert f"got {shape} float32 on the CPU" in message


def pictures(height: int, width: int) -> Array:
    return large(1, height, width, 3, dtype=np.uint8)


@pytest.mark.parametrize(("width", "height"), [((1 << 29) - 1, 1), (1, (1 << 29) - 1)])
def test_resizing_that_int_cannot_count(width: int, height: int) -> None:
    """Products of widths, which the kernel uses for areas."""
    side = {"size": 32, "placed": (0, 0, 32, 32), "frame": None, "quarter": zeros(1, 3, 8, 8)}
    changed = side | {"pictures": pictures(height, width), "part": (0, 0, width, height)}
    message = refusal("frame_input", changed)
    assert message.startswith("frame_input: expected a part whose width and height times those it is resized to are")
    assert message.endswith(f"got {width}×{height}, resized to 32×32. Look at a smaller part")
    assert launch("frame_input", changed | {"part": (0, 0, min(width, 1 << 20), min(height, 1 << 20))}).launches


@pytest.mark.parametrize(
    ("blocks", "shared_bytes", "expected"),
    [
        ((0, 1), 0, "that take 1 to 2147483647 blocks; these take 0"),
        ((1 << 31, 1), 0, "that take 1 to 2147483647 blocks; these take 2147483648"),
        ((1, 0), 0, "a batch of 1 to 65535; got 0"),
        ((1, 65536), 0, "a batch of 1 to 65535; got 65536"),
        ((1, 1), 49153, "that take at most 49152 bytes of shared memory; these take 49153"),
    ],
)
def test_what_a_device_cannot_launch(blocks: tuple[int, int], shared_bytes: int, expected: str) -> None:
    with pytest.raises(ArrayError, match=f"^warp: expected .*{expected}"):
        Launch("warp", False, Tensor(), blocks, shared_bytes)
    assert Launch("warp", False, Tensor(), ((1 << 31) - 1, 65535), 49152)


@pytest.mark.parametrize("temperature", [0, -0.1, np.nan, 1e-50])
def test_temperature(temperature: float) -> None:
    """The last value is 0 as a float32."""
    message = refusal("keypoint_head", {"temperature": temperature})
    assert message == f"keypoint_head: expected a temperature above 0; got {temperature}"


@pytest.mark.parametrize(
    ("kernel", "name"),
    [
        ("frame_input", "frame"),
        ("keypoint_head", "jacobian_maps"),
        ("motion", "quarter"),
        ("warp", "occlusion_logits"),
        ("warp", "features"),
        ("warp", "warped"),
        ("grid_sample", "source"),
    ],
)
def test_float_types_do_not_mix(kernel: str, name: str) -> None:
    half = arguments(kernel)[name].astype(np.float16)
    message = refusal(kernel, {name: half})
    assert message.startswith(f"{kernel}: expected {name} as (")
    assert f" float32 on the CPU; got {half.shape} float16" in message


ROWS = [
    ("keypoint_head", "keypoints"),
    *(("motion", name) for name in ("driving", "source", "transfer", "sparse_motion")),
    ("warp", "sparse_motion"),
]
DENSE = [
    *(("warp", name) for name in ("deformation", "mask", "occlusion_map")),
    ("grid_sample", "grid"),
    *(("blended_output", name) for name in ("deformation", "blend_mask")),
]


@pytest.mark.parametrize(("kernel", "name"), ROWS)
def test_rows_are_dense(kernel: str, name: str) -> None:
    array = arguments(kernel)[name]
    for axis in (1, 2):
        apart = np.repeat(array, 2, axis=axis)[(slice(None),) * axis + (slice(None, None, 2),)]
        assert refusal(kernel, {name: apart}).startswith(f"{kernel}: {name} needs dense rows; its strides are (")
    padded = Memory(array.shape, np.float32, padded_strides(array.shape, 0, 3))
    assert launch(kernel, {name: padded.array}).launches, "frames may be apart"


@pytest.mark.parametrize(("kernel", "name"), DENSE)
def test_c_order(kernel: str, name: str) -> None:
    array = arguments(kernel)[name]
    apart = Memory(array.shape, np.float32, padded_strides(array.shape, 0, 3)).array
    for other in (np.asfortranarray(array), apart):
        message = refusal(kernel, {name: other})
        assert message.startswith(f"{kernel}: {name} has to be in C order; its strides are (")


@pytest.mark.parametrize("kernel", ["frame_input", "prediction_output", "blended_output"])
def test_bytes_of_a_row_are_together(kernel: str) -> None:
    pictures = arguments(kernel)["pictures"]
    for apart in (pictures[..., ::-1], np.asfortranarray(pictures), np.repeat(pictures, 2, axis=2)[:, :, ::2]):
        message = refusal(kernel, {"pictures": apart})
        assert message.startswith(f"{kernel}: expected pictures with the bytes of a row together")
        assert message.endswith(f"got {apart.strides}")
    assert launch(kernel, {"pictures": np.repeat(pictures, 2, axis=1)[:, ::2]}).launches, "rows may be apart"


def test_strides_that_are_no_whole_elements() -> None:
    pairs = np.zeros((N, K, H, W), np.dtype([("logit", np.float32), ("flag", np.uint8)]))
    message = refusal("keypoint_head", {"logits": pairs["logit"]})
    assert message.startswith("keypoint_head: logits: its strides (1050, 210, 35, 5) are not whole elements of float32")


def test_arrays_on_the_device() -> None:
    """A device executor accepts __cuda_array_interface__ with strides, and refuses NumPy arrays."""
    host = arguments("grid_sample")
    source = zeros(N, H, W, 8).transpose(0, 3, 1, 2)
    device = {name: OnDevice(host[name]) for name in ("grid", "out")} | {"source": OnDevice(source)}
    launched = launch("grid_sample", device, on_device=True).launches[0]
    tensor = launched.arguments.source
    assert tensor.address == source.ctypes.data
    assert [getattr(tensor, f"{axis}_stride") for axis in ("batch", "channel", "row", "column")] == [336, 1, 56, 8]
    message = refusal("grid_sample", device | {"grid": host["grid"]}, on_device=True)
    assert message == (
        "grid_sample: expected grid as (2, 4, 9, 2) float32 on the GPU; got (2, 4, 9, 2) float32 on the CPU"
    )


def test_memory_that_no_library_speaks_for() -> None:
    memory = zeros(N, 3, H, W)
    dense = Array(memory.ctypes.data, memory.shape, np.dtype(np.float32), on_device=False)
    assert dense.strides == (3 * H * W, H * W, W, 1)
    arguments_given: Any = launch("prediction_output", {"prediction": dense}).launches[0].arguments
    assert arguments_given.prediction.address == memory.ctypes.data
    assert arguments_given.prediction.row_stride == W


@pytest.mark.parametrize("strides", [(126,), (126, 42, 7, 1, 1)])
def test_as_many_strides_as_axes(strides: tuple[int, ...]) -> None:
    memory = zeros(N, 3, H, W)
    with pytest.raises(ArrayError, match="strides"):
        launch(
            "prediction_output", {"prediction": Array(memory.ctypes.data, memory.shape, memory.dtype, strides, False)}
        )


@pytest.mark.parametrize(
    ("storage", "shape", "layout", "expected"),
    [
        (np.float32, (2, 8, 3, 5), "channels last", True),
        (np.float32, (2, 4, 3, 5), "channels last", True),
        (np.float32, (2, 6, 3, 5), "channels last", False),
        (np.float16, (2, 8, 3, 5), "channels last", True),
        (np.float16, (2, 4, 3, 5), "channels last", False),
        (np.float16, (2, 12, 3, 5), "channels last", False),
        (np.float32, (2, 12, 3, 5), "channels last, padded to 8", True),
        (np.float16, (2, 12, 3, 5), "channels last, padded to 8", False),
        (np.float32, (2, 8, 3, 5), "channels first", False),
    ],
)
def test_pieces_of_16_bytes(storage: type, shape: tuple[int, ...], layout: str, expected: bool) -> None:
    strides, half = strides_of(shape, layout), storage == np.float16
    tensor = Tensor(1 << 12, *shape, *strides)
    assert in_pieces(tensor, half=half) == expected
    plain = Tensor(1 << 12, 2, 8, 3, 5, *strides_of((2, 8, 3, 5), "channels first"))
    assert not in_pieces(tensor, plain, half=half)
    assert not in_pieces(Tensor((1 << 12) + np.dtype(storage).itemsize, *shape, *strides), half=half)
    for axis in (0, 2, 3):
        odd = [stride + (i == axis) for i, stride in enumerate(strides)]
        assert not in_pieces(Tensor(1 << 12, *shape, *odd), half=half)

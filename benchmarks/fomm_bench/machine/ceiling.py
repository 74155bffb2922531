"""Attainable rates of this machine, measured: large matrix products and a large copy.

PyTorch measures floating point, or NumPy without it; ONNX Runtime measures int8 on the CPU, as fomm-rt runs it. A rate
is the best of its runs, because disturbances only slow down.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter

import numpy as np

from fomm_bench.results.run_result import Ceiling, DeviceCeiling

SIDE = 1536
"""Side of the matrices on a CPU: large enough for the best rate, done in a fraction of a second."""
GPU_SIDE = 8192
COPY_BYTES = 1 << 28
GPU_COPY_BYTES = 1 << 31
RUNS = 8


def measure_ceiling(threads: int) -> Ceiling:
    """Measures the machine in this process, and its GPU if PyTorch finds one. NumPy chooses its own threads."""
    if find_spec("torch") is None:
        library, cpu, cuda = f"NumPy {np.__version__}", _numpy(), None
    else:
        import torch

        torch.set_num_threads(threads)
        library, cpu = f"PyTorch {torch.__version__}", _torch("cpu")
        cuda = _torch("cuda") if torch.cuda.is_available() else None
    if find_spec("onnx") is not None and find_spec("onnxruntime") is not None:
        from fomm_rt.machine.onnx_runtime import onnxruntime

        cpu.gmac_per_s["int8"] = _int8(threads)
        library += f", int8 by ONNX Runtime {onnxruntime.__version__}"
    return Ceiling(library, cpu, cuda)


def _int8(threads: int) -> float:
    """GMAC/s of uint8 by int8 into int32, as in int8 convolutions; the right side is constant, like weights."""
    from onnx import TensorProto, helper, numpy_helper

    from fomm_rt.machine.onnx_runtime import onnxruntime

    right = numpy_helper.from_array(np.ones((SIDE, SIDE), np.int8), "b")
    left = helper.make_tensor_value_info("a", TensorProto.UINT8, (SIDE, SIDE))
    product = helper.make_tensor_value_info("y", TensorProto.INT32, (SIDE, SIDE))
    node = helper.make_node("MatMulInteger", ["a", "b"], ["y"])
    graph = helper.make_graph([node], "product", [left], [product], [right])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    inputs = {"a": np.ones((SIDE, SIDE), np.uint8)}
    return SIDE**3 / _best_seconds(lambda: session.run(None, inputs)) / 1e9


def _numpy() -> DeviceCeiling:
    a = np.ones((SIDE, SIDE), np.float32)
    source = np.ones(COPY_BYTES // 4, np.float32)
    target = np.empty_like(source)
    out = np.empty_like(a)
    return DeviceCeiling(
        {"fp32": SIDE**3 / _best_seconds(lambda: np.matmul(a, a, out=out)) / 1e9},
        2 * source.nbytes / _best_seconds(lambda: np.copyto(target, source)) / 1e9,
    )


def _torch(device: str) -> DeviceCeiling:
    import torch

    on_gpu = device == "cuda"
    torch.backends.cuda.matmul.allow_tf32 = False
    wait: Callable[[], object] = torch.cuda.synchronize if on_gpu else lambda: None
    side, size = (GPU_SIDE, GPU_COPY_BYTES) if on_gpu else (SIDE, COPY_BYTES)
    rates = {}
    for precision, dtype in (("fp32", torch.float32), ("fp16", torch.float16))[: 1 + on_gpu]:
        a, out = torch.ones(2, side, side, dtype=dtype, device=device).unbind()

        def multiply(a: torch.Tensor = a, out: torch.Tensor = out) -> None:
            torch.mm(a, a, out=out)
            wait()

        rates[precision] = side**3 / _best_seconds(multiply) / 1e9
    source, target = torch.ones(2, size // 4, device=device).unbind()

    def copy() -> None:
        target.copy_(source)
        wait()

    return DeviceCeiling(rates, 2 * size / _best_seconds(copy) / 1e9)


def _best_seconds(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(RUNS):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return min(times)

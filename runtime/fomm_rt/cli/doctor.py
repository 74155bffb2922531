"""`fomm-rt doctor`: report what this machine can run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

import typer

from fomm_rt.cli.model import ModelOption
from fomm_rt.cli.options import AsJson, BackendOption
from fomm_rt.cli.terminal import running
from fomm_rt.doctor import gpu, report
from fomm_rt.engines.summary import EngineSummary

Found = TypeVar("Found")


def doctor(
    model: ModelOption = None,
    backend: BackendOption = "auto",
    as_json: AsJson = False,
) -> None:
    """Report what this machine can run, and time it.

    For example:

    fomm-rt doctor -m models/vox-adv
    """
    with running(quiet=False, as_json=as_json) as terminal:
        sections = _Sections()
        sections.add("versions", "versions", report.versions, _pairs)
        sections.add("OpenCV", "opencv", report.opencv, _opencv_lines)
        sections.add(
            "machine",
            "machine",
            lambda: {
                "processor": report.describe_processor(),
                "vector instructions": report.vector_instructions(),
            },
            _pairs,
        )
        sections.add("NVIDIA", "gpu", gpu.gpu_health, _gpu_lines)
        sections.add("engines of TensorRT", "engine_store", gpu.store_health, _store_lines)
        sections.add("backends, fastest first", "backends", report.backends, _backend_lines)
        sections.add("export", "missing_for_export", report.missing_for_export, _export_lines)
        sections.add("codecs", "codecs", report.codecs, _codec_lines)
        sections.add("H.264, 256×256", "media", report.time_media, _media_lines)
        title = f"a frame of {'the bundled model' if model is None else model}"
        sections.add(title, "model", lambda: report.time_model(model, backend), _model_lines)
        terminal.result("\n".join(sections.lines), sections.document)
        if sections.failed:
            raise typer.Exit(1)


class _Sections:
    """The sections of the report. A section that fails shows its error, and the others follow."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.document: dict[str, Any] = {}
        self.failed = False

    def add(self, title: str, key: str, examine: Callable[[], Found], show: Callable[[Found], list[str]]) -> None:
        self.lines.append(title)
        try:
            found = examine()
        except Exception as error:  # one broken part must not hide the rest of the report
            self.failed = True
            self.document[key] = {"error": str(error)}
            self.lines.append(f"  FAILED: {error}")
            return
        self.document[key] = _plain(found)
        self.lines += [f"  {line}" for line in show(found)]


def _plain(found: Any) -> Any:
    if isinstance(found, list):
        return [_plain(item) for item in found]
    return asdict(found) if hasattr(found, "__dataclass_fields__") else found


def _pairs(found: dict[str, str]) -> list[str]:
    return [f"{name:<24} {value}" for name, value in found.items()]


def _opencv_lines(found: report.OpenCv) -> list[str]:
    lines = _pairs({"cv2": f"{found.version}, {found.file}"})
    if len(found.packages) > 1:
        names = " ".join(found.packages)
        versions = ", ".join(f"{name} {version}" for name, version in found.packages.items())
        lines += [
            f"CONFLICT: {versions} install the same module cv2, and the last one installed overwrites the others;",
            f"run: pip uninstall -y {names} && pip install opencv-python-headless",
        ]
    return lines


def _gpu_lines(found: gpu.GpuHealth) -> list[str]:
    cuda = "usable" if found.cuda_problem is None else f"no: {found.cuda_problem}"
    return _pairs(
        {
            "NVIDIA driver": found.driver,
            "CUDA for Python": cuda,
            **{flavour.name: _flavour(flavour) for flavour in found.flavours},
        }
    )


def _flavour(found: gpu.FlavourHealth) -> str:
    if found.problem is not None:
        return f"no: {found.problem}"
    builds = "for any GPU on any machine" if found.builds_without_gpu else "on the GPU that runs them"
    plugins = "can" if found.has_plugins else "cannot"
    return f"{found.version}; builds engines {builds}; they {plugins} hold plugins"


def _store_lines(found: gpu.StoreHealth) -> list[str]:
    size = _mib(sum(one.size_bytes for one in found.sets))
    count = f"{len(found.sets)} set{'' if len(found.sets) == 1 else 's'}, {size}" if found.sets else "none built so far"
    return [
        *_pairs({"store": f"{found.folder}: {count}", **{one.key: _engine_set(one) for one in found.sets}}),
        *(f"DAMAGED: {reason}" for reason in found.damaged),
        *_pairs({"to build engines": "fomm-rt build MODEL --backend tensorrt, or tensorrt-rtx"}),
    ]


def _engine_set(found: EngineSummary) -> str:
    batch = "frame by frame" if found.max_batch == 1 else f"up to {found.max_batch} frames at a time"
    return (
        f"{found.model}: {found.precision}, {found.layout}, {batch}; {found.flavour}; for {found.built_for}; "
        f"{_mib(found.size_bytes)}; built {found.built[:10]}"
    )


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB"


def _backend_lines(found: list[report.BackendHealth]) -> list[str]:
    lines = []
    for health in found:
        if health.problem is not None:
            state = f"no: {health.problem}"
        elif health.probe_ms is None:
            state = "runs models that engines are built for"
        else:
            state = f"runs; a 3×3 convolution, 64 channels, 64×64 pixels: {health.probe_ms:.1f} ms"
        lines.append(f"{health.name:<24} {state}")
    # Backends before the first one with a probe need engines, so the choice depends on the model.
    able = [health for health in found if health.problem is None]
    certain = next((i for i, health in enumerate(able) if health.probe_ms is not None), len(able))
    names = [f"{health.name} with engines" for health in able[:certain]] + [
        health.name for health in able[certain:][:1]
    ]
    return [*lines, f"{'auto takes':<24} {', else '.join(names) or 'none'}"]


def _export_lines(missing: list[str]) -> list[str]:
    state = "available"
    if missing:
        state = f'no: {", ".join(missing)} not installed; pip install "fomm-rt[export]"'
    return [f"fomm-rt export           {state}"]


def _codec_lines(found: list[report.Codec]) -> list[str]:
    return [f"{codec.name:<24} {'yes' if codec.available else 'MISSING'}, {codec.purpose}" for codec in found]


def _media_lines(found: report.MediaSpeed) -> list[str]:
    return [f"writes {found.encode_fps:.0f} fps, reads {found.decode_fps:.0f} fps"]


def _model_lines(found: report.ModelSpeed) -> list[str]:
    fps = 1000 / found.latency_ms
    return [f"{found.latency_ms:.1f} ms median of {found.frames} ({fps:.1f} fps) on {found.backend.name}"]

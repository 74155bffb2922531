"""`fomm-rt doctor`: report what this machine can run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from msgspec import to_builtins

from fomm_rt.cli.model import ModelOption
from fomm_rt.cli.options import AsJson, BackendOption, Verbose
from fomm_rt.cli.terminal import running
from fomm_rt.doctor import gpu, report
from fomm_rt.machine.export_extra import how_to_install, missing_for_export
from fomm_rt.machine.telemetry import telemetry

if TYPE_CHECKING:
    from fomm_rt.doctor import live

Found = TypeVar("Found")


def doctor(
    model: ModelOption = None, backend: BackendOption = "auto", verbose: Verbose = False, as_json: AsJson = False
) -> None:
    """Report what this machine can run, and time it.

    For example:

    fomm-rt doctor -m vox-adv
    """
    with running(quiet=False, as_json=as_json, verbose=verbose) as terminal:
        from fomm_rt.doctor import live

        sections = _Sections()
        sections.add("versions", "versions", report.versions, _pairs)
        sections.add("OpenCV", "opencv", report.opencv, _opencv_lines)
        sections.add("telemetry", "telemetry", telemetry, _pairs)
        sections.add("machine", "machine", report.machine, _pairs)
        sections.add("NVIDIA", "gpu", gpu.gpu_health, _gpu_lines)
        sections.add("engines of TensorRT", "engine_store", gpu.store_health, _store_lines)
        sections.add("backends, fastest first", "backends", report.backends, _backend_lines)
        sections.add("export", "missing_for_export", missing_for_export, _export_lines)
        sections.add("live", "live", live.live_health, _live_lines)
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
        self.document[key] = to_builtins(found)
        self.lines += [f"  {line}" for line in show(found)]


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
    flavours = {flavour.name: _flavour(flavour) for flavour in found.flavours}
    return _pairs({"NVIDIA driver": found.driver, "CUDA for Python": cuda, **flavours})


def _flavour(found: gpu.FlavourHealth) -> str:
    if found.problem is not None:
        return f"no: {found.problem}"
    builds = "for any GPU on any machine" if found.builds_without_gpu else "on the GPU that runs them"
    plugins = "can" if found.has_plugins else "cannot"
    return f"{found.version}; builds engines {builds}; they {plugins} hold plugins"


def _store_lines(found: gpu.StoreHealth) -> list[str]:
    count = "none built so far"
    if found.sets:
        size = sum(one.size_bytes for one in found.sets) / 2**20
        count = f"{len(found.sets)} set{'' if len(found.sets) == 1 else 's'}, {size:.1f} MiB"
    return [
        *_pairs({"store": f"{found.folder}: {count}", **{one.key: one.describe() for one in found.sets}}),
        *(f"DAMAGED: {reason}" for reason in found.damaged),
        *_pairs({"to build engines": "fomm-rt build MODEL --backend tensorrt, or tensorrt-rtx"}),
    ]


def _backend_lines(found: list[report.BackendHealth]) -> list[str]:
    states: dict[str, str] = {}
    choices: list[str] = []
    certain = False
    for health in found:
        if health.problem is not None:
            states[health.name] = f"no: {health.problem}"
        elif health.probe_ms is None:
            states[health.name] = "runs models that engines are built for"
            # The choice depends on the model, unless an earlier backend runs every model.
            choices += [] if certain else [f"{health.name} with engines"]
        else:
            states[health.name] = f"runs; a 3×3 convolution, 64 channels, 64×64 pixels: {health.probe_ms:.1f} ms"
            choices += [] if certain else [health.name]
            certain = True
    return _pairs({**states, "auto takes": ", else ".join(choices) or "none"})


def _export_lines(missing: list[str]) -> list[str]:
    problem = f"no: {how_to_install(missing)}" if missing else "available"
    return "\n".join(_pairs({"fomm-rt export, fetch": problem})).split("\n")


def _live_lines(found: live.LiveHealth) -> list[str]:
    cameras = {f"camera {camera.number}": _camera(camera) for camera in found.cameras} or {"cameras": "none"}
    virtual = [(camera.path, camera.name, camera.problem or "free") for camera in found.virtual_cameras]
    lines = _pairs(
        {
            **cameras,
            "microphones": ", ".join(found.microphones) or "none",
            "window": found.window or f"no: {found.window_problem}",
        }
    )
    for path, name, state in virtual or [("", "none", "")]:
        lines += _pairs({"virtual camera": ", ".join(filter(None, (name, path, state)))})
    return lines + _pairs({f"for {what}": command for what, command in found.to_do.items()})


def _camera(camera: live.CameraHealth) -> str:
    formats = f": {camera.formats}" if camera.formats else ""
    return f"{camera.name}, {camera.path}{formats}" + (f"; {camera.problem}" if camera.problem else "")


def _codec_lines(found: list[report.Codec]) -> list[str]:
    return _pairs({codec.name: f"{'yes' if codec.available else 'MISSING'}, {codec.purpose}" for codec in found})


def _media_lines(found: report.MediaSpeed) -> list[str]:
    return [f"writes {found.encode_fps:.0f} fps, reads {found.decode_fps:.0f} fps"]


def _model_lines(found: report.ModelSpeed) -> list[str]:
    fps = 1000 / found.latency_ms
    return [f"{found.latency_ms:.1f} ms median of {found.frames} ({fps:.1f} fps) on {found.backend.name}"]

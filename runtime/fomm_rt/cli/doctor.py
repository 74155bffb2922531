"""`fomm-rt doctor`: what this machine can run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from fomm_rt.cli.options import AsJson, BackendName
from fomm_rt.cli.terminal import running


def doctor(
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", envvar="FOMM_RT_MODEL", help="Time this model folder too."),
    ] = None,
    backend: BackendName = "auto",
    as_json: AsJson = False,
) -> None:
    """Say what this machine can run, and time it.

    For example:

    fomm-rt doctor -m models/vox-adv
    """
    with running(quiet=False, as_json=as_json) as terminal:
        from fomm_rt import doctor as examination
        from fomm_rt import nvidia_driver

        versions = examination.versions()
        processor, driver = examination.processor(), nvidia_driver.describe()
        backends, codecs = examination.backends(), examination.codecs()
        missing = examination.missing_for_export()
        media = examination.time_media()
        speed = None if model is None else examination.time_model(model, backend)

        lines = ["versions"]
        lines += [f"  {name:<24} {number}" for name, number in versions.items()]
        lines += [
            "machine",
            f"  processor                {processor}",
            f"  NVIDIA driver            {driver}",
        ]
        lines.append("backends, fastest first")
        lines += [f"  {b.name:<24} {_available(b.problem)}" for b in backends]
        lines.append(f"  auto takes               {_automatic(backends)}")
        lines.append("export")
        lines.append(f"  fomm-rt export           {_export(missing)}")
        lines.append("codecs")
        lines += [f"  {c.name:<24} {'yes' if c.available else 'MISSING'}, {c.purpose}" for c in codecs]
        lines.append("timed")
        lines.append(f"  H.264 256×256            writes {media.encode_fps:.0f} fps, reads {media.decode_fps:.0f} fps")
        if speed is None:
            lines.append("  a frame                  not timed; name a model with -m")
        else:
            lines.append(
                f"  a frame of {speed.model:<13} {speed.latency_ms:.1f} ms median of {speed.frames} "
                f"({1000 / speed.latency_ms:.1f} fps) on {speed.backend.name}"
            )
        document: dict[str, Any] = {
            "versions": versions,
            "processor": processor,
            "nvidia_driver": driver,
            "backends": [asdict(b) for b in backends],
            "codecs": [asdict(c) for c in codecs],
            "missing_for_export": missing,
            "media": asdict(media),
            "model": None if speed is None else asdict(speed),
        }
        terminal.result("\n".join(lines), document)


def _available(problem: str | None) -> str:
    return "available" if problem is None else f"no: {problem}"


def _automatic(backends: list[Any]) -> str:
    return next((b.name for b in backends if b.problem is None), "none")


def _export(missing: list[str]) -> str:
    if not missing:
        return "available"
    return f'no: {", ".join(missing)} not installed; pip install "fomm-rt[export]"'

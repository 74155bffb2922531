"""`fomm-rt info`: describe a model folder."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import fill

from fomm_rt.cli.model import ModelArgument
from fomm_rt.cli.options import AsJson, Verbose
from fomm_rt.cli.terminal import running
from fomm_rt.errors import ModelError
from fomm_rt.model.fetch_record import record_beside


def info(model: ModelArgument = None, verbose: Verbose = False, as_json: AsJson = False) -> None:
    """Describe a model folder and check its files.

    For example:

    fomm-rt info

    fomm-rt info vox-adv
    """
    with running(quiet=False, as_json=as_json, verbose=verbose) as terminal:
        from fomm_rt.bundled import open_model
        from fomm_rt.model.conventions import conventions_of

        folder = open_model(model)
        folder.check()
        manifest = folder.manifest
        try:
            record = record_beside(folder.path)
        except ModelError as error:  # the model itself is sound
            terminal.warn(str(error))
            record = None
        jacobians = "with jacobians" if manifest.has_jacobians else "without jacobians"
        lines = [
            f"{manifest.name} (model format {manifest.format_version})",
            f"  weights        {manifest.weights.describe()}",
            f"  checkpoint     SHA-256 {manifest.weights.sha256 or 'none'}",
            f"  frames         {manifest.size}×{manifest.size}, align_corners {manifest.align_corners}",
            f"  keypoints      {manifest.num_kp}, {jacobians}",
        ]
        lines += [] if record is None else [f"  fetched from   {record.describe()}"]
        for network in manifest.files:
            lines.append(f"  {network.file:<26} {network.size_bytes / 1e6:6.1f} MB  unaltered")
            for direction, specs in (("in", network.inputs), ("out", network.outputs)):
                for spec in specs:
                    shape = "×".join(map(str, spec.shape))
                    lines.append(f"    {direction:<4} {spec.name:<22} {spec.dtype} {shape}")
        lines.append("  for other programs (also in metadata_props of every ONNX file)")
        for topic, text in (manifest.conventions or conventions_of(manifest)).items():
            lines += fill(f"{topic:<16} {text}", 110, initial_indent=" " * 4, subsequent_indent=" " * 21).split("\n")
        precisions = ", ".join(manifest.precisions)
        if "int8_psnr_db" in manifest.parity:
            checked_on = manifest.parity.get("int8_checked_on")
            on = f" on {checked_on}" if checked_on else ""
            precisions += f" (int8 {manifest.parity['int8_psnr_db']:.1f} dB from exact{on})"
        lines.append(f"  precisions     {precisions}")
        differences = manifest.parity.get("max_abs", {})
        lines.append(
            "  parity         largest difference from PyTorch on a real picture: "
            + ", ".join(f"{name} {value:.1e}" for name, value in differences.items())
        )
        lines.append("  made with      " + ", ".join(f"{k} {v}" for k, v in manifest.tools.items()))
        fetched = None if record is None else record.as_json()
        terminal.result("\n".join(lines), {**asdict(manifest), "fetched": fetched})

"""Motion files, model folders, checkpoints and their configurations."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import yaml

from fomm_rt.bundled import bundled_avatars, bundled_model
from fuzz.format import ONE_THREAD, Format, command
from fuzz.mutations import damage, in_json_value, in_zip_member, nothing, with_changed_value

_CONFIGURATION_NAME = "small.yaml"


def formats() -> Iterator[Format]:
    """All formats of motion and models."""
    npz = re.compile(r"input\.npz")
    yield Format("motion", _write_motion, _run_motion, npz, (damage, in_zip_member, in_zip_member))
    manifest, graph = re.compile(r"model/model\.json"), re.compile(r"model/.*\.onnx")
    yield Format("model/json", _write_model, _run_model, manifest, (damage, in_json_value, in_json_value))
    yield Format("model/onnx", _write_model, _run_model, graph, (damage,), _repair_hash)
    for name, suffix, save in (
        ("zip", ".pth.tar", _save_zip),
        ("legacy", ".pth", _save_legacy),
        ("nested", ".pt", _save_nested),
        ("numpy", ".pkl", _save_numpy),
        ("safetensors", ".safetensors", _save_safetensors),
    ):
        mutations = (damage, in_zip_member) if name in {"zip", "nested"} else (damage,)
        file = re.compile(rf"input{re.escape(suffix)}")
        write = partial(_write_checkpoint, suffix, save)
        yield Format(f"checkpoint/{name}", write, _run_checkpoint, file, mutations)
    file = re.compile(r"input\.pth")
    yield Format("checkpoint/tensors", _write_odd_tensors, _run_checkpoint, file, (nothing, damage, in_zip_member))
    yield Format("configuration", _write_configuration, _run_configuration, re.compile(r"small\.yaml"), (_in_yaml,))
    state = re.compile(r"training\.state")
    yield Format("training-state", _write_state, _run_state, state, (damage, in_zip_member), _repair_state)


def _run_motion(random: Random) -> int:
    crop = () if random.random() < 0.1 else ("--crop", "center")
    return command("animate", bundled_avatars()[0], "input.npz", "-o", "out/r.mp4", *crop, *ONE_THREAD)


def _write_motion(folder: Path) -> None:
    from fomm_rt.bundled import bundled_performance

    for number, seconds in enumerate((0.1, 0.4)):
        place = folder / str(number)
        place.mkdir()
        os.chdir(place)
        code = command(
            *("animate", bundled_avatars()[0], bundled_performance(), "-o", "r.mp4", "--duration", seconds),
            *("--save-motion", "input.npz", "--crop", "center", "-q"),
        )
        if code:
            raise SystemExit("the motion file could not be made")
        Path("r.mp4").unlink()


def _run_model(random: Random) -> int:
    if random.random() < 0.3:
        return command("info", "./model")
    if random.random() < 0.1:
        return command("doctor", "-m", "./model", "--json")
    avatar = bundled_avatars()[0]
    crop = () if random.random() < 0.1 else ("--crop", "center")
    return command("animate", avatar, bundled_avatars()[1], "-m", "./model", "-o", "out/r.mp4", *crop, *ONE_THREAD)


def _write_model(folder: Path) -> None:
    shutil.copytree(bundled_model(), folder / "0" / "model")


def _repair_hash(file: Path, random: Random) -> None:
    """Gives the manifest the hash and size of the damaged graph."""
    if random.random() < 0.1:
        return
    manifest = file.parent / "model.json"
    document = json.loads(manifest.read_text(encoding="utf-8"))
    for entry in _entries(document):
        if entry.get("file") == file.name:
            entry["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
            if "size_bytes" in entry:
                entry["size_bytes"] = file.stat().st_size
    manifest.unlink()  # it is another name of the sample's file
    manifest.write_text(json.dumps(document), encoding="utf-8")


def _entries(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        yield document
    if isinstance(document, (dict, list)):
        for value in document.values() if isinstance(document, dict) else document:
            yield from _entries(value)


def _small_model_params() -> Any:
    with np.load(Path(__file__).parents[1] / "golden" / "small_aligned.npz", allow_pickle=False) as arrays:
        return json.loads(str(arrays["meta"]))["model_params"]


def _configuration_text() -> str:
    document = {"dataset_params": {"frame_shape": [64, 64, 3]}, "model_params": _small_model_params()}
    return str(yaml.safe_dump(document))


def _weights() -> dict[str, dict[str, Any]]:
    from fomm_export.checkpoints.configuration import Configuration
    from fomm_export.checkpoints.stand_in import stand_in_weights

    kp_detector, generator = stand_in_weights(Configuration.from_model_params(_small_model_params(), 64), 7)
    return {"kp_detector": kp_detector, "generator": generator}


def _write_checkpoint(suffix: str, save: Callable[[Path, Any], None], folder: Path) -> None:
    place = folder / "0"
    place.mkdir()
    (place / _CONFIGURATION_NAME).write_text(_configuration_text(), encoding="utf-8")
    save(place / f"input{suffix}", _weights())


def _save_zip(path: Path, weights: Any) -> None:
    import torch

    torch.save({**weights, "epoch": 3, "optimizer_generator": {"state": {0: torch.zeros(3)}}}, path)


def _save_legacy(path: Path, weights: Any) -> None:
    import torch

    torch.save(weights, path, _use_new_zipfile_serialization=False)


def _save_nested(path: Path, weights: Any) -> None:
    import torch

    renamed = {part: {f"module.{name}": each.half() for name, each in each.items()} for part, each in weights.items()}
    torch.save({"state_dict": renamed, "epoch": np.int64(3)}, path)


def _save_numpy(path: Path, weights: Any) -> None:
    arrays = {part: {name: tensor.numpy() for name, tensor in each.items()} for part, each in weights.items()}
    path.write_bytes(pickle.dumps(arrays, protocol=2))


def _save_safetensors(path: Path, weights: Any) -> None:
    from safetensors.torch import save_file

    save_file({f"{part}.{name}": tensor for part, each in weights.items() for name, tensor in each.items()}, path)


def _write_odd_tensors(folder: Path) -> None:
    """Checkpoints with a weight that is a tensor of a kind that no network has."""
    import torch

    odd: tuple[Callable[[Any], Any], ...] = (
        lambda weight: weight.to_sparse(),
        lambda weight: torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8),
        lambda weight: torch.nested.nested_tensor([weight[0], weight[0][:1]]),
        lambda weight: weight.to("meta"),
        lambda weight: weight.to(torch.complex64),
        lambda weight: weight.to(torch.int8),
        lambda weight: weight > 0,
        lambda weight: weight * float("nan"),
        lambda weight: weight.expand(1 << 20, *weight.shape),
        lambda weight: [weight],
        lambda weight: weight.conj().to(torch.complex64).conj(),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of prototypes
        for number, change in enumerate(odd):
            place = folder / str(number)
            place.mkdir()
            (place / _CONFIGURATION_NAME).write_text(_configuration_text(), encoding="utf-8")
            weights = _weights()
            name = min(name for name, tensor in weights["generator"].items() if tensor.ndim == 4)
            weights["generator"][name] = change(weights["generator"][name])
            torch.save(weights, place / "input.pth")


def _run_checkpoint(_random: Random) -> int:
    (file,) = Path().glob("input.*")
    _export_stops_at_networks()
    return command("export", file, "--config", _CONFIGURATION_NAME, "-o", "out/model")


def _export_stops_at_networks() -> None:
    """Tracing a graph takes ten seconds; everything that reads the input is over by then."""
    from fomm_export import export_model
    from fomm_rt.errors import FommError

    def stop(*_: object, **__: object) -> None:
        raise FommError("the networks are built")

    export_model.export_networks = stop  # type: ignore[assignment]


def _write_configuration(folder: Path) -> None:
    for number in range(2):
        place = folder / str(number)
        place.mkdir()
        text = _configuration_text()
        if number:
            text = text.replace("model_params:", "model_params: &shared", 1) + "train_params:\n  num_epochs: 100\n"
        (place / _CONFIGURATION_NAME).write_text(text, encoding="utf-8")


def _in_yaml(content: bytes, other: bytes, random: Random) -> bytes:
    if random.random() < 0.3:
        return damage(content, other, random)
    document = yaml.safe_load(content)
    for _ in range(random.choice((1, 1, 2))):
        document = with_changed_value(document, random)
    return str(yaml.safe_dump(document)).encode()


def _run_configuration(_random: Random) -> int:
    _export_stops_at_networks()
    return command("export", "--stand-in", "--config", _CONFIGURATION_NAME, "-o", "out/model")


def _write_state(folder: Path) -> None:
    import torch

    from fomm_train.loop.state import save_training_state

    place = folder / "0"
    place.mkdir()
    state = {"step": 3, "weights": {"a": torch.zeros(3, 4)}, "random": torch.get_rng_state()}
    save_training_state(place / "training.state", state)


def _repair_state(file: Path, random: Random) -> None:
    if random.random() < 0.3:
        return
    head, _, rest = file.read_bytes().partition(b"\n")
    content = rest.partition(b"\n")[2]
    file.write_bytes(head + b"\n" + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def _run_state(_random: Random) -> int:
    from fomm_rt.errors import TrainingError
    from fomm_train.loop.state import load_training_state

    try:
        load_training_state(Path("training.state"))
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0

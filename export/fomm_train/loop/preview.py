"""A picture of how far training is: pairs never trained on, drawn by the running mean of the weights."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fomm_export.networks.model import Networks, build_networks
from fomm_rt.media.write.picture import write_picture
from fomm_train.data.held_out import FIRST_HELD_OUT_SEED, REFERENCE_STRENGTH
from fomm_train.faces import draw_identity, draw_pose, render_picture
from fomm_train.loop.trainer import Trainer, relative_motion

ROWS = 6


def write_preview(path: Path, trainer: Trainer) -> None:
    """Writes source, reference, driving, prediction and truth of ROWS pairs, a pair a row.

    Raises:
        OutputError: It cannot be written.
    """
    configuration = trainer.configuration
    networks = build_networks(configuration, *trainer.mean_weights())
    pictures = _pairs(configuration.frame_size)  # (ROWS, 4, 3, S, S)
    with torch.inference_mode():
        prediction = predict(networks, pictures[:, 0], pictures[:, 1], pictures[:, 2])
    rows = torch.cat([pictures[:, :3], prediction[:, None], pictures[:, 3:]], dim=1)
    sheet = rows.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)  # (ROWS·S, 5·S, 3)
    write_picture(path, _to_uint8(sheet))


def predict(networks: Networks, source: Tensor, reference: Tensor, driving: Tensor) -> Tensor:
    """Relative motion from reference to driving frame, applied to the source; all (N, 3, S, S) in [0, 1]."""
    kp_source = networks.kp_detector(source)
    motion = relative_motion(kp_source, networks.kp_detector(reference), networks.kp_detector(driving))
    prediction: Tensor = networks.generator(source, kp_source, motion)
    return prediction


@lru_cache(maxsize=1)
def _pairs(size: int) -> Tensor:
    rng = np.random.default_rng(FIRST_HELD_OUT_SEED)
    rows = []
    for row in range(ROWS):
        face = draw_identity(FIRST_HELD_OUT_SEED + 2 * row)
        driver = draw_identity(FIRST_HELD_OUT_SEED + 2 * row + 1)
        first, now = draw_pose(rng, REFERENCE_STRENGTH), draw_pose(rng)
        views = ((face, first), (driver, first), (driver, now), (face, now))
        rows.append(np.stack([render_picture(identity, pose, size) for identity, pose in views]))
    return torch.from_numpy(np.stack(rows)).permute(0, 1, 4, 2, 3).float().div(255)


def _to_uint8(picture: Tensor) -> npt.NDArray[np.uint8]:
    return (picture * 255).round().clamp(0, 255).to(torch.uint8).contiguous().numpy()

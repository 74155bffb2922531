"""A picture of the training's progress: held-out pairs, predicted by the running mean of the weights."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fomm_export.networks.model import build_networks
from fomm_rt.media.write.picture import write_picture
from fomm_train.data.held_out import FIRST_HELD_OUT_SEED, REFERENCE_STRENGTH
from fomm_train.faces import draw_identity, draw_pose, render_picture
from fomm_train.loop.batch_losses import relative_motion
from fomm_train.loop.trainer import Trainer

ROWS = 6


def write_preview(path: Path, trainer: Trainer) -> None:
    """Writes ROWS rows of source, reference, driving frame, prediction and truth."""
    networks = build_networks(trainer.configuration, *trainer.mean_weights())
    pictures = _pairs(trainer.configuration.frame_size)  # (ROWS, 4, 3, S, S)
    source = pictures[:, 0]
    with torch.inference_mode():
        kp_source, kp_reference, kp_driving = (networks.kp_detector(pictures[:, column]) for column in range(3))
        prediction = networks.generator(source, kp_source, relative_motion(kp_source, kp_reference, kp_driving))
    rows = torch.cat([pictures[:, :3], prediction[:, None], pictures[:, 3:]], dim=1)
    sheet = rows.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)  # (ROWS·S, 5·S, 3)
    write_picture(path, (sheet * 255).round().clamp(0, 255).to(torch.uint8).contiguous().numpy())


@lru_cache(maxsize=1)
def _pairs(size: int) -> Tensor:
    """(ROWS, 4, 3, size, size) in [0, 1]: source, reference, driving frame and truth."""
    rng = np.random.default_rng(FIRST_HELD_OUT_SEED)
    rows = []
    for row in range(ROWS):
        face = draw_identity(FIRST_HELD_OUT_SEED + 2 * row)
        driver = draw_identity(FIRST_HELD_OUT_SEED + 2 * row + 1)
        first, now = draw_pose(rng, REFERENCE_STRENGTH), draw_pose(rng)
        views = ((face, first), (driver, first), (driver, now), (face, now))
        rows.append(np.stack([render_picture(identity, pose, size) for identity, pose in views]))
    return torch.from_numpy(np.stack(rows)).permute(0, 1, 4, 2, 3).float().div(255)

"""A picture of the training's progress: held-out pairs, predicted by the running mean of the weights."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fomm_export.networks.model import build_networks
from fomm_rt.image import Image
from fomm_rt.media.write.picture import write_picture
from fomm_train.data.held_out import FIRST_HELD_OUT_SEED, REFERENCE_STRENGTH
from fomm_train.faces import draw_identity, draw_pose, render_picture
from fomm_train.loop.batch_losses import relative_motion
from fomm_train.loop.trainer import Trainer

ROWS = 6
Quartet = tuple[Image, Image, Image, Image]
"""Source, reference, driving frame and truth."""


def write_preview(path: Path, trainer: Trainer) -> None:
    """Writes ROWS rows of source, reference, driving frame, prediction and truth."""
    networks = build_networks(trainer.configuration, *trainer.mean_weights())
    rendered = ROWS // 2 if trainer.recipe.people else 0
    pictures = _pairs(trainer.configuration.frame_size, rendered)  # (ROWS, 4, 3, S, S)
    source = pictures[:, 0]
    with torch.inference_mode():
        kp_source, kp_reference, kp_driving = (networks.kp_detector(pictures[:, column]) for column in range(3))
        prediction = networks.generator(source, kp_source, relative_motion(kp_source, kp_reference, kp_driving))
    rows = torch.cat([pictures[:, :3], prediction[:, None], pictures[:, 3:]], dim=1)
    sheet = rows.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)  # (ROWS·S, 5·S, 3)
    write_picture(path, (sheet * 255).round().clamp(0, 255).to(torch.uint8).contiguous().numpy())


@lru_cache(maxsize=1)
def _pairs(size: int, rendered: int) -> Tensor:
    """(ROWS, 4, 3, size, size) in [0, 1]: the pictures of a quartet; the last rows show rendered people."""
    rows = [*_drawn_quartets(size, ROWS - rendered), *(_rendered_quartets(size, rendered) if rendered else ())]
    return torch.from_numpy(np.stack([np.stack(row) for row in rows])).permute(0, 1, 4, 2, 3).float().div(255)


def _drawn_quartets(size: int, count: int) -> Iterator[Quartet]:
    rng = np.random.default_rng(FIRST_HELD_OUT_SEED)
    for row in range(count):
        face, driver = (draw_identity(FIRST_HELD_OUT_SEED + 2 * row + n) for n in (0, 1))
        first, now = draw_pose(rng, REFERENCE_STRENGTH), draw_pose(rng)
        yield (
            render_picture(face, first, size),
            render_picture(driver, first, size),
            render_picture(driver, now, size),
            render_picture(face, now, size),
        )


def _rendered_quartets(size: int, count: int) -> Iterator[Quartet]:
    from fomm_train.people import draw_moment, draw_person, shared_studio

    rng, studio = np.random.default_rng(FIRST_HELD_OUT_SEED), shared_studio(size)
    for row in range(count):
        face, driver = (draw_person(FIRST_HELD_OUT_SEED + 2 * row + n) for n in (0, 1))
        first, now = draw_moment(rng, REFERENCE_STRENGTH), draw_moment(rng)
        yield (
            studio.picture(face, first),
            studio.picture(driver, first),
            studio.picture(driver, now),
            studio.picture(face, now),
        )

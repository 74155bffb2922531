"""The kernels on the pictures, keypoints and masks of the goldens, against the results of the authors' code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fomm_export.networks.anti_alias import AntiAliasDownsample
from fomm_kernels import Executor, frame_input, grid_sample, motion, prediction_output, warp
from fomm_rt.model.blur import published_blur
from fomm_rt.motion import keypoints as runtime
from fomm_rt.motion.transfer import relative_transfer
from golden_files import SMALL, VOX, Golden, as_tensor, max_abs
from kernel_memory import Memory, assert_close, coordinate_grid, run, stored, unwritten

EVERY_GOLDEN = pytest.mark.parametrize("name", [*SMALL, *VOX])


def rows(keypoints: runtime.Keypoints) -> Memory:
    k = len(keypoints.value)
    jacobian = np.tile(np.eye(2), (k, 1, 1)) if keypoints.jacobian is None else keypoints.jacobian
    return stored(np.concatenate([keypoints.value, jacobian.reshape(k, 4)], axis=1)[None])


def transfer_row(golden: Golden, mode: str) -> Memory:
    k = len(golden.keypoints("kp_source").value)
    scale, offset, matrix = np.float32(1), np.zeros((k, 2), np.float32), np.tile(np.eye(2, dtype=np.float32), (k, 1, 1))
    if mode != "absolute":
        source, initial = golden.keypoints("kp_source"), golden.keypoints("kp_driving.0")
        transfer = relative_transfer(source, initial, adapt_scale=mode == "relative_scaled")
        assert transfer.offset is not None
        scale, offset = transfer.scale, transfer.offset
        matrix = matrix if transfer.jacobian is None else transfer.jacobian
    return stored(np.concatenate([np.full((k, 1), scale), offset, matrix.reshape(k, 4)], axis=1)[None])


def sparse_motion(executor: Executor, golden: Golden, mode: str) -> Memory:
    """Sparse motion of the last frame, from the detector's keypoints."""
    k, side = len(golden.keypoints("kp_source").value), golden.configuration.motion_size
    found, hourglass_input = unwritten((1, k, 8)), unwritten((1, 4 * (k + 1), side, side))
    driving, source = rows(golden.keypoints("kp_driving.2")), rows(golden.keypoints("kp_source"))
    quarter = stored(np.zeros((1, 3, side, side)))
    arrays = (driving, source, transfer_row(golden, mode), quarter, hourglass_input, found)
    run(motion, executor, *arrays, align_corners=golden.meta["align_corners"], variance=0.01)
    return stored(found.array)


@EVERY_GOLDEN
def test_frames_and_quarters(executor: Executor, name: str) -> None:
    golden = Golden(name)
    n, size = golden.driving.shape[:2]
    factor = size // golden.configuration.motion_size
    frame, quarter = unwritten((n, 3, size, size)), unwritten((n, 3, size // factor, size // factor))
    pictures = Memory(golden.driving.shape, np.uint8, None, golden.driving)
    whole = (0, 0, size, size)
    blur = published_blur(factor)
    options = {"size": size, "part": whole, "placed": whole, "sigma": blur.sigma, "radius": blur.radius}
    run(frame_input, executor, pictures, quarter, **options, frame=frame)
    exact = torch.from_numpy(golden.driving).permute(0, 3, 1, 2).double() / 255
    assert_close(frame.array, exact, 1e-7)
    assert_close(quarter.array, AntiAliasDownsample(3, factor).double()(exact), 2e-6)


@EVERY_GOLDEN
@pytest.mark.parametrize("mode", ["absolute", "relative", "relative_scaled"])
def test_transferred_keypoints(executor: Executor, name: str, mode: str) -> None:
    golden = Golden(name)
    expected, source = golden.keypoints(f"kp_norm.{mode}.2"), golden.keypoints("kp_source")
    found = sparse_motion(executor, golden, mode).double()[0]
    assert max_abs(found[:, 4:6].numpy(), expected.value) <= 2e-5
    matrix = torch.eye(2, dtype=torch.float64).expand(len(found), 2, 2)
    if source.jacobian is not None and expected.jacobian is not None:
        matrix = torch.from_numpy(source.jacobian).double() @ torch.from_numpy(expected.jacobian).double().inverse()
    # Both sides are float32; jacobians are ill-conditioned by some 100 in the goldens.
    assert_close(found[:, :4].numpy(), matrix.flatten(1), 2e-4)


@EVERY_GOLDEN
def test_masks_to_deformation(executor: Executor, name: str) -> None:
    """The goldens have masks instead of logits; log(mask) has the same softmax."""
    golden = Golden(name)
    mask = golden.arrays["mask"].astype(np.float64)
    k, side = len(mask) - 1, golden.configuration.motion_size
    with np.errstate(divide="ignore"):  # masks too small for a half
        mask_logits = stored(np.log(mask)[None])
    occlusion_logits, pictures = (
        None,
        {"deformation": unwritten((1, side, side, 2)), "mask": unwritten((1, k + 1, side, side))},
    )
    if "occlusion_map" in golden.arrays:
        occlusion_map = torch.from_numpy(golden.arrays["occlusion_map"]).double()
        occlusion_logits = stored(occlusion_map.logit()[None])
        pictures["occlusion_map"] = unwritten((1, 1, side, side))
    rows = sparse_motion(executor, golden, "relative")
    features, warped = stored(np.ones((1, 1, side, side))), unwritten((1, 1, side, side))
    arrays = (mask_logits, occlusion_logits, rows, features, warped)
    run(warp, executor, *arrays, align_corners=golden.meta["align_corners"], **pictures)

    r, z = rows.double()[0, :, None, None], coordinate_grid(side, side)
    fields = torch.stack([(r[..., i : i + 2] * (z - r[..., 4:6])).sum(-1) for i in (0, 2)], dim=-1) + r[..., 6:]
    fields = torch.cat([z[None], fields])
    # Masks are stored as half: each is off by half an ulp, and so is the sum they are divided by.
    ulp = torch.from_numpy(mask * 2**-11 + 2**-25)[..., None]
    allowed = (ulp * (fields - torch.from_numpy(golden.arrays["deformation"])).abs()).sum(dim=0) * 1.01 + 1e-4
    assert (np.abs(pictures["deformation"].array[0] - golden.arrays["deformation"]) <= allowed.numpy()).all()
    assert max_abs(pictures["mask"].array[0], mask) <= 1e-3
    if occlusion_logits is not None:
        assert max_abs(pictures["occlusion_map"].array[0], golden.arrays["occlusion_map"]) <= 1e-6


@EVERY_GOLDEN
def test_deformed_source(executor: Executor, name: str) -> None:
    golden, grid = Golden(name), stored(Golden(name).arrays["deformation"][None])
    align_corners = golden.meta["align_corners"]
    source, out = stored(as_tensor(golden.source)), unwritten((1, 3, *grid.array.shape[1:3]))
    run(grid_sample, executor, source, grid, out, align_corners=align_corners)
    assert_close(out.array, F.grid_sample(source.double(), grid.double(), align_corners=align_corners), 1e-4)


@EVERY_GOLDEN
def test_predictions(executor: Executor, name: str) -> None:
    for _, _, prediction in Golden(name).predictions():
        pictures = unwritten((1, *prediction.shape), np.uint8)
        run(prediction_output, executor, stored(prediction.transpose(2, 0, 1)[None]), pictures)
        assert np.array_equal(pictures.array[0], np.rint(255 * prediction))

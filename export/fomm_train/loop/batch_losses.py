"""The losses of a batch by a stage's rules."""

import torch
from torch import Tensor

from fomm_export.networks.dense_motion import DenseMotion
from fomm_export.networks.generator import Generator
from fomm_export.networks.geometry import inverse_2x2, warp
from fomm_export.networks.keypoint_detector import KeypointDetector, Keypoints
from fomm_train.data.batches import Batch
from fomm_train.losses.keypoints import RandomTransform, equivariance_loss, landmark_loss
from fomm_train.losses.motion import TrueMotion, flow_loss, motion_weight, occlusion_loss
from fomm_train.losses.prediction import reconstruction_loss, region_weight, ssim, texture_loss
from fomm_train.recipe import Stage

PYRAMID_SCALES = 3

Pictures = tuple[Tensor, Tensor]
"""Prediction and truth, (P, 3, S, S) each."""


class BatchLosses:
    """Computes losses of a detector and a generator; `seed` fixes the random transforms."""

    def __init__(self, detector: KeypointDetector, generator: Generator, seed: int) -> None:
        self.detector = detector
        self.generator = generator
        self.seed = seed

    def __call__(self, batch: Batch, stage: Stage, step: int) -> tuple[dict[str, Tensor], Pictures | None]:
        """The losses that the stage trains, by name and unweighted; and the pictures, if it trains pictures."""
        with torch.set_grad_enabled(stage.trains_detector):
            keypoints = self.detector(batch.detector_frames)
        losses = self._detector_losses(batch, keypoints, step) if stage.trains_detector else {}
        if not (stage.trains_motion or stage.trains_pictures):
            return losses, None
        with torch.set_grad_enabled(stage.trains_motion):
            motion = self._dense_motion(batch, stage, keypoints)
        if stage.trains_motion:
            losses |= self._motion_losses(batch, motion)
        if not stage.trains_pictures:
            return losses, None
        features = self.generator.encode(batch.frames[batch.sources])[batch.source_of_pair]
        decoded = self.generator.decode(self.generator.move(features, motion))
        prediction = self.generator.blend(decoded, batch.frames[batch.pairs[:, 0]], motion.deformation)
        truth_index = batch.pairs[:, 3]
        truth = batch.frames[truth_index]
        weight = region_weight(batch.boxes[truth_index], stage.size, stage.weights.region, stage.weights.mouth)
        losses |= _picture_losses(prediction, truth, weight)
        if stage.weights.texture:
            losses["texture"] = texture_loss(prediction, truth)
        if self.generator.blends:
            losses["blend_prior"] = 1 - decoded[:, 3:].mean()
            if stage.weights.decoded:
                painted = _picture_losses(decoded[:, :3], truth, weight)
                losses["decoded"] = torch.stack([getattr(stage.weights, n) * loss for n, loss in painted.items()]).sum()
        return losses, (prediction, truth)

    def _dense_motion(self, batch: Batch, stage: Stage, keypoints: Keypoints) -> DenseMotion:
        if stage.true_keypoints:
            keypoints = Keypoints(batch.landmarks, None if keypoints.jacobian is None else batch.jacobians)
        source, reference, driving = (_take(keypoints, index) for index in batch.pairs[:, :3].unbind(dim=1))
        frames = batch.frames[batch.pairs[:, 0]]
        kp_driving = relative_motion(source, reference, driving)
        motion: DenseMotion = self.generator.dense_motion_network(frames, source, kp_driving)
        return motion

    def _detector_losses(self, batch: Batch, keypoints: Keypoints, step: int) -> dict[str, Tensor]:
        losses = {}
        losses["landmark"], losses["jacobian"] = landmark_loss(keypoints, batch.landmarks, batch.jacobians)
        losses["equivariance_value"], losses["equivariance_jacobian"] = self._equivariance(batch, keypoints, step)
        return losses

    def _motion_losses(self, batch: Batch, motion: DenseMotion) -> dict[str, Tensor]:
        source_index, _, _, truth_index = batch.pairs.unbind(dim=1)
        network = self.generator.dense_motion_network
        small = network.down(batch.frames)
        warped = warp(small[source_index], motion.deformation, network.align_corners)
        losses = {"warp": (warped - small[truth_index]).abs().mean()}
        weight = motion_weight(batch.bodies[truth_index], batch.known[truth_index])
        true = TrueMotion(batch.flow, batch.shown, weight)
        losses["flow"] = flow_loss(motion.deformation, true)
        if motion.occlusion_map is not None:
            losses["occlusion"] = occlusion_loss(motion.occlusion_map, true)
        return losses

    def _equivariance(self, batch: Batch, keypoints: Keypoints, step: int) -> tuple[Tensor, Tensor]:
        frames = batch.detector_frames
        chosen = torch.arange(step % 4, len(frames), 4, device=frames.device)  # one frame of each group
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        transform = RandomTransform.draw(len(chosen), random, frames.device)
        moved = self.detector(transform.frames(frames[chosen], batch.end))
        return equivariance_loss(_take(keypoints, chosen), moved, transform)


def _picture_losses(prediction: Tensor, truth: Tensor, weight: Tensor) -> dict[str, Tensor]:
    value, gradient = reconstruction_loss(prediction, truth, weight, PYRAMID_SCALES)
    return {"value": value, "gradient": gradient, "ssim": 1 - ssim(prediction, truth)}


def relative_motion(source: Keypoints, reference: Keypoints, driving: Keypoints) -> Keypoints:
    """Transfers the motion since the reference to the source: d − d0 + s, J_d · J_d0⁻¹ · J_s."""
    value = driving.value - reference.value + source.value
    if source.jacobian is None or reference.jacobian is None or driving.jacobian is None:
        return Keypoints(value, None)
    return Keypoints(value, driving.jacobian @ inverse_2x2(reference.jacobian) @ source.jacobian)


def _take(keypoints: Keypoints, index: Tensor) -> Keypoints:
    return Keypoints(keypoints.value[index], None if keypoints.jacobian is None else keypoints.jacobian[index])

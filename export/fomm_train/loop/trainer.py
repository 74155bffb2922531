"""One optimiser step after the other: losses of a batch, gradients, running mean of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.networks.dense_motion import DenseMotion
from fomm_export.networks.generator import Generator
from fomm_export.networks.geometry import inverse_2x2, warp
from fomm_export.networks.keypoint_detector import KeypointDetector, Keypoints
from fomm_export.networks.layers import AntiAliasDownsample
from fomm_rt.errors import TrainingError
from fomm_train.data.batches import Batch
from fomm_train.loop.fast_layers import compute_fast
from fomm_train.loop.initialization import measure_statistics, pass_colours, start_at_identity
from fomm_train.loop.muon import Muon
from fomm_train.losses.discriminator import (
    MultiScaleDiscriminator,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
)
from fomm_train.losses.equivariance import RandomTransform, equivariance_loss
from fomm_train.losses.motion import flow_loss, occlusion_loss, true_motion
from fomm_train.losses.prediction import landmark_loss, reconstruction_loss, region_weight, ssim
from fomm_train.recipe import Recipe, Stage

BETAS = (0.9, 0.999)
DISCRIMINATOR_BETAS = (0.5, 0.999)
LARGEST_GRADIENT = 5.0
PYRAMID_SCALES = 3


class Trainer:
    """Networks, optimisers and running mean of one run.

    Args:
        configuration: Architecture.
        recipe: What to do.
        device: Where.
    """

    def __init__(self, configuration: Configuration, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.configuration = configuration
        self.recipe = recipe
        self.device = device
        self.step = 0
        self.size = recipe.stages[0].size
        self.detector, self.generator = self._build(self.size)
        start_at_identity(self.detector)
        pass_colours(self.generator)
        self.discriminator = MultiScaleDiscriminator().to(device)
        hidden, others = self._parameters()
        self._trained = [*hidden, *others]
        self.hidden_optimizer = Muon(hidden)
        self.optimizer = torch.optim.Adam(others, betas=BETAS)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), betas=DISCRIMINATOR_BETAS)
        self.mean = {name: tensor.detach().clone() for name, tensor in self._weights().items()}

    def measure_statistics(self, batches: Iterable[Batch]) -> None:
        """Gives the generator's norms their statistics; to be called once, before the first step."""
        measure_statistics(self.generator, (batch.frames.to(self.device) for batch in batches))
        self.mean = {name: tensor.detach().clone() for name, tensor in self._weights().items()}

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Takes the step on a batch and returns its stage's losses by name, unweighted.

        Raises:
            TrainingError: A loss is no longer finite.
        """
        stage, number = self.recipe.stage_at(self.step)
        self._resize(stage.size)
        self._set_learning_rate(stage, number)
        by_batch = stage.batch_statistics and stage.trains_motion
        self.detector.train(by_batch)
        self.generator.eval()
        self.generator.dense_motion_network.train(by_batch)
        batch = batch.to(self.device)
        losses, pictures = self._losses(batch, stage)
        weights = stage.weights
        judged_pictures = pictures if weights.use_discriminator else None
        if judged_pictures:
            prediction, truth = judged_pictures
            judged = self.discriminator(prediction)
            with torch.no_grad():
                real = self.discriminator(truth)
            losses["adversarial"] = adversarial_loss(judged)
            losses["feature_matching"] = feature_matching_loss(real, judged)
        total = torch.stack([getattr(weights, name) * loss for name, loss in losses.items()]).sum()
        self.hidden_optimizer.zero_grad(set_to_none=True)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._trained, LARGEST_GRADIENT)
        # One tensor, so that a device is waited for once for all of them.
        *values, loss, gradient = torch.stack([*losses.values(), total, norm]).tolist()
        if not (math.isfinite(loss) and math.isfinite(gradient)):
            what = "gradient" if math.isfinite(loss) else "loss"
            raise TrainingError(
                f"the {what} of step {self.step} is not finite; the last state is kept. "
                "Lower the recipe's learning rate and train into another folder (-o)"
            )
        told = dict(zip(losses, values, strict=True))
        self.hidden_optimizer.step()
        self.optimizer.step()
        if judged_pictures:
            told["discriminator"] = self._train_discriminator(*judged_pictures).item()
        self._update_mean()
        self.step += 1
        return told

    def _losses(self, batch: Batch, stage: Stage) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor] | None]:
        """Losses by name; and prediction and truth, where pictures are trained."""
        with torch.set_grad_enabled(stage.trains_motion):
            keypoints = self.detector(batch.detector_frames)
            motion = self._dense_motion(batch, stage, keypoints)
        losses: dict[str, Tensor] = {}
        if stage.trains_motion:
            losses |= self._motion_losses(batch, keypoints, motion)
        if not stage.trains_pictures:
            return losses, None

        features = self.generator.encode(batch.frames[batch.sources])[batch.source_of_pair]
        prediction = self.generator.decode(self.generator.move(features, motion))
        truth = batch.frames[batch.pairs[:, 3]]
        weights = stage.weights
        weight = region_weight(batch.boxes[batch.pairs[:, 3]], stage.size, weights.region, weights.mouth)
        losses["value"], losses["gradient"] = reconstruction_loss(prediction, truth, weight, PYRAMID_SCALES)
        losses["ssim"] = 1 - ssim(prediction, truth)
        return losses, (prediction, truth)

    def _dense_motion(self, batch: Batch, stage: Stage, keypoints: Keypoints) -> DenseMotion:
        if stage.true_keypoints:
            keypoints = Keypoints(batch.landmarks, batch.jacobians if self.configuration.estimate_jacobian else None)
        source_index, reference_index, driving_index, _ = batch.pairs.unbind(dim=1)
        kp_source = _take(keypoints, source_index)
        kp_driving = relative_motion(kp_source, _take(keypoints, reference_index), _take(keypoints, driving_index))
        motion: DenseMotion = self.generator.dense_motion_network(batch.frames[source_index], kp_source, kp_driving)
        return motion

    def _motion_losses(self, batch: Batch, keypoints: Keypoints, motion: DenseMotion) -> dict[str, Tensor]:
        source_index, _, _, truth_index = batch.pairs.unbind(dim=1)
        losses: dict[str, Tensor] = {}
        losses["landmark"], losses["jacobian"] = landmark_loss(keypoints, batch.landmarks, batch.jacobians)
        losses["equivariance_value"], losses["equivariance_jacobian"] = self._equivariance(batch, keypoints)
        network = self.generator.dense_motion_network
        small = network.down(batch.frames)
        warped = warp(small[source_index], motion.deformation, network.align_corners)
        losses["warp"] = (warped - small[truth_index]).abs().mean()
        true = true_motion(
            batch.bodies[truth_index],
            batch.points[truth_index],
            batch.bodies[source_index],
            batch.points[source_index],
            batch.views[source_index],
            batch.boxes[truth_index],
        )
        losses["flow"] = flow_loss(motion.deformation, true)
        if motion.occlusion_map is not None:
            losses["occlusion"] = occlusion_loss(motion.occlusion_map, true)
        return losses

    def _equivariance(self, batch: Batch, keypoints: Keypoints) -> tuple[Tensor, Tensor]:
        chosen = torch.arange(self.step % 4, len(batch.frames), 4, device=self.device)  # one frame of each group
        random = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step)
        transform = RandomTransform.draw(len(chosen), random, self.device)
        moved = self.detector(transform.frames(batch.detector_frames[chosen]))
        return equivariance_loss(_take(keypoints, chosen), moved, transform)

    def _train_discriminator(self, prediction: Tensor, truth: Tensor) -> Tensor:
        loss = discriminator_loss(self.discriminator(truth), self.discriminator(prediction.detach()))
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.discriminator_optimizer.step()
        return loss

    def _set_learning_rate(self, stage: Stage, number: int) -> None:
        fall = 0.5 * (1 + math.cos(math.pi * number / max(1, stage.steps)))
        rate = stage.last_learning_rate + (stage.learning_rate - stage.last_learning_rate) * fall
        for optimizer in (self.hidden_optimizer, self.optimizer, self.discriminator_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = rate

    def _resize(self, size: int) -> None:
        """Rebuilds the anti-alias step for another frame size; weights and optimiser stay."""
        if size == self.size:
            return
        c = self.configuration
        down = AntiAliasDownsample(c.num_channels, size // c.motion_size).to(self.device)
        self.detector.down = self.generator.dense_motion_network.down = down  # no weights, so both may have the same
        self.size = size

    def _build(self, size: int) -> tuple[KeypointDetector, Generator]:
        downsample = size // self.configuration.motion_size
        detector = KeypointDetector(self.configuration, downsample)
        generator = Generator(self.configuration, downsample, align_corners=True)
        # Channels last: convolutions of these widths train faster so, on a CPU and on a GPU.
        for module in (detector, generator):
            module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        compute_fast(detector, generator)
        return detector, generator

    def _parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Weights of convolutions, which Muon trains; and biases, norms and the heads of the motion networks."""
        motion = self.generator.dense_motion_network
        heads = {self.detector.kp, self.detector.jacobian, motion.mask, motion.occlusion}
        apart = {id(head.weight) for head in heads if head is not None}
        parameters = [*self.detector.parameters(), *self.generator.parameters()]
        hidden = [parameter for parameter in parameters if parameter.ndim == 4 and id(parameter) not in apart]
        chosen = {id(parameter) for parameter in hidden}
        return hidden, [parameter for parameter in parameters if id(parameter) not in chosen]

    def _weights(self) -> dict[str, Tensor]:
        return {
            f"{part}.{name}": tensor
            for part, module in (("kp_detector", self.detector), ("generator", self.generator))
            for name, tensor in module.state_dict().items()
        }

    @torch.no_grad()
    def _update_mean(self) -> None:
        # A mean over few steps at first: the initial weights are worth nothing.
        decay = min(self.recipe.ema_decay, (1 + self.step) / (10 + self.step))
        for name, tensor in self._weights().items():
            if tensor.is_floating_point():
                self.mean[name].lerp_(tensor, 1 - decay)
            else:
                self.mean[name].copy_(tensor)

    def mean_weights(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The running means of detector and generator by published tensor names, on the CPU."""
        parts: dict[str, dict[str, Tensor]] = {"kp_detector": {}, "generator": {}}
        for full_name, tensor in self.mean.items():
            part, _, name = full_name.partition(".")
            parts[part][name] = tensor.cpu().clone()
        return parts["kp_detector"], parts["generator"]

    def state(self) -> dict[str, Any]:
        """Everything that going on needs: tensors and plain values only."""
        return {
            "step": self.step,
            "detector": self.detector.state_dict(),
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "hidden_optimizer": self.hidden_optimizer.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
            "mean": self.mean,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state of a trainer with the same configuration.

        Raises:
            TrainingError: It is of another architecture.
        """
        try:
            self.detector.load_state_dict(state["detector"])
            self.generator.load_state_dict(state["generator"])
            self.discriminator.load_state_dict(state["discriminator"])
            self.hidden_optimizer.load_state_dict(state["hidden_optimizer"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])
            for name, tensor in self.mean.items():
                tensor.copy_(state["mean"][name])
            self.step = int(state["step"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TrainingError(
                f"the training state is of another architecture than the configuration ({error}); "
                "train into another folder (-o)"
            ) from error


def relative_motion(source: Keypoints, reference: Keypoints, driving: Keypoints) -> Keypoints:
    """Transfers movement since the reference to the source: d − d0 + s, J_d · J_d0⁻¹ · J_s."""
    value = driving.value - reference.value + source.value
    if source.jacobian is None or reference.jacobian is None or driving.jacobian is None:
        return Keypoints(value, None)
    return Keypoints(value, driving.jacobian @ inverse_2x2(reference.jacobian) @ source.jacobian)


def _take(keypoints: Keypoints, index: Tensor) -> Keypoints:
    return Keypoints(keypoints.value[index], None if keypoints.jacobian is None else keypoints.jacobian[index])

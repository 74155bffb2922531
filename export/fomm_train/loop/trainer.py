"""Optimiser steps: gradients of a batch's losses, and the running mean of the weights."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.networks.anti_alias import AntiAliasDownsample
from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import KeypointDetector
from fomm_rt.errors import TrainingError
from fomm_train.data.batches import Batch
from fomm_train.loop.batch_losses import BatchLosses, Pictures
from fomm_train.loop.fast_layers import compute_fast
from fomm_train.loop.initialization import measure_statistics, pass_colours, start_at_identity, start_blending
from fomm_train.loop.muon import Muon
from fomm_train.losses.discriminator import (
    MultiScaleDiscriminator,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
)
from fomm_train.recipe import Recipe, Stage

BETAS = (0.9, 0.999)
DISCRIMINATOR_BETAS = (0.5, 0.999)
LARGEST_GRADIENT = 5.0


class Trainer:
    """Networks and optimisers on a device, and the running mean of the weights.

    `step` counts the steps taken; `mean` is keyed by `kp_detector.` or `generator.` and the published tensor name.
    """

    def __init__(self, configuration: Configuration, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.configuration = configuration
        self.recipe = recipe
        self.device = device
        self.step = 0
        self.size = recipe.stages[0].size
        downsample = self.size // configuration.motion_size
        self.detector = KeypointDetector(configuration, downsample)
        self.generator = Generator(configuration, downsample, align_corners=True)
        self.networks = nn.ModuleDict({"kp_detector": self.detector, "generator": self.generator})
        # Channels last trains convolutions of these widths faster, on CPU and GPU.
        self.networks.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        compute_fast(self.detector, self.generator)
        start_at_identity(self.detector)
        pass_colours(self.generator)
        start_blending(self.generator)
        self.losses = BatchLosses(self.detector, self.generator, recipe.seed)
        self.discriminator = MultiScaleDiscriminator().to(device)
        hidden, others = self._parameters()
        self._trained = [*hidden, *others]
        self._optimizers = {
            "hidden_optimizer": Muon(hidden),
            "optimizer": torch.optim.Adam(others, betas=BETAS),
            "discriminator_optimizer": torch.optim.Adam(self.discriminator.parameters(), betas=DISCRIMINATOR_BETAS),
        }
        self.mean = self._copy_weights()

    def measure_statistics(self, batches: Iterable[Batch]) -> None:
        """Sets the statistics of the generator's norms; to be called once, before the first step."""
        measure_statistics(self.generator, (batch.frames.to(self.device) for batch in batches))
        self.mean = self._copy_weights()

    def start_from(self, weights: Mapping[str, Tensor]) -> list[str]:
        """Takes over weights by part and published name where shapes agree; returns the names of those that do not."""
        own = self.networks.state_dict()
        fitting = {name: tensor for name, tensor in weights.items() if name in own and tensor.shape == own[name].shape}
        self.networks.load_state_dict(fitting, strict=False)
        self.mean = self._copy_weights()
        return [name for name, tensor in own.items() if tensor.is_floating_point() and name not in fitting]

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Takes one step and returns its losses by name, unweighted; without finite gradients no weight changes."""
        stage, number = self.recipe.stage_at(self.step)
        self._resize(stage.size)
        self._set_learning_rate(stage, number)
        self.detector.train(stage.batch_statistics and stage.trains_detector)
        self.generator.eval()
        self.generator.dense_motion_network.train(stage.batch_statistics and stage.trains_motion)
        losses, pictures = self.losses(batch.to(self.device), stage, self.step)
        judged = pictures if stage.weights.use_discriminator else None
        if judged:
            losses |= self._judge(judged)
        total = torch.stack([getattr(stage.weights, name) * loss for name, loss in losses.items()]).sum()
        for name in ("hidden_optimizer", "optimizer"):
            self._optimizers[name].zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._trained, LARGEST_GRADIENT)
        # With one tensor, the host waits for the device only once.
        *values, loss, gradient = torch.stack([*losses.values(), total, norm]).tolist()
        if not (math.isfinite(loss) and math.isfinite(gradient)):
            what = "gradient" if math.isfinite(loss) else "loss"
            raise TrainingError(
                f"the {what} of step {self.step} is not finite; the last state is kept. "
                "Lower the recipe's learning rate and train into another folder (-o)"
            )
        by_name = dict(zip(losses, values, strict=True))
        for name in ("hidden_optimizer", "optimizer"):
            self._optimizers[name].step()
        if judged:
            by_name["discriminator"] = self._train_discriminator(judged)
        self._update_mean()
        self.step += 1
        return by_name

    def _judge(self, pictures: Pictures) -> dict[str, Tensor]:
        prediction, truth = pictures
        judged = self.discriminator(prediction)
        with torch.no_grad():
            real = self.discriminator(truth)
        return {"adversarial": adversarial_loss(judged), "feature_matching": feature_matching_loss(real, judged)}

    def _train_discriminator(self, pictures: Pictures) -> float:
        prediction, truth = pictures
        loss = discriminator_loss(self.discriminator(truth), self.discriminator(prediction.detach()))
        optimizer = self._optimizers["discriminator_optimizer"]
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.item()

    def _set_learning_rate(self, stage: Stage, number: int) -> None:
        fall = 0.5 * (1 + math.cos(math.pi * number / max(1, stage.steps)))
        rate = stage.last_learning_rate + (stage.learning_rate - stage.last_learning_rate) * fall
        for optimizer in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate

    def _resize(self, size: int) -> None:
        """Rebuilds the anti-alias step for another frame size; weights and optimisers stay."""
        if size == self.size:
            return
        c = self.configuration
        down = AntiAliasDownsample(c.num_channels, size // c.motion_size).to(self.device)
        self.detector.down = self.generator.dense_motion_network.down = down  # it has no weights, so they can share it
        self.size = size

    def _parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Weights of convolutions, for Muon; and for Adam biases, norms, heads of the motion networks, blend mask."""
        motion = self.generator.dense_motion_network
        heads = {self.detector.kp, self.detector.jacobian, motion.mask, motion.occlusion, self.generator.blend_mask}
        apart = {id(head.weight) for head in heads if head is not None}
        parameters = list(self.networks.parameters())
        hidden = [parameter for parameter in parameters if parameter.ndim == 4 and id(parameter) not in apart]
        chosen = {id(parameter) for parameter in hidden}
        return hidden, [parameter for parameter in parameters if id(parameter) not in chosen]

    def _copy_weights(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.networks.state_dict().items()}

    @torch.no_grad()
    def _update_mean(self) -> None:
        # At first the mean spans few steps, to forget the initial weights soon.
        decay = min(self.recipe.ema_decay, (1 + self.step) / (10 + self.step))
        for name, tensor in self.networks.state_dict().items():
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
        """Everything that a resumed run needs: tensors and plain values."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return {**parts, "step": self.step, "mean": self.mean}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Loads the state of a trainer with the same configuration.

        Raises:
            KeyError, TypeError, ValueError, RuntimeError: The state is of another architecture.
        """
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        for name, tensor in self.mean.items():
            tensor.copy_(state["mean"][name])
        self.step = int(state["step"])

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        networks = {"detector": self.detector, "generator": self.generator, "discriminator": self.discriminator}
        return {**networks, **self._optimizers}

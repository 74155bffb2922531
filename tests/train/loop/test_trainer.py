"""Training steps lower the losses and change only what their stage trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fomm_export.checkpoints.checkpoint import load_checkpoint
from fomm_export.checkpoints.own import save_own_checkpoint
from fomm_export.networks.model import build_networks
from fomm_rt.errors import TrainingError
from fomm_train.data.batches import draw_batch
from fomm_train.data.group_folder import GroupFolder
from fomm_train.loop.trainer import Trainer
from fomm_train.recipe import Looks, LossWeights
from tiny_training import CONFIGURATION, FRAME_SIZE, tiny_recipe

CPU = torch.device("cpu")
MOTION_PARTS = ("kp_detector.", "generator.dense_motion_network.")


def test_steps_lower_the_loss(groups: GroupFolder) -> None:
    stage = replace(tiny_recipe().stages[0], steps=60, learning_rate=3e-3)
    trainer = Trainer(CONFIGURATION, replace(tiny_recipe(), stages=(stage,)), CPU)
    batch = draw_batch(groups, 1, 0, stage, CONFIGURATION.motion_size)
    losses = [trainer.train_step(batch) for _ in range(40)]
    for name in ("value", "landmark", "ssim"):
        assert losses[-1][name] < 0.85 * losses[0][name], name


def test_a_gradient_that_is_not_finite_keeps_the_weights(groups: GroupFolder) -> None:
    recipe = tiny_recipe()
    trainer = Trainer(CONFIGURATION, recipe, CPU)
    weight = trainer.generator.final.weight
    weight.register_hook(lambda gradient: gradient * float("nan"))  # type: ignore[no-untyped-call]
    before = weight.detach().clone()
    with pytest.raises(TrainingError, match="the gradient of step 0 is not finite"):
        trainer.train_step(draw_batch(groups, 1, 0, recipe.stages[0], CONFIGURATION.motion_size))
    assert torch.equal(weight, before)


def _train(groups: GroupFolder, stage_name: str, steps: int = 1) -> tuple[set[str], list[dict[str, float]]]:
    """Takes steps of a stage on one batch; returns the names of the changed weights and each step's losses."""
    stage = next(stage for stage in tiny_recipe().stages if stage.name == stage_name)
    trainer = Trainer(CONFIGURATION, replace(tiny_recipe(), stages=(replace(stage, steps=steps),)), CPU)
    before = {name: tensor.clone() for name, tensor in trainer.networks.state_dict().items()}
    batch = draw_batch(groups, 1, 0, stage, CONFIGURATION.motion_size)
    losses = [trainer.train_step(batch) for _ in range(steps)]
    return {
        name for name, tensor in trainer.networks.state_dict().items() if not torch.equal(tensor, before[name])
    }, losses


def test_a_stage_of_the_detector_keeps_all_other_networks(groups: GroupFolder) -> None:
    recipe = tiny_recipe()
    stage = replace(recipe.stages[0], trains="detector", size=CONFIGURATION.motion_size, looks=Looks())
    trainer = Trainer(CONFIGURATION, replace(recipe, stages=(replace(stage, steps=15),)), CPU)
    before = {name: tensor.clone() for name, tensor in trainer.networks.state_dict().items()}
    batch = draw_batch(groups, 1, 0, stage, CONFIGURATION.motion_size)
    losses = [trainer.train_step(batch) for _ in range(15)]
    assert set(losses[0]) == {"landmark", "jacobian", "equivariance_value", "equivariance_jacobian"}
    assert losses[-1]["landmark"] < losses[0]["landmark"]
    after = trainer.networks.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert "kp_detector.kp.weight" in changed
    assert all(name.startswith("kp_detector.") for name in changed)


def test_starts_from_the_weights_that_fit(groups: GroupFolder) -> None:
    recipe = tiny_recipe()
    source = Trainer(CONFIGURATION, recipe, CPU)
    source.train_step(draw_batch(groups, 1, 0, recipe.stages[0], CONFIGURATION.motion_size))
    kp_detector, generator = source.mean_weights()
    weights = {f"kp_detector.{name}": tensor for name, tensor in kp_detector.items()}
    weights |= {f"generator.{name}": tensor for name, tensor in generator.items()}
    weights["generator.final.weight"] = torch.zeros(1, 2, 3, 3)
    weights["generator.later.weight"] = torch.zeros(1)
    trainer = Trainer(CONFIGURATION, replace(recipe, seed=9), CPU)
    assert trainer.start_from(weights) == ["generator.final.weight"]
    found = trainer.networks.state_dict()
    assert torch.equal(found["kp_detector.kp.weight"], weights["kp_detector.kp.weight"])
    assert torch.equal(trainer.mean["kp_detector.kp.weight"], weights["kp_detector.kp.weight"])
    assert found["generator.final.weight"].shape != (1, 2, 3, 3)


def test_a_stage_of_motion_keeps_encoder_and_decoder(groups: GroupFolder) -> None:
    changed, losses = _train(groups, "motion", 15)
    assert "value" not in losses[0]
    assert all(name.startswith(MOTION_PARTS) for name in changed)
    for name in ("kp_detector.kp", "kp_detector.jacobian", "generator.dense_motion_network.mask"):
        assert f"{name}.weight" in changed
    assert "generator.dense_motion_network.occlusion.weight" in changed
    for loss in ("flow", "occlusion"):
        assert losses[-1][loss] < losses[0][loss]


def test_a_stage_of_pictures_keeps_the_motion_networks(groups: GroupFolder) -> None:
    changed, losses = _train(groups, "pictures")
    assert set(losses[0]) == {"value", "gradient", "ssim"}
    assert "generator.final.weight" in changed
    assert not any(name.startswith(MOTION_PARTS) for name in changed)


BLENDING = replace(CONFIGURATION, estimate_blend_mask=True)


def blending_trainer(weights: LossWeights) -> Trainer:
    stage = replace(tiny_recipe().stages[2], steps=20, learning_rate=3e-3, weights=weights)
    return Trainer(BLENDING, replace(tiny_recipe(), stages=(stage,)), CPU)


def test_a_blend_mask_starts_nearly_even() -> None:
    trainer = blending_trainer(LossWeights())
    frames = torch.rand(1, 3, FRAME_SIZE, FRAME_SIZE)
    with torch.no_grad():
        mask = trainer.generator.decode(trainer.generator.encode(frames))[:, 3:]
    assert 0.15 < mask.mean() < 0.45
    assert mask.std() < 0.05


def test_trains_a_blend_mask(groups: GroupFolder, tmp_path: Path) -> None:
    """By Adam; its losses count only by their weights, and the checkpoint has it."""
    trainer = blending_trainer(LossWeights(blend_prior=5.0, texture=1.0, decoded=0.5))
    assert trainer.generator.blend_mask is not None
    others = {id(p) for group in trainer._optimizers["optimizer"].param_groups for p in group["params"]}
    assert {id(parameter) for parameter in trainer.generator.blend_mask.parameters()} <= others
    batch = draw_batch(groups, 1, 0, trainer.recipe.stages[0], BLENDING.motion_size)
    losses = [trainer.train_step(batch) for _ in range(20)]
    assert set(losses[0]) == {"value", "gradient", "ssim", "texture", "blend_prior", "decoded"}
    assert losses[-1]["blend_prior"] < losses[0]["blend_prior"]
    plain = blending_trainer(LossWeights()).train_step(batch)
    assert set(plain) == {"value", "gradient", "ssim", "blend_prior"}
    path = tmp_path / "tiny.safetensors"
    save_own_checkpoint(path, *trainer.mean_weights(), name="tiny")
    checkpoint = load_checkpoint(path)
    networks = build_networks(BLENDING, checkpoint.kp_detector, checkpoint.generator)
    assert networks.generator.blend_mask is not None
    torch.testing.assert_close(
        networks.generator.blend_mask.bias, trainer.mean["generator.blend_mask.bias"], atol=0, rtol=0
    )

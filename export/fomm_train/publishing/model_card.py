"""The model card: what a checkpoint was trained on and how, what it measures, what it cannot do."""

from __future__ import annotations

from pathlib import Path

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.onnx.multiply_accumulates import multiply_accumulates
from fomm_rt.model.folder import open_model_folder
from fomm_train.data.drawn_groups import IDENTITIES, POSES
from fomm_train.data.held_out import FIRST_MEASURED_SEED
from fomm_train.loop.log import read_log
from fomm_train.measures.held_out_pairs import STILL_FACES, STILL_FRAMES, Measures
from fomm_train.recipe import Recipe, Stage


def model_card(
    folder: Path, recipe: Recipe, configuration: Configuration, model: Path, measures: Measures, notes: str = ""
) -> str:
    """The card of the checkpoint of a run, as Markdown.

    Args:
        folder: Of the run; its log is quoted.
        recipe: What was done.
        configuration: Architecture.
        model: The exported model folder.
        measures: Of that folder.
        notes: Written by people, about this run; appended.
    """
    frames = recipe.groups * IDENTITIES * POSES
    operations = multiply_accumulates(model)
    per_frame = sum(count for network, count in operations.items() if network != "source_encoder")
    return f"""# {recipe.name}

The First Order Motion Model (Siarohin et al. 2019) in the published architecture with smaller widths, trained on
faces that `fomm_train.faces` draws. It is what fomm-rt runs when no other model is given.

## What it is for, and what it cannot do

It shows the engine at work: it animates drawn faces, human and animal, by a drawn performance. It knows drawn faces
only. Photographs and films of people are outside of its training: for those export published weights. It was trained
with heads that turn up to about 30° and with backgrounds that do not move; beyond that it guesses.

## Architecture

`{recipe.name}.yaml`: {configuration.num_kp} keypoints with jacobians, {recipe.frame_size}×{recipe.frame_size} pixels,
align_corners=True. {per_frame / 1e9:.2f} billion multiply-accumulates a frame once the source is encoded
({", ".join(f"{network} {count / 1e9:.2f}" for network, count in operations.items())}), counted in the exported graphs.
Convolution weights are kept as float16, computed with as float32.

## Data

{recipe.groups * IDENTITIES} identities in {frames} frames, drawn from the seeds {recipe.first_group_seed} to
{recipe.first_group_seed + recipe.groups - 1}: groups of {IDENTITIES} identities that strike the same {POSES} poses,
which gives the true result of transfer between identities. No picture of a person was used.

## Losses

Of the paper: equivariance of keypoint values and jacobians under random thin-plate splines, reconstruction over a
pyramid of resolutions{", a multi-scale discriminator with feature matching" if _adversarial(recipe) else ""}. In place
of the paper's pretrained perceptual network: gradients over the same pyramid and structural similarity. Added, because
the renderer knows the truth: the keypoints of ten parts of the head with their jacobians, the deformation of head,
torso and background where the source shows them, the occlusion map by whether it does, the warped source at the
motion's resolution, and pairs with a driver of another identity, moved relatively. Eyes and mouth count more than other
pixels.

| stage | trains | steps | size | pairs a step | another identity | still | learning rate | weights of the losses |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(_stage_row(stage) for stage in recipe.stages)}

Of a step's pairs some are driven by another identity, in some nothing moves. Seed {recipe.seed}; Muon for the
weights of convolutions, Adam for the rest; the generator begins as a copy of its input
(`fomm_train.loop.initialization`); running mean of the weights with decay {recipe.ema_decay}.
`fomm-rt train` follows the recipe from the start, `python -m fomm_train.publishing.publish training` writes this card.
{_last_losses(folder)}
## Measures

On {measures.pairs} pairs of identities (seeds from {FIRST_MEASURED_SEED}) and performances never trained on, through
the runtime on the CPU (`fomm-rt measure`); a third are blinks, a third wide open mouths:

| measure | value | target | |
|---|---|---|---|
{chr(10).join(_measure_row(*row) for row in measures.rows())}

Same and other identity are mean absolute errors of the prediction over those of simply showing the source: absolute
motion by the same face; relative motion by another face that begins in the source's pose; and, for own pose, relative
motion, with scale adapted, by another face that begins in another pose than the source. Openness is read off as that
of the rendering most like the prediction. Jitter is of {STILL_FACES} still faces in {STILL_FRAMES} frames each, under
sensor noise.

## Licence

That of the project (MIT). SHA-256 of the weights: {open_model_folder(model).manifest.weights.sha256}.
{notes and chr(10) + notes}"""


def _adversarial(recipe: Recipe) -> bool:
    return any(stage.weights.use_discriminator for stage in recipe.stages)


def _stage_row(stage: Stage) -> str:
    weights = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in stage.loss_weights().items())
    pairs = stage.groups_per_batch * stage.pairs_per_group
    rates = f"{stage.learning_rate:g} to {stage.last_learning_rate:g}"
    return (
        f"| {stage.name} | {stage.trains} | {stage.steps} | {stage.size} | {pairs} | {stage.other_identity:.0%} "
        f"| {stage.still:.0%} | {rates} | {weights} |"
    )


def _measure_row(name: str, value: float, target: str, met: bool) -> str:
    verdict = "" if not target else "met" if met else "not met"
    return f"| {name.replace('_', ' ')} | {value:.3f} | {target} | {verdict} |"


def _last_losses(folder: Path) -> str:
    rows = read_log(folder / "log.csv")
    if not rows:
        return ""
    last = rows[-1]
    losses = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in last.items() if name != "step" and value)
    return f"Last logged losses (step {last['step']}): {losses}.\n"

"""The model card: training, measures and limits of a checkpoint."""

from pathlib import Path

from fomm_export.onnx.multiply_accumulates import multiply_accumulates
from fomm_rt.model.folder import open_model_folder
from fomm_train.data.frame_group import IDENTITIES, POSES
from fomm_train.data.held_out import FIRST_MEASURED_SEED
from fomm_train.loop.log import read_log
from fomm_train.loop.run_folder import Plan
from fomm_train.measures.held_out_pairs import STILL_FACES, STILL_FRAMES, Measures, Row
from fomm_train.recipe import Stage


def model_card(folder: Path, plan: Plan, model: Path, measures: Measures, notes: str = "") -> str:
    """The card of the checkpoint in a run's folder as Markdown; `model` is the exported model folder."""
    recipe, configuration = plan.recipe, plan.configuration
    frames = recipe.groups * IDENTITIES * POSES
    operations = multiply_accumulates(model)
    per_frame = sum(count for network, count in operations.items() if network != "source_encoder")
    uses_discriminator = any(stage.weights.use_discriminator for stage in recipe.stages)
    return f"""# {recipe.name}

This is the First Order Motion Model (Siarohin et al. 2019) in the published architecture with smaller widths, trained
on faces that `fomm_train.faces` draws. fomm-rt uses it when no other model is given.

## Purpose and limits

The model shows the engine at work: it animates drawn faces of humans and animals by a drawn performance. It knows drawn
faces only. For photographs and films of people, export published weights. The training heads turn by up to about 30°
in front of still backgrounds; other motion gives poor results.

## Architecture

`{recipe.name}.yaml`: {configuration.num_kp} keypoints with jacobians, {recipe.frame_size}×{recipe.frame_size} pixels,
align_corners=True. A frame takes {per_frame / 1e9:.2f} billion multiply-accumulates after the source is encoded
({", ".join(f"{network} {count / 1e9:.2f}" for network, count in operations.items())}), counted in the exported graphs.
Convolution weights are stored as float16; the networks compute in float32.

## Data

{recipe.groups * IDENTITIES} identities in {frames} frames, drawn from seeds {recipe.first_group_seed} to
{recipe.first_group_seed + recipe.groups - 1}. In each group, {IDENTITIES} identities strike the same {POSES} poses,
which gives the true result of transfer between identities. The data contain no picture of a person.

## Losses

From the paper: equivariance of keypoint values and jacobians under random thin-plate splines, and reconstruction over a
pyramid of resolutions{", with a multi-scale discriminator and feature matching" if uses_discriminator else ""}.
Gradients over the same pyramid and structural similarity replace the paper's pretrained perceptual network. The
renderer's ground truth adds: keypoints and jacobians of ten parts of the head; the deformation of head, torso and
background where the source shows them; the occlusion map; the warped source at the motion size; and pairs with a driver
of another identity under relative motion. Pixels of eyes and mouth have larger weights.

| stage | trains | steps | size | pairs per step | other identity | still | learning rate | weights of the losses |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(_stage_row(stage) for stage in recipe.stages)}

"Other identity" is the share of pairs driven by another identity, "still" the share in which nothing moves. Muon
trains the weights of convolutions, Adam all others; the seed is {recipe.seed}. The generator begins as a copy of its
input (`fomm_train.loop.initialization`). The checkpoint is the running mean of the weights with decay
{recipe.ema_decay}.
`fomm-rt train` follows this recipe from the start; `python -m fomm_train.publishing.publish training` writes this card.
{_last_losses(folder)}
## Measures

`fomm-rt measure` on {measures.pairs} held-out pairs (identities from seed {FIRST_MEASURED_SEED}), through the runtime
on the CPU. A third of the driving frames are blinks, a third wide open mouths.

| measure | value | target | |
|---|---|---|---|
{chr(10).join(_measure_row(row) for row in measures.rows())}

Identity measures are the mean absolute error of the prediction divided by that of showing the source. Same identity:
absolute motion by the same face. Other identity: relative motion by another face whose reference frame has the source's
pose. Own pose: relative motion with adapted scale by another face whose reference frame has another pose. Openness of
mouth and eyes is read from the rendering most similar to the prediction. Jitter is measured on {STILL_FACES} still
faces in {STILL_FRAMES} frames each with sensor noise.

## Licence

MIT, like the project. SHA-256 of the weights: {open_model_folder(model).manifest.weights.sha256}.
{notes and chr(10) + notes}"""


def _stage_row(stage: Stage) -> str:
    weights = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in stage.loss_weights().items())
    pairs = stage.groups_per_batch * stage.pairs_per_group
    rates = f"{stage.learning_rate:g} to {stage.last_learning_rate:g}"
    return (
        f"| {stage.name} | {stage.trains} | {stage.steps} | {stage.size} | {pairs} | {stage.other_identity:.0%} "
        f"| {stage.still:.0%} | {rates} | {weights} |"
    )


def _measure_row(row: Row) -> str:
    verdict = "" if not row.target else "met" if row.met else "not met"
    return f"| {row.name.replace('_', ' ')} | {row.value:.3f} | {row.target} | {verdict} |"


def _last_losses(folder: Path) -> str:
    rows = read_log(folder / "log.csv")
    if not rows:
        return ""
    last = rows[-1]
    losses = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in last.items() if name != "step" and value)
    return f"Last logged losses (step {last['step']}): {losses}.\n"

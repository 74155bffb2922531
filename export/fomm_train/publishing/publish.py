"""Publishes a finished training run: checkpoint, exported model, avatars, performance and card.

    python -m fomm_train.publishing.publish FOLDER

writes these files of a checkout; it makes and measures everything in a temporary folder first.

export/fomm_export/checkpoints/NAME.safetensors   weights
export/fomm_export/checkpoints/NAME.md            model card
runtime/fomm_rt/bundled/model/                    exported model
runtime/fomm_rt/bundled/avatars/*.png             faces never trained on
runtime/fomm_rt/bundled/performance.mp4           the performance that drives them
"""

import shutil
import sys
import tempfile
from pathlib import Path

from fomm_export.checkpoints.configuration_file import OWN_CHECKPOINTS, load_configuration
from fomm_export.export_model import export_checkpoint
from fomm_rt import bundled
from fomm_rt.errors import FommError, OutputError, TrainingError
from fomm_rt.media.write.picture import write_picture
from fomm_rt.media.write.video_writer import VideoWriter
from fomm_rt.model.folder import sha256_of
from fomm_train.drawn_faces import DRAWN_FACES
from fomm_train.faces import draw_identity, draw_performance, render_picture
from fomm_train.loop.run_folder import STATE_NAME, Plan, read_plan
from fomm_train.loop.state import load_training_state
from fomm_train.measures.held_out_pairs import PAIRS, measure
from fomm_train.publishing.model_card import model_card
from fomm_train.recipe import Recipe

SUPERSAMPLE = 3
FRAME_RATE = 25
PERFORMANCE_FRAMES = 7 * FRAME_RATE
PERFORMANCE_SEED = (1 << 41) + 5
DRIVER_SEED = (1 << 33) + 12
AVATARS = {"bun": 16, "curls": 33, "dog": 20, "fox": 3, "goatee": 35, "long-hair": 27, "round-glasses": 22}
AVATAR_SEEDS = {name: (1 << 33) + number for name, number in AVATARS.items()}
"""File name to the identity's seed; training draws from seeds below 2**31."""


def publish(folder: Path, recipe: Recipe = DRAWN_FACES, pairs: int = PAIRS) -> None:
    """Measures the checkpoint of a run that finished `recipe` on `pairs` held-out pairs and publishes it."""
    plan = Plan(recipe, load_configuration(recipe.name))
    _check_finished(folder, plan)
    checkpoint = folder / f"{recipe.name}.safetensors"
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary)
        # The model is named after its folder.
        model = export_checkpoint(checkpoint, made / recipe.name, progress=print).path
        _draw_media(made, recipe.frame_size)
        print(f"measuring {pairs} pairs")
        measures = measure(model, pairs)
        notes = _notes(OWN_CHECKPOINTS / f"{recipe.name}.notes.md", sha256_of(checkpoint))
        card = model_card(folder, plan, model, measures, notes)
        try:
            shutil.copyfile(checkpoint, OWN_CHECKPOINTS / checkpoint.name)
            (OWN_CHECKPOINTS / f"{recipe.name}.md").write_text(card, encoding="utf-8")
            for name, source in (("model", model), ("avatars", made / "avatars")):
                shutil.rmtree(bundled.FOLDER / name, ignore_errors=True)
                shutil.copytree(source, bundled.FOLDER / name)
            shutil.copyfile(made / "performance.mp4", bundled.FOLDER / "performance.mp4")
        except OSError as error:
            raise OutputError(f"{error.filename}: cannot be written ({error.strerror}); publish again") from error
    print(measures.table())
    print(
        f"its SHA-256 for OWN_SHA256 in fomm_rt/model/known_weights.py: {sha256_of(OWN_CHECKPOINTS / checkpoint.name)}"
    )


def _notes(path: Path, sha256: str) -> str:
    """Handwritten notes; empty unless their first line names the checkpoint's SHA-256."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    head, _, notes = text.partition("\n")
    if head == f"<!-- of {sha256} -->":
        return notes.lstrip("\n")
    print(
        f"{path}: written for other weights; the card leaves it out. Once it fits, begin it with <!-- of {sha256} -->"
    )
    return ""


def _draw_media(folder: Path, size: int) -> None:
    """Draws the avatars in the performance's first pose, and the performance that drives them."""
    poses = draw_performance(PERFORMANCE_SEED, PERFORMANCE_FRAMES, FRAME_RATE)
    for name, seed in AVATAR_SEEDS.items():
        avatar = render_picture(draw_identity(seed), poses[0], size, supersample=SUPERSAMPLE)
        write_picture(folder / "avatars" / f"{name}.png", avatar)
    with VideoWriter(folder / "performance.mp4", FRAME_RATE) as writer:
        for pose in poses:
            writer.write(render_picture(draw_identity(DRIVER_SEED), pose, size, supersample=SUPERSAMPLE))


def _check_finished(folder: Path, plan: Plan) -> None:
    if read_plan(folder) != plan:
        raise TrainingError(
            f"{folder}: its run followed another recipe than {plan.recipe.name}'s; train into another folder"
        )
    step, steps = load_training_state(folder / STATE_NAME).get("step"), plan.recipe.steps
    if step != steps:
        raise TrainingError(
            f"{folder}: its run stopped at step {step} of {steps}; finish it with: fomm-rt train -o {folder}"
        )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m fomm_train.publishing.publish FOLDER")
    try:
        publish(Path(sys.argv[1]))
    except FommError as error:
        sys.exit(f"error: {error}")

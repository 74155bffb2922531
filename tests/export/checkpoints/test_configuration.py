"""Configurations by name and from YAML, the frame sizes they allow, and their tensor names."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.checkpoints.configuration_file import OWN_CHECKPOINTS, load_configuration
from fomm_export.checkpoints.published import CONFIGURATIONS
from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import KeypointDetector
from fomm_export.networks.model import tensor_shapes
from fomm_rt.errors import CheckpointError
from golden_files import FOLDER

PUBLISHED = json.loads((FOLDER / "published_models.json").read_text())

YAML = """
dataset_params:
  frame_shape: [128, 128, 3]
model_params:
  common_params: {num_kp: 7, num_channels: 3, estimate_jacobian: True}
  kp_detector_params: {temperature: 0.1, block_expansion: 32, max_features: 1024, scale_factor: 0.25, num_blocks: 5}
  generator_params:
    block_expansion: 64
    max_features: 512
    num_down_blocks: 2
    num_bottleneck_blocks: 6
    estimate_occlusion_map: True
    dense_motion_params: {block_expansion: 64, max_features: 1024, num_blocks: 5, scale_factor: 0.25}
  discriminator_params: {scales: [1]}
train_params: {num_epochs: 100}
"""


@pytest.mark.parametrize("name", sorted(CONFIGURATIONS))
def test_networks_have_the_published_tensors(name: str) -> None:
    layout = PUBLISHED["layouts"][PUBLISHED["models"][name]]
    configuration = CONFIGURATIONS[name]
    assert configuration == Configuration.from_model_params(layout["model_params"])
    with torch.device("meta"):
        networks = {
            "kp_detector": KeypointDetector(configuration, 4),
            "generator": Generator(configuration, 4, align_corners=True),
        }
    for part, network in networks.items():
        published = {k: tuple(v) for k, v in layout[part].items() if not k.endswith("down.weight")}
        assert tensor_shapes(network) == published


def test_knows_all_published_models() -> None:
    assert set(CONFIGURATIONS) == set(PUBLISHED["models"])


def test_reads_a_published_yaml(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(YAML)
    configuration = load_configuration(str(path))
    assert (configuration.num_kp, configuration.frame_size, configuration.motion_size) == (7, 128, 32)
    assert not configuration.single_jacobian_map


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("model_params: {}", "common_params"),
        ("just text", "expected the document to hold keys and values; it is a str"),
        ("", "expected the document to hold keys and values; it is empty"),
        ("model_params: 3", "expected model_params to hold keys and values; it is a int"),
        ("dataset_params: {}", "model_params"),
        ("a: [", "cannot be read"),
        (YAML.replace("[128, 128, 3]", "[128, 256, 3]"), "expected a square"),
        (YAML.replace("scale_factor: 0.25", "scale_factor: 0.5", 1), "scale"),
        (YAML.replace("num_channels: 3", "num_channels: 1"), "num_channels"),
        (YAML.replace("scale_factor: 0.25", "scale_factor: 0"), "scale_factor"),
        (YAML.replace("scale_factor: 0.25", "scale_factor: 0.3"), "scale_factor is 0.3"),
        (YAML.replace("num_kp: 7", "num_kp: 0"), "Expected `int` >= 1 - at `$.num_kp`"),
        (YAML.replace("num_kp: 7", "num_kp: .inf"), "Expected `int`, got `float` - at `$.num_kp`"),
        (YAML.replace("num_blocks: 5", "num_blocks: 99999999999"), "`int` <= 8 - at `$.detector.num_blocks`"),
        (YAML.replace("[128, 128, 3]", "[0, 0, 3]"), "Expected `int` >= 1 - at `$.dataset_params.frame_shape"),
        ("[" * 5000, "cannot be read"),
        (YAML.replace("max_features: 1024", "max_features: -1"), "`int` >= 1 - at `$.detector.max_features`"),
        (YAML.replace("max_features: 512", "max_features: 32"), "generator: max_features is 32; expected at least"),
        (YAML.replace("temperature: 0.1", "temperature: 0"), "`float` > 0.0 - at `$.temperature`"),
        (YAML.replace("[128, 128, 3]", "[100, 100, 3]"), "divide"),
        (YAML.replace("[128, 128, 3]", "null"), "Expected `array`, got `null` - at `$.dataset_params.frame_shape`"),
        (YAML.replace("[128, 128, 3]", "[true, true, 3]"), "Expected `int`, got `bool`"),
        (YAML.replace("scale_factor: 0.25", "scale_factor: 0.001"), "divide"),
    ],
)
def test_rejects_a_wrong_yaml(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(CheckpointError, match=re.escape(word)) as caught:
        load_configuration(str(path))
    assert str(path) in str(caught.value)


UNKNOWN = [  # in place of another text -> section and key, hint
    ("num_kp: 7", "num_kp: 7, num_kps: 8", "model_params.common_params.num_kps (did you mean num_kp?)"),
    ("temperature: 0.1", "temperature: 0.1, use_hourglass: 1", "model_params.kp_detector_params.use_hourglass is not"),
    (
        "  estimate_occlusion_map: True",
        "  estimate_occlusion_map: True\n    attention: 1",
        "generator_params.attention is",
    ),
    (
        "num_blocks: 5, scale",
        "num_bloks: 9, num_blocks: 5, scale",
        "dense_motion_params.num_bloks (did you mean num_blocks",
    ),
    ("num_kp: 7", "num_kp: 7, kp_variance: 1", "(it belongs in model_params.generator_params.dense_motion_params)"),
    ("frame_shape: [", "frame_shap: [", "dataset_params.frame_shap (did you mean frame_shape?)"),
    ("train_params:", "trainer_params:", "trainer_params (did you mean train_params?)"),
    ("  discriminator_params", "  bg_predictor_params", "model_params.bg_predictor_params is not understood"),
    ("num_kp: 7", "num_kp: 7, 5: 6, ~: 1", "model_params.common_params.5, model_params.common_params.None are not"),
]


@pytest.mark.parametrize(("given", "changed", "word"), UNKNOWN)
def test_refuses_keys_by_name(tmp_path: Path, given: str, changed: str, word: str) -> None:
    path = tmp_path / "own.yaml"
    assert given in YAML
    path.write_text(YAML.replace(given, changed, 1))
    with pytest.raises(CheckpointError, match=re.escape(word)):
        load_configuration(str(path))


def test_ignores_sections_that_only_concern_training(tmp_path: Path) -> None:
    """All sections of the published files."""
    path = tmp_path / "own.yaml"
    path.write_text(
        YAML.replace(
            "dataset_params:\n",
            "dataset_params:\n  {root_dir: data, id_sampling: True, pairs_list: x.csv,"
            " augmentation_params: {flip_param: {horizontal_flip: True}},\n  ",
        ).replace("[128, 128, 3]\n", "[128, 128, 3]}\n")
        + "reconstruction_params: {num_videos: 1}\nanimate_params: {num_pairs: 50}\n"
        "visualizer_params: {kp_size: 5, draw_border: True, colormap: gist_rainbow}\naugmentation_params: {}\n"
    )
    assert load_configuration(str(path)).num_kp == 7


def test_reads_the_variance_of_keypoints(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        YAML.replace(
            "num_blocks: 5, scale_factor: 0.25}\n  disc",
            "num_blocks: 5, scale_factor: 0.25, kp_variance: 0.02}\n  disc",
        )
    )
    assert load_configuration(str(path)).kp_variance == 0.02
    path.write_text(YAML)
    assert load_configuration(str(path)).kp_variance == 0.01


def test_defaults_of_the_published_code(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        YAML.replace(", estimate_jacobian: True", "")
        .replace("scale_factor: 0.25, ", "")
        .replace(", scale_factor: 0.25", "")
    )
    configuration = load_configuration(str(path))
    assert (configuration.scale_factor, configuration.estimate_jacobian) == (1, False)


def test_refuses_a_key_that_appears_twice(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(YAML.replace("max_features: 512", "max_features: 512\n    max_features: 256"))
    with pytest.raises(CheckpointError, match="the key max_features appears twice"):
        load_configuration(str(path))


def test_refuses_a_checkpoint_in_place_of_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "vox-cpk.pth.tar"
    path.write_bytes(b"a: 1\n" * 300_000)
    with pytest.raises(CheckpointError, match="--config takes the configuration, not the checkpoint"):
        load_configuration(str(path))


def test_reads_numbers_that_yaml_parses_as_strings(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(YAML.replace("temperature: 0.1", "temperature: 1e-1"))
    assert load_configuration(str(path)).temperature == 0.1


def test_json_round_trip() -> None:
    configuration = CONFIGURATIONS["mgif-256"]
    fields = json.loads(json.dumps(configuration.as_json()))
    assert Configuration.from_json(fields) == configuration


def test_json_holds_fields_that_reading_left_at_their_defaults() -> None:
    complete = CONFIGURATIONS["vox-256"].as_json()
    given = {name: value for name, value in complete.items() if name not in ("single_jacobian_map", "pad")}
    assert Configuration.from_json(given).as_json() == complete


def test_yaml_executes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "evil.yaml"
    path.write_text(f"!!python/object/apply:os.mkdir ['{tmp_path}/made']")
    with pytest.raises(CheckpointError):
        load_configuration(str(path))
    assert not (tmp_path / "made").exists()


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match="vox-adv-256"):
        load_configuration("vox-257")


@pytest.mark.parametrize("size", [64, 128, 256, 384, 512])
def test_accepts_fitting_sizes(size: int) -> None:
    CONFIGURATIONS["vox-256"].check_size(size)


@pytest.mark.parametrize("size", [0, 1, 63, 100, 250, 257, 128000064])
def test_rejected_size_names_fitting_ones(size: int) -> None:
    with pytest.raises(ValueError, match="multiple of 64"):
        CONFIGURATIONS["vox-256"].check_size(size)


def test_sizes_must_be_divisible_for_both_networks() -> None:
    configuration = replace(CONFIGURATIONS["vox-256"], frame_size=160, num_down_blocks=4)
    assert configuration.motion_size == 40
    configuration.check_size(240)
    with pytest.raises(ValueError, match="expected a multiple of 80"):
        configuration.check_size(200)


def test_the_margin_of_faces(tmp_path: Path) -> None:
    assert CONFIGURATIONS["vox-256"].face_margin == CONFIGURATIONS["vox-adv-256"].face_margin == 1.5
    assert {CONFIGURATIONS[name].face_margin for name in ("taichi-256", "bair-256", "mgif-256", "nemo-256")} == {None}
    path = tmp_path / "own.yaml"
    text = (OWN_CHECKPOINTS / "drawn-faces-256.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("face_margin: 2.1", "face_margin: 1.8"), encoding="utf-8")
    assert load_configuration(str(path)).face_margin == 1.8
    path.write_text(text.replace("face_margin: 2.1", "face_margin: -1"), encoding="utf-8")
    with pytest.raises(CheckpointError, match="face_margin"):
        load_configuration(str(path))

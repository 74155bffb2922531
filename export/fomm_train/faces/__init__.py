"""Drawn heads: identities, performances, their pictures and their landmarks, for training without photographs."""

from fomm_train.faces.camera import head_view, torso_view
from fomm_train.faces.identity import Identity, draw_identity
from fomm_train.faces.landmarks import LANDMARKS, Landmarks, feature_boxes, landmarks
from fomm_train.faces.performance import Pose, draw_performance, draw_pose
from fomm_train.faces.render import render, render_picture, surface_map

__all__ = [
    "LANDMARKS",
    "Identity",
    "Landmarks",
    "Pose",
    "draw_identity",
    "draw_performance",
    "draw_pose",
    "feature_boxes",
    "head_view",
    "landmarks",
    "render",
    "render_picture",
    "surface_map",
    "torso_view",
]

"""Drawn heads: identities, performances, frames of them, and where their landmarks and surfaces lie."""

from fomm_train.faces.camera import head_view, torso_view
from fomm_train.faces.drawing.canvas import BACKGROUND, HEAD, TORSO
from fomm_train.faces.identity import Identity, draw_identity
from fomm_train.faces.landmarks import LANDMARKS, feature_boxes, landmarks
from fomm_train.faces.performance import draw_performance
from fomm_train.faces.pose import Pose, draw_pose
from fomm_train.faces.render import render, render_picture, surface_map

__all__ = [
    "BACKGROUND",
    "HEAD",
    "LANDMARKS",
    "TORSO",
    "Identity",
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

"""Drawn heads: identities, performances, their pictures and their landmarks, for training without photographs."""

from fomm_export.faces.camera import head_view, torso_view
from fomm_export.faces.identity import Identity, draw_identity
from fomm_export.faces.landmarks import LANDMARKS, Landmarks, feature_boxes, landmarks
from fomm_export.faces.performance import Pose, draw_performance, draw_pose
from fomm_export.faces.render import render, render_picture, surface_map

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

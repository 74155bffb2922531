"""Drawn heads: identities, performances, their pictures and their landmarks, for training without photographs."""

from fomm_export.faces.identity import Identity, draw_identity
from fomm_export.faces.landmarks import LANDMARKS, Landmarks, feature_boxes, landmarks
from fomm_export.faces.performance import Pose, draw_performance, draw_pose
from fomm_export.faces.render import render, render_picture

__all__ = [
    "LANDMARKS",
    "Identity",
    "Landmarks",
    "Pose",
    "draw_identity",
    "draw_performance",
    "draw_pose",
    "feature_boxes",
    "landmarks",
    "render",
    "render_picture",
]

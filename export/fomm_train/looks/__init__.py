"""Random looks: frames of drawn and rendered heads under other skins, clothes, places, light, framings and cameras."""

from fomm_train.looks.geometry import Geometry
from fomm_train.looks.look import Frames, Looked, change_looks

__all__ = ["Frames", "Geometry", "Looked", "change_looks"]

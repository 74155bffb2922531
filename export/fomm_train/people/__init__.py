"""Rendered people: heads of MakeHuman's CC0 shapes under procedural skin, hair, clothes and light."""

from fomm_train.people.expression import Moment, draw_moment
from fomm_train.people.landmarks import feature_boxes, landmarks
from fomm_train.people.person import Person, draw_person
from fomm_train.people.studio import Studio, shared_studio

__all__ = ["Moment", "Person", "Studio", "draw_moment", "draw_person", "feature_boxes", "landmarks", "shared_studio"]

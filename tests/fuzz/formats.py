"""All input formats, by name."""

from __future__ import annotations

from itertools import chain

from fuzz import media, models, stores

FORMATS = {each.name: each for each in chain(media.formats(), models.formats(), stores.formats())}

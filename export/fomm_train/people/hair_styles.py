"""Kinds of hair."""

from dataclasses import dataclass

SHAVEN = ("bald", "receding", "buzz")
LONG = ("bob", "long", "wavy", "fringe")


@dataclass(frozen=True)
class Style:
    """How a kind of hair grows; lengths in dm.

    Attributes:
        count: Number of strands.
        length: Mean length of a strand.
        thickness: Thickness of the layer of hair.
        lift: How steeply strands leave the skin, 0 along it, 1 straight up.
        gravity: How fast strands turn down.
        comb: Direction: whorl, side, back, front, down, none.
        curl: Radius of curls.
        turns: Curls along a strand.
        clump: How much strands keep together at their tips.
        width: Width of a strand.
        steps: Points of a strand.
    """

    count: int
    length: float
    thickness: float
    lift: float
    gravity: float
    comb: str
    curl: float = 0.0
    turns: float = 0.0
    clump: float = 0.3
    width: float = 0.0135
    steps: int = 10


STYLES = {
    "bald": Style(1400, 0.05, 0.03, 0.6, 0, "whorl", steps=3, width=0.0095),
    "receding": Style(3300, 0.22, 0.07, 0.35, 0.2, "back", steps=5),
    "buzz": Style(8700, 0.07, 0.05, 0.75, 0, "whorl", steps=3, width=0.0095),
    "short": Style(6200, 0.34, 0.16, 0.40, 0.25, "whorl", steps=6),
    "swept": Style(5800, 0.62, 0.26, 0.38, 0.25, "front", steps=8, clump=0.6),
    "side_part": Style(5800, 0.75, 0.22, 0.32, 0.45, "side", steps=8, clump=0.35),
    "slick": Style(5300, 0.95, 0.13, 0.12, 0.25, "back", steps=8, clump=0.45),
    "curly": Style(5000, 0.75, 0.38, 0.75, 0.2, "whorl", 0.055, 2.2, 0.55, steps=14),
    "afro": Style(6200, 0.60, 0.55, 1.0, 0, "none", 0.035, 3.0, 0.25, steps=12),
    "bob": Style(5000, 1.85, 0.24, 0.20, 0.75, "side", steps=12, clump=0.4),
    "long": Style(5000, 3.3, 0.26, 0.20, 0.80, "side", steps=12, clump=0.5),
    "wavy": Style(5000, 2.9, 0.34, 0.25, 0.75, "side", 0.07, 2.6, 0.65, steps=15),
    "fringe": Style(5400, 2.5, 0.24, 0.20, 0.80, "side", steps=11, clump=0.4),
    "ponytail": Style(5000, 1.3, 0.09, 0.06, 0.0, "knot", steps=8, clump=0.4),
    "bun": Style(5000, 1.3, 0.09, 0.06, 0.0, "knot", steps=8, clump=0.4),
}

"""Colours that identities choose from, as sRGB hexadecimal codes."""

Colour = tuple[float, float, float]


def colour(code: str) -> Colour:
    """Reads a code such as 'f2c9a8' as (r, g, b) in [0, 1]."""
    return int(code[0:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:6], 16) / 255


def colours(codes: str) -> tuple[Colour, ...]:
    """Reads codes separated by blanks."""
    return tuple(colour(code) for code in codes.split())


def mixed(a: Colour, b: Colour, share: float) -> Colour:
    """Mixes two colours: the first at share 0, the second at share 1."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


SKIN = colours(
    "fbdcc8 f7d0b5 f3c5a5 eebb96 e8b08a dfa27a d29368 c28458 ae7148 996039 84502f 6f4227 5b3520 f6cdbf e6b592 b87a52"
)
FANTASY_SKIN = colours("9fd3a2 93b6ea c3a3e6 f0a7bd 8fd6d0 e8d27a")
HAIR = colours(
    "17130f 221a15 2f211a 3d2a1f 523624 6b4630 875a38 a5713f c08e52 d8b173 ead09c 7a3a22 a34a26 c25f2f 8d8a88 d9d6d2"
)
FANTASY_HAIR = colours("e0567f 6a55c9 2f8fd0 2fa79a 59b052 d94a44 f08bb4 8ec9ee")
LIPS = colours("c9706a c4635f b5524f d4827a a5484a 9c4f45 8a4038 d36f7c c24458")
IRIS = colours("5b3a22 6e4526 40291a 7d5a2c 8a7136 5f7a3f 4d8a57 4a86b8 5aa0d2 6f92a8 3f6a9e 7f8a94 2f9a8f")
FANTASY_IRIS = colours("8a5ad0 d0496a e0a020 28b8d8")
CLOTHES = colours(
    "2f4f7f 3f6fb0 5f93c9 b8433f d9694f e5a23f f0cf6a 4a8a5c 79ad6e 2f7f7f 6f4f9f 9a7fc4 d98aa8 f4f0e8 d8d3ca"
    " 8f959c 4a4f57 24272d 7a5640 a83f5f 38425a e8e4f0 c8dbe8"
)
BACKDROP = colours(
    "f3d7b6 f6c6b0 f2b6a0 f7e3c4 cfe3ea a9cfe3 86b5d6 6c92c4 5a6fa8 b9d8c2 8fc0a8 5f9a8c d9c7e8 b4a0d4 8873b4 e9b8cc"
    " d98a9f 3f4a6b 2f3a52 53606f 7f8a94 cbc5bb e8e2d6 a9886b 6f5a4c f0e6f2 e6a56a 7a3f52 2f5a5f"
)
FRAMES = colours("1b1b1f 2a2320 5a3a22 8f5a2f 9a2f3a 2f4f8f c9a14a b8bcc4 e8e2da 3f7f6f d9699a 6a4f9a")

FURS: dict[str, tuple[tuple[Colour, ...], Colour, Colour]] = {
    "cat": (colours("e39a4f 8f8b88 4a4644 f0e4d2 c9b08f b8815a 6f6a70"), colour("fbf4ea"), colour("eaa39a")),
    "dog": (colours("c98f56 e6c08c 8a5a36 f2e6d4 5a4334 b9a48c"), colour("fbf3e6"), colour("c98a7c")),
    "bear": (colours("8a5a3a a87248 6a4430 c49a6a e9e6e2 5a4a44"), colour("e2c49c"), colour("c9907a")),
    "fox": (colours("e0763a d9642c e88f4a c95a34 b9b4b0"), colour("fdf3e6"), colour("4a3028")),
    "rabbit": (colours("f3ece4 c9b8a8 a89888 d9c0a0 8f8a8a e8d2c4"), colour("fffaf4"), colour("f0aeb0")),
    "panda": (colours("f7f3ec f2eee9"), colour("2c2a2e"), colour("2c2a2e")),
}
"""Species to its colours: fur (one is chosen), marking, inner ear."""
SPECIES = ("human", *FURS)

"""What every frame of a video to be written must be."""

from pathlib import Path

from fomm_rt.errors import OutputError
from fomm_rt.image import Image, check_image


def check_frame(path: Path, size: tuple[int, int] | None, pixels: Image) -> tuple[int, int]:
    """Makes sure that a frame is a picture of the first frame's size.

    Args:
        path: The video, for the error.
        size: Height and width of the first frame; None if this is the first.
        pixels: The frame.

    Returns:
        Height and width.

    Raises:
        ImageError: If the pixels are not an (H, W, 3) uint8 picture.
        OutputError: If the size is another.
    """
    check_image(pixels)
    height, width = pixels.shape[:2]
    if size is not None and size != (height, width):
        raise OutputError(
            f"{path} has frames of {size[1]}x{size[0]} pixels; one of {width}x{height} cannot follow. "
            "Write frames of one size."
        )
    return height, width

"""The formats and sizes of results; imports nothing, so help texts cost nothing."""

OUTPUT_FORMATS = ".mp4, .mkv (H.264), .webm (VP9), .gif, or numbered pictures such as frames-%05d.png"
"""For help texts and errors."""

OutputSize = int | tuple[int, int]
"""The height of a frame, whose width keeps the aspect ratio; or width and height."""

SMALLEST, LARGEST = 16, 8192
"""Sides of a frame in pixels."""

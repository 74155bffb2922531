"""The formats of results, in words; imports nothing, so help texts cost nothing."""

OUTPUT_FORMATS = ".mp4, .mkv (H.264), .webm (VP9), .gif, or numbered pictures such as frames-%05d.png"
"""For help texts and errors."""

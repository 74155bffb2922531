"""Names of threads of a live session."""

ENGINE = "fomm-rt engine"
"""Owns the animator. It is left behind if a frame does not end in time."""
GALLERY = "fomm-rt avatars"
"""Looks for faces in the pictures of avatars. It is left behind if that does not end in time."""

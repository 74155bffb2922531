"""Faces: found in pictures, followed through clips, framed for the networks, and pasted back."""

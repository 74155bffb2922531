"""Keypoints, and how driving motion is transferred to the source."""

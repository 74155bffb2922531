"""Keypoints, and the transfer of driving motion to the source."""

"""Frames to train on: groups of drawn faces, the batches made of them, and the seeds held out."""

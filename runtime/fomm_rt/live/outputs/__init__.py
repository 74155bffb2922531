"""Outputs: where results go. Window, virtual camera, recording, raw frames."""

"""This machine: its processor, its NVIDIA driver and its installed packages."""

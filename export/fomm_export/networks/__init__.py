"""The networks as published."""

"""Contestants run in processes of their own, compared and timed."""

"""The training loop: steps, state, log and preview."""

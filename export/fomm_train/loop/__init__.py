"""The training loop: steps, states to resume from, log and preview."""

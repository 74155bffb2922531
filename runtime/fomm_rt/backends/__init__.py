"""The backends that run a model, and the choice among them."""

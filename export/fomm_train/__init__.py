"""Training of the project's own checkpoint on faces that `fomm_train.faces` draws."""

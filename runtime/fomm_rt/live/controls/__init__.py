"""Controls: the state that a user changes, the commands that change it, and their keys, all free of side effects."""

"""The model folder, and its four graphs run one after another."""

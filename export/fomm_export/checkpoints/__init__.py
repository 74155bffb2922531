"""Weights and configurations: published ones, the project's own, and stand-ins.

checkpoint          reads weights from a PyTorch or safetensors file without executing anything in it
file_kind           what a file is, by its first bytes
pickled             PyTorch files
parts               detector and generator in a document
configuration       the architecture of a model
model_params        the keys of a published configuration
configuration_file  configurations by name or from YAML
published           configurations and SHA-256 of the published models
own                 the project's own checkpoints; their weights and model cards are in this folder
stand_in            untrained weights drawn from a seed
"""

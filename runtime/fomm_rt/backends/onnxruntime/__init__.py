"""Backends on ONNX Runtime, for CPUs and through CUDA."""

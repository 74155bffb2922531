"""From PyTorch networks to ONNX files, and the checks that they agree."""

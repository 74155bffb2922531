"""Checks that an ONNX file is complete, self-contained and bounded in memory and work, before a runtime sees it."""

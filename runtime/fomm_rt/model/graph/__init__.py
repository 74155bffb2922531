"""What is known of an ONNX file before a runtime sees it: that it is whole, self-contained and of bounded size."""

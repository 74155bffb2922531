"""From a model folder to TensorRT engines (`fomm-rt build`). Needs onnx, ONNX Runtime and TensorRT, not torch."""

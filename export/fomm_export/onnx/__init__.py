"""ONNX files of the networks, and the checks that they compute the same.

graphs                the four graphs and their CPU variants
tracing               writes a graph to an ONNX file
torch_chain           the PyTorch networks behind the names of the graphs
parity                compares ONNX files with the PyTorch networks in float64
calibration           frames that set the scales of int8, and others to check it on
quantization          the generator in int8
multiply_accumulates  counts the multiply-accumulates of a model's convolutions
probe_network         makes the small network that `fomm-rt doctor` times
"""

"""From a model folder to TensorRT engines: `fomm-rt build`.

command        the command
build          a model to its engines in the store
precision      which trunk computes in which precision, and why
half_graph     a graph in half precision with float32 islands
whole_graphs   graphs that hold everything, for engines that run without this project's kernels
builder        one graph to one engine
targets        compute capabilities to build for
progress       how far a build is, and how it is given up
timing_cache   what TensorRT measured, kept for the next build
layers         what a network and its engine consist of, and in which precision
gate           whether engines reproduce the model
reference      what they are compared with
gpu_engines    engines on the GPU at hand, for the gate
simulation     what half precision makes of a graph, on a CPU

Needs onnx, ONNX Runtime and TensorRT; torch is not imported.
"""

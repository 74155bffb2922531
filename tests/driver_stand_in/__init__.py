"""A stand-in for NVIDIA's driver: a `libcuda.so.1` of host memory, on which the real CUDA packages run.

`library/` holds its C++ sources, which `build` compiles. `loaded` puts it into a process and reads its complaints.
`forwarding` lets pytest run tests in such a process, where `plugin` fails tests that the library complains of.
"""

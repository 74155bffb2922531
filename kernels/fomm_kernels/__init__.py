"""CUDA kernels of the engine and how they are compiled and launched; none is written yet."""

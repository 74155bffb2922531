"""TensorRT and TensorRT-RTX: the library, engines loaded from the store, and their backends."""

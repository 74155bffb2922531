"""Built TensorRT engines on disk: their manifests, which of them fit, and the store. Imports no TensorRT."""

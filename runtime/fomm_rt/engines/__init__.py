"""Built TensorRT engines on disk: what is known of them, which fit, and how they are kept. Imports no TensorRT."""

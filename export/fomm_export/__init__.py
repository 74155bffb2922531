"""Offline part of fomm-rt: published checkpoint to PyTorch networks to an ONNX model folder.

    checkpoint.py ─┐
    configuration.py ─→ networks.py ─→ rewrites.py ─→ onnx_graphs.py ─→ parity.py ─→ model folder
    stand_in.py ───┘

The only package of the project that imports torch; install it with ``pip install "fomm-rt[export]"``.
"""

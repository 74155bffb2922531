"""Benchmarks of fomm-rt against PyTorch and other runtimes: `fomm-rt bench`.

Each contestant runs in its own process (`run.worker`), where it disturbs no other and may use another Python.
"""

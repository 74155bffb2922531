"""Benchmarks of fomm-rt against PyTorch and its rivals: `fomm-rt bench`.

Every contestant runs in a process of its own (`worker`), so that none disturbs another and other Pythons can take
part. What such a process imports before its contestant is chosen needs NumPy alone.
"""

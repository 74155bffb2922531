"""The machine: environment, load, memory, CPU time, attainable speed."""

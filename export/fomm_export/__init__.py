"""Checkpoint → PyTorch networks → ONNX model folder. Needs `pip install "fomm-rt[export]"`.

checkpoints/        weights and configuration: published, the project's own, stand-in
↓
networks/           the networks as published, in PyTorch: the reference of every check
↓
rewrites/           exact rewrites: portable ones for every backend, and a generator for CPUs
↓
onnx/               graphs traced to ONNX files; parity with networks/; int8
↓
write_model.py      graphs, parity and manifest of one model folder
output_folder.py    puts a complete folder in place of an earlier one
export_model.py     all of this as functions; command.py is `fomm-rt export`
"""

#!/usr/bin/env bash
# Unpacks wheels that a Python on a GPU machine may lack, for `run.py --torch-packages` and `--tensorrt-packages`:
#
#   packages.sh VERSION FOLDER
#
# VERSION is that of the other Python, for Linux on x86-64:
#     3.10            beside TensorRT 8.6, NumPy, onnx, cuda-core and cuda-bindings
#     3.11 and newer  beside PyTorch, Triton, NumPy, OpenCV, onnx, ONNX Runtime, CuPy and cuda-bindings; WITHOUT_AV=1
#                     leaves PyAV out, which only `bench` needs
#
# FOLDER also gets the metadata of fomm-rt, by which its commands are found. Run this with the environment of
# `make test` in .venv, or $PYTHON.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$here/.venv/bin/python}
version=$1; out=$(realpath -m "$2")
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

wheels() {  # PIP-ARGUMENTS…
  "$python" -m pip --disable-pip-version-check install -q --no-compile --upgrade --target "$out" \
    --python-version "$version" --implementation cp --only-binary=:all: \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 "$@"
}
if [ "$version" = 3.10 ]; then
  # pip resolves dependencies for its own Python; Pythons before 3.11 also need exceptiongroup and tomli.
  wheels pytest exceptiongroup tomli
  wheels -c "$here/constraints.txt" msgspec filelock platformdirs typing-extensions
  wheels --no-deps "onnxruntime<1.24" opencv-python-headless "av<18"
else
  wheels -c "$here/constraints.txt" pytest typer rich PyYAML safetensors msgspec filelock platformdirs \
    typing-extensions psutil
  # The machine's cuda-core may be older than 1.0.
  wheels -c "$here/constraints.txt" --no-deps cuda-core cuda-pathfinder onnxscript onnx-ir
  [ -n "${WITHOUT_AV:-}" ] || wheels -c "$here/constraints.txt" av
fi
rm -rf "$out"/{numpy,numpy.libs,bin} "$out"/numpy-*
"$python" -m pip --disable-pip-version-check wheel -q --no-deps -w "$work" "$here"
"$python" -m zipfile -e "$work"/fomm_rt-*.whl "$work/wheel"
cp -r "$work"/wheel/fomm_rt-*.dist-info "$out"

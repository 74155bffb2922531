#!/usr/bin/env bash
# Packs what a machine with a GPU but without a network lacks to run benchmarks/gpu/run.py, beside this checkout:
#
#   parcel.sh FOLDER MODEL     writes FOLDER/part-00, … (30 MiB each, or $PART) and FOLDER/unpack.sh
#
# MODEL is a model folder of stand-in weights. Run here with the environment of `make test` in .venv, or $PYTHON. There:
#
#   unpack.sh FOLDER           makes of the parts beside it:
#     packages-3.10  what Python 3.10 with TensorRT 8.6, NumPy and onnx lacks: pytest, ONNX Runtime, OpenCV, PyAV
#     packages-3.12  what Python 3.12 with PyTorch, OpenCV and onnx lacks: PyAV, PyYAML, safetensors, Typer, Rich, this cuda-core
#     model.zip      MODEL without its weights, see weightless.py
#     small          a small model, for tests
#     cache          kernels for sm_90 (or $ARCHITECTURE) as NVRTC 13.0 compiled them: XDG_CACHE_HOME
#
# Both folders of packages hold what pip would note of an installed fomm-rt, by which its commands are found.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$here/.venv/bin/python}
out=$(realpath -m "$1"); mkdir -p "$out"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
made=$work/made; mkdir "$made"

packages() {  # VERSION PIP-ARGUMENTS…: wheels for another Python, without NumPy, which it has
  local version=$1; shift
  "$python" -m pip --disable-pip-version-check install -q --no-compile --upgrade --target "$made/packages-$version" \
    --python-version "$version" --implementation cp --only-binary=:all: \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 "$@"
}
# pip decides by its own Python what another one needs besides: exceptiongroup and tomli are for those before 3.11.
packages 3.10 pytest exceptiongroup tomli
packages 3.10 --no-deps "onnxruntime<1.24" opencv-python-headless "av<18"
packages 3.12 -c "$here/constraints.txt" typer rich av PyYAML safetensors
packages 3.12 -c "$here/constraints.txt" --no-deps cuda-core cuda-pathfinder  # that machine's may be older than 1.0
rm -rf "$made"/packages-*/{numpy,numpy.libs,numpy-*,bin}
"$python" -m pip --disable-pip-version-check wheel -q --no-deps -w "$work" "$here"
for version in 3.10 3.12; do
  "$python" -m zipfile -e "$work"/fomm_rt-*.whl "$work/wheel"
  cp -r "$work"/wheel/fomm_rt-*.dist-info "$made/packages-$version"
done

"$python" "$here/benchmarks/gpu/weightless.py" cut "$2" "$made/model.zip"
"$python" -m fomm_rt export --stand-in --config "$here/tests/gpu/small.yaml" --quiet -o "$made/small"
XDG_CACHE_HOME=$made/cache "$python" - "${ARCHITECTURE:-sm_90}" <<'PYTHON'
import sys

from fomm_kernels import KERNELS, nvrtc

# A file's name has the version of NVRTC's package in it, and none where NVRTC is a toolkit's: one of each.
for build in (nvrtc.build, lambda: ""):
    nvrtc.build = build
    for kernel in KERNELS:
        for half in (False, True):
            nvrtc.compiled(kernel, half, sys.argv[1])
PYTHON

rm -f "$out"/part-*
tar -C "$made" -cf - . | gzip -9 | split -b "${PART:-30M}" -d -a 2 - "$out/part-"
cat > "$out/unpack.sh" <<'UNPACK'
#!/bin/sh
# unpack.sh FOLDER: joins the parts beside this file and unpacks them there.
set -e
mkdir -p "$1"
cat "$(dirname "$0")"/part-* | tar -C "$1" -xzf -
UNPACK
chmod +x "$out/unpack.sh"
ls -l "$out"

#!/usr/bin/env bash
# Packs what a GPU machine without a network needs, beside this checkout, to run benchmarks/gpu/run.py:
#
#   parcel.sh FOLDER MODEL     writes FOLDER/part-00, … (30 MiB each, or $PART) and FOLDER/unpack.sh
#
# MODEL is a model folder of stand-in weights. Run this with the environment of `make test` in .venv, or $PYTHON.
# On the GPU machine:
#
#   unpack.sh FOLDER           unpacks the parts beside it:
#     packages-3.10  what Python 3.10 lacks beside TensorRT 8.6, and packages-3.12 beside PyTorch; see packages.sh
#     model.zip      MODEL without its weights; see weightless.py
#     small          a small model for tests
#     cache          kernels for sm_90 (or $ARCHITECTURE), compiled by NVRTC 13.0; an XDG_CACHE_HOME
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$here/.venv/bin/python}
out=$(realpath -m "$1"); mkdir -p "$out"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
made=$work/made; mkdir "$made"

for version in 3.10 3.12; do
  PYTHON=$python "$here/benchmarks/gpu/packages.sh" "$version" "$made/packages-$version"
done

"$python" "$here/benchmarks/gpu/weightless.py" cut "$2" "$made/model.zip"
"$python" -m fomm_rt export --stand-in --config "$here/tests/gpu/small.yaml" --quiet -y -o "$made/small"
XDG_CACHE_HOME=$made/cache "$python" - "${ARCHITECTURE:-sm_90}" <<'PYTHON'
import sys

from fomm_kernels import KERNELS, nvrtc

# Cached names contain the version of NVRTC's package, or none with a toolkit's NVRTC: write both.
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
# unpack.sh FOLDER: unpacks the parts beside this file there.
set -e
mkdir -p "$1"
cat "$(dirname "$0")"/part-* | tar -C "$1" -xzf -
UNPACK
chmod +x "$out/unpack.sh"
ls -l "$out"

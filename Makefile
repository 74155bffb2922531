# Set-up and everyday commands. `make demo` and `make test` work on a fresh checkout.
#
#   make demo          animate a real picture by a real video, print where the result is
#   make test          run all tests
#   make check         format, lint and types
#   make bench         latency against PyTorch; make bench-memory: memory over the length of a clip
#   make wheel         build the wheel into dist/
#   make clean         remove what these made, but for models and results

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
MODEL  := models/stand-in
DEMO   := results/demo.mp4

# Where pip finds torch; PyTorch's site names an index of builds without CUDA, which are a tenth of the size.
TORCH_INDEX ?=

EXPORTER := $(shell find export -name '*.py')
RUNTIME  := $(shell find runtime -name '*.py')

.PHONY: help setup demo test check format bench bench-memory wheel clean
.DELETE_ON_ERROR:

help:
	@sed -n '3,8s/^# *//p' Makefile

setup: $(READY)

# Debian's Python comes without ensurepip; where it has pip, that one fills the environment.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || \
	  { $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; } || \
	  { echo "Python can make no environment; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "installing into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -e '.[export,demo,dev]'
	@touch $@

$(MODEL)/model.json: $(READY) $(EXPORTER)
	$(BIN)/fomm-rt export --stand-in -o $(MODEL)

$(DEMO): $(MODEL)/model.json $(RUNTIME)
	@mkdir -p $(@D)
	$(BIN)/fomm-rt animate "$$($(BIN)/python benchmarks/demo_media.py picture)" \
	  "$$($(BIN)/python benchmarks/demo_media.py clip)" -m $(MODEL) -o $(DEMO) --explain

demo: $(DEMO)
	@echo
	@echo "The result is $(CURDIR)/$(DEMO)"
	@echo "It was made with stand-in weights: nothing was trained, so the picture called result is an abstract"
	@echo "pattern. Keypoints, deformation and occlusion map are real outputs of the networks all the same."
	@echo "For a moving face export a published checkpoint: fomm-rt export vox-adv-cpk.pth.tar (see README.md)"

test: $(READY)
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python benchmarks/latency.py

bench-memory: $(READY)
	$(BIN)/python benchmarks/memory.py

wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist

clean:
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache

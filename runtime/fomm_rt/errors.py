"""Everything fomm-rt raises on purpose.

FommError
├── MediaError        a picture or a video cannot be read
├── OutputError       a result cannot be written
├── ModelError        a model folder is missing, altered or of another format
├── CheckpointError   published weights cannot be read or do not fit the configuration
├── TrainingError     training cannot start, go on or be resumed
├── ParityError       an exported model disagrees with the PyTorch networks
├── BackendError      an inference backend is not available or failed
│   └── EngineError   built engines are missing, do not fit, are altered or cannot be kept
├── BenchmarkError    a benchmark cannot run, or its results cannot be read
├── MotionError       a motion file or a reference cannot be used
├── ImageError        an array is not a picture, or a crop lies outside of it
└── StateError        a call came in the wrong order

A message is one sentence or two: what was expected, what came, what to do. Where a path is at fault the
message starts with it. Things that went well enough to continue are logged as warnings to the logger
"fomm_rt" instead.
"""


class FommError(Exception):
    """Base of all errors raised on purpose; the command line prints them without a traceback."""


class MediaError(FommError):
    """A picture or a video cannot be read."""


class OutputError(FommError):
    """A result cannot be written."""


class ModelError(FommError):
    """A model folder is missing, altered or of another format."""


class CheckpointError(FommError):
    """Published weights cannot be read or do not fit the configuration."""


class TrainingError(FommError):
    """Training cannot start, go on or be resumed."""


class ParityError(FommError):
    """An exported model disagrees with the PyTorch networks."""


class BackendError(FommError):
    """An inference backend is not available or failed."""


class EngineError(BackendError):
    """Built engines are missing, do not fit, are altered or cannot be kept."""


class BenchmarkError(FommError):
    """A benchmark cannot run, or a file of its results cannot be read."""


class MotionError(FommError):
    """A motion file or a reference frame cannot be used."""


class ImageError(FommError):
    """An array is not an (H, W, 3) uint8 picture, or a crop lies outside of it."""


class StateError(FommError):
    """A call came in the wrong order."""

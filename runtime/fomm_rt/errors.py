"""The exceptions that fomm-rt raises on purpose.

FommError
├── MediaError        a picture or a video cannot be read
├── CameraError       a camera cannot be opened or has failed
├── OutputError       a result cannot be written
├── ModelError        a model folder is missing, altered or of another format
├── FetchError        a published model cannot be downloaded, or the file is another one
├── CheckpointError   weights cannot be read or do not fit the configuration
├── TrainingError     training cannot start, continue or be resumed
├── ParityError       an exported model disagrees with the PyTorch networks
├── BackendError      a backend is not available or failed
│   └── EngineError   engines are missing, do not fit, are altered or cannot be stored
├── BenchmarkError    a benchmark cannot run, or its results cannot be read
├── MotionError       a motion file or a reference cannot be used
├── ImageError        an array is not a picture, or a crop lies outside it
├── StateError        a call came in the wrong order
└── BatchError        jobs have faults, or a cluster cannot be used

A message has one or two sentences: what was expected, what came, and what to do. If a path is at fault, the message
starts with it. Problems that do not stop the work are logged as warnings to the logger "fomm_rt".
"""


class FommError(Exception):
    """Base class of these exceptions. The command line prints them without a traceback."""


class MediaError(FommError):
    """A picture or a video cannot be read."""


class CameraError(FommError):
    """A camera cannot be opened or has failed."""


class OutputError(FommError):
    """A result cannot be written."""


class ModelError(FommError):
    """A model folder is missing, altered or of another format."""


class FetchError(FommError):
    """A published model cannot be downloaded, or the file is another one."""


class CheckpointError(FommError):
    """Weights cannot be read or do not fit the configuration."""


class TrainingError(FommError):
    """Training cannot start, continue or be resumed."""


class ParityError(FommError):
    """An exported model disagrees with the PyTorch networks."""


class BackendError(FommError):
    """A backend is not available or failed."""


class EngineError(BackendError):
    """Engines are missing, do not fit, are altered or cannot be stored."""


class BenchmarkError(FommError):
    """A benchmark cannot run, or its results cannot be read."""


class MotionError(FommError):
    """A motion file or a reference frame cannot be used."""


class ImageError(FommError):
    """An array is not an (H, W, 3) uint8 picture, or a crop lies outside it."""


class StateError(FommError):
    """A call came in the wrong order."""


class BatchError(FommError):
    """Jobs have faults, or a cluster cannot be used."""


def first_line(error: Exception) -> str:
    """The first line of an exception's text; the name of its type if it has none."""
    return (str(error).strip() or type(error).__name__).split("\n")[0]

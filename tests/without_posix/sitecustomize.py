"""Makes Python look like one without POSIX: started with this folder on PYTHONPATH, it imports this module first.

Modules that Windows does not have cannot be imported, and `os` and `signal` lack what they lack there. The standard
library and the packages that fomm-rt depends on are imported before, because they choose their code by `sys.platform`,
which stays. So what is missing is missed by this project's code alone. `os.uname` stays too, which `ctypes.util` calls,
and `os.O_NONBLOCK`, which filelock reads whenever it locks.
"""

import asyncio  # noqa: F401
import concurrent.futures.thread  # noqa: F401
import ctypes.util  # noqa: F401
import logging.handlers  # noqa: F401
import multiprocessing.connection  # noqa: F401
import os
import platform  # noqa: F401
import shutil  # noqa: F401
import signal
import subprocess  # noqa: F401
import sys
import tempfile  # noqa: F401

import av  # noqa: F401
import cv2  # noqa: F401
import filelock  # noqa: F401
import msgspec  # noqa: F401
import numpy  # noqa: F401
import platformdirs  # noqa: F401
import rich.console
import rich.progress  # noqa: F401
import typer.main  # noqa: F401

MODULES = ("fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty")
FUNCTIONS = (
    "chown", "chroot", "confstr", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getgroups",
    "getloadavg", "getpgid", "getpgrp", "getpriority", "getsid", "getuid", "getxattr", "killpg", "lchown", "mkfifo",
    "mknod", "nice", "openpty", "posix_fadvise", "posix_fallocate", "posix_spawn", "pread", "pwrite",
    "sched_getaffinity", "sched_setaffinity", "sendfile", "setegid", "seteuid", "setgid", "setpgid", "setsid",
    "setuid", "statvfs", "sync", "sysconf", "ttyname", "wait3", "wait4",
)  # fmt: skip
FLAGS = ("O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NOCTTY", "O_NOFOLLOW", "O_SYNC")
SIGNALS = (
    "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP", "SIGUSR1",
    "SIGUSR2", "SIGWINCH", "SIGXFSZ", "alarm", "pthread_kill", "pthread_sigmask", "setitimer", "siginterrupt",
)  # fmt: skip

for name in MODULES:
    sys.modules[name] = None  # type: ignore[assignment]
for owner, names in ((os, (*FUNCTIONS, *FLAGS)), (signal, SIGNALS)):
    for name in names:
        if hasattr(owner, name):
            delattr(owner, name)

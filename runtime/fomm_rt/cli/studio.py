"""`fomm-rt studio`: a page and an HTTP interface to animate pictures."""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from getpass import getuser
from importlib.util import find_spec
from pathlib import Path
from socket import gethostname
from threading import Thread
from typing import Annotated
from urllib.parse import urlsplit

import typer

from fomm_rt.cli.model import ModelOption
from fomm_rt.cli.options import AsJson, BackendOption, Engines, PrecisionOption, Quiet, Threads, Verbose, option
from fomm_rt.cli.terminal import running
from fomm_rt.errors import BackendError
from fomm_rt.model.names import find_model, models_folder

NETWORK = "Network"

_OPEN_HOST = (
    "--host {host} lets other machines reach the studio, and without encryption everybody on the way can see the "
    "pictures and take the token. Safer, run on the other machine: {tunnel}. Otherwise give a certificate with --tls, "
    "or accept this with --insecure. Browsers give a page without encryption no camera."
)
_INSECURE = (
    "the connection is not encrypted: everybody on the way can see the pictures and take the token, and browsers give "
    "the page no camera"
)


def studio(
    port: Annotated[
        int | None,
        option(NETWORK, "Port to listen on.", min=0, max=65535, show_default="the first free one from 7860"),
    ] = None,
    host: Annotated[
        str, option(NETWORK, "Address to listen on; one that others can reach needs --tls or --insecure.")
    ] = "127.0.0.1",
    browser: Annotated[bool, option(NETWORK, "Open the page in the browser.")] = True,
    tls: Annotated[
        tuple[Path, Path] | None,
        option(NETWORK, "Speak HTTPS with this certificate and key in PEM format.", metavar="CERT KEY"),
    ] = None,
    insecure: Annotated[
        bool,
        option(NETWORK, "Listen for other machines without encryption.", "--insecure"),
    ] = False,
    avatars: Annotated[
        list[Path] | None,
        typer.Option(
            "--avatars",
            help="A folder of pictures, or a picture, for the gallery; may be repeated.",
            metavar="FOLDER|FILE",
            show_default="the bundled ones",
        ),
    ] = None,
    model: ModelOption = None,
    backend: BackendOption = "auto",
    precision: PrecisionOption = None,
    engines: Engines = None,
    threads: Threads = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Animate pictures on a page in the browser.

    Serves the page to this machine alone and prints its address, which
    holds a token: anyone who has it can use the studio. Ctrl-C ends it.

    fomm-rt studio

    fomm-rt studio --port 9000 --no-browser -m vox-adv
    """
    with running(quiet, as_json, verbose) as terminal:
        missing = [package for package in ("starlette", "uvicorn", "websockets") if find_spec(package) is None]
        if missing:
            are = "is" if len(missing) == 1 else "are"
            raise BackendError(
                f"{', '.join(missing)} {are} not installed; the studio needs {'it' if are == 'is' else 'them'}. "
                'Install with: pip install "fomm-rt[studio]"'
            )
        from fomm_rt.studio.access import is_loopback
        from fomm_rt.studio.server import FIRST_PORT, check_certificate, serve
        from fomm_rt.studio.settings import Settings
        from fomm_rt.workers.messages import LoadOptions

        is_local = is_loopback(host)
        if not is_local and tls is None and not insecure:
            raise typer.BadParameter(_OPEN_HOST.format(host=host, tunnel=_tunnel(port or FIRST_PORT)))
        if tls is not None:
            check_certificate(*tls)
        load = LoadOptions(
            _absolute(model), backend, precision, None if engines is None else str(engines.absolute()), threads
        )
        settings = Settings(
            load=load,
            avatars=tuple(avatars or ()),
            host=host,
            port=port,
            certificate=tls,
            is_verbose=verbose,
        )

        def on_start(address: str, address_once: str) -> None:
            base, _, token = address.partition("/#token=")
            print(json.dumps({"url": base, "token": token}) if as_json else address, flush=True)
            if not is_local and tls is None:
                terminal.warn(_INSECURE)
            if is_local and "SSH_CONNECTION" in os.environ:
                terminal.say(
                    f"to open it on the machine you came from, run there first: {_tunnel(urlsplit(address).port)}"
                )
            terminal.say("anyone who has this address can use the studio; Ctrl-C ends it")
            if browser and _has_display():
                Thread(target=webbrowser.open, args=(address_once,), daemon=True).start()

        serve(settings, on_start)


def _absolute(model: str | None) -> str | None:
    """The name of an installed model, or the absolute path of a model folder; None for the bundled model.

    Raises:
        ModelError: There is no such model.
    """
    folder = find_model(model)
    if folder is None:
        return None
    return model if folder == models_folder() / str(model) else str(folder.absolute())


def _has_display() -> bool:
    """True if a browser can show a page to the user: not over SSH, and on Linux only with a display."""
    if "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _tunnel(port: int | None) -> str:
    """The command that makes the studio reachable from another machine, encrypted."""
    return f"ssh -L {port}:localhost:{port} {getuser()}@{gethostname()}"

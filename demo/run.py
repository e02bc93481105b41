"""Start the demo: a photo gallery whose files live in a bucket. `make demo` calls this.

    python demo/run.py [--port 8000] [--folder demo/.holdall] [--no-browser] [--until-input-ends]

Without any variable the buckets are on the embedded S3 server, which ends with the demo. With the variables
of a real bucket, and those of a public one under PUBLIC_, the same gallery runs on Spaces or Amazon.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib.util
import os
import signal
import sys
import threading
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.core.servers.basehttp import WSGIServer

    from gallery.stores import Store

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
NEEDED = {
    "django": "Django",
    "storages": "django-storages",
    "boto3": "boto3",
    "PIL": "Pillow",
    "holdall": "Holdall",
}


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--port", type=int, default=8000, help="the gallery's port; if it is taken, the next free one is used"
    )
    parser.add_argument("--folder", type=Path, default=HERE / ".holdall", help="where the demo keeps its files")
    parser.add_argument("--no-browser", action="store_true", help="print the address, but do not open it")
    parser.add_argument("--until-input-ends", action="store_true", help="stop when the standard input is closed")
    return parser.parse_args()


def say(*lines: str) -> None:
    """Print at once, so that a pipe sees the address while the demo runs."""
    print(*lines, sep="\n", flush=True)


def require_packages() -> None:
    """End with a sentence that names what is not installed."""
    missing = [title for module, title in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        sys.exit(f"Missing here: {', '.join(missing)}. `make demo` installs everything that the demo needs into .venv.")


def prepare(folder: Path) -> tuple[int, float]:
    """Set Django up, make the tables, upload the shipped photographs; return how many, and the seconds."""
    from project.environment import fill_in

    fill_in(os.environ)
    os.environ["DEMO_FOLDER"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    folder.mkdir(parents=True, exist_ok=True)

    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)

    from gallery.seeding import upload_shipped

    started = time.monotonic()
    return upload_shipped(HERE / "photographs"), time.monotonic() - started


def listen(port: int) -> WSGIServer:
    """Return a server on this port, or on a free one when somebody else has it."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    for candidate in (*range(port, min(port + 20, 65536)), 0):
        try:
            server = ThreadedWSGIServer((HOST, candidate), WSGIRequestHandler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        else:
            server.set_app(StaticFilesHandler(get_wsgi_application()))
            return server
    raise OSError("this machine has no free port")


def describe_store(store: Store) -> str:
    """Put a store on one line."""
    links = f"links to {store.domain}" if store.domain else ("plain links" if store.is_public else "signed links")
    return f"bucket {store.bucket}, {links}; {store.provider} at {store.endpoint}"


def open_browser(address: str) -> None:
    """Open the address where somebody is watching; never a browser inside the terminal itself."""
    has_screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.stdout.isatty() and has_screen and not os.environ.get("CI"):
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def announce(server: WSGIServer, arguments: argparse.Namespace, *, uploaded: int, seconds: float) -> None:
    """Print the address, what was set up and how to stop it."""
    from gallery import stores
    from gallery.models import Photograph

    port = server.server_port
    if port != arguments.port:
        say(f"Port {arguments.port} is taken by another program; the gallery is on {port} instead.")
    photographs = f"{Photograph.objects.count()} in the gallery"
    if uploaded:
        photographs += f", {uploaded} of them uploaded just now in {seconds:.1f} seconds"
    public, private = map(describe_store, stores.both())
    say(
        "",
        f"  Gallery      http://{HOST}:{port}/",
        f"  Public       {public}",
        f"  Private      {private}",
        f"  Photographs  {photographs}",
        f"  On the disk  {arguments.folder} (delete it to start over)",
        "",
        "Press Ctrl-C to stop; nothing is left running.",
    )


def end_embedded_server(folder: Path) -> str:
    """Leave the embedded server, wait for its end, and return the last line of the demo."""
    from django.conf import settings

    if not any(store.get("OPTIONS", {}).get("local_folder") for store in settings.STORAGES.values()):
        return "Stopped; nothing is left running. The photographs stay in the bucket."

    from holdall import devserver

    devserver.leave(settings.STORE_FOLDER)
    stays = f"The photographs stay in {folder} for the next start."
    if devserver.end_unused(settings.STORE_FOLDER):
        return f"Stopped; no process is left running. {stays}"
    return f"Stopped. Another program still uses the embedded S3 server, which stops with the last one. {stays}"


def ignore_signals() -> None:
    """Let an impatient second Ctrl-C not break off the orderly end."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def heed_signals() -> None:
    """End in the same orderly way on Ctrl-C, on SIGTERM and when the terminal is closed."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)


def stop_when_input_ends() -> None:
    """Stop in order when whoever started the demo closes its standard input, or is gone."""

    def wait() -> None:
        # Not by `sys.stdin`, whose lock a thread that waits forever would hold when Python wants to end.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def main() -> int:
    """Run the demo until it is stopped; return the exit code."""
    arguments = parse_arguments()
    arguments.folder = arguments.folder.resolve()
    require_packages()
    sys.path.insert(0, str(HERE))

    from django.core.exceptions import ImproperlyConfigured
    from django.db import DatabaseError

    from holdall.errors import HoldallError

    server, code = None, 0
    heed_signals()
    if arguments.until_input_ends:
        stop_when_input_ends()
    try:
        say("Setting up the gallery and its bucket ...")
        uploaded, seconds = prepare(arguments.folder)
        server = listen(arguments.port)
        announce(server, arguments, uploaded=uploaded, seconds=seconds)
        if not arguments.no_browser:
            open_browser(f"http://{HOST}:{server.server_port}/")
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    except (HoldallError, ImproperlyConfigured, DatabaseError, OSError) as error:
        say(f"The demo cannot start. {error}")
        code = 1
    ignore_signals()
    if server:
        server.server_close()
    # Without settings there is no server to end: what is wrong with them was said above.
    with contextlib.suppress(ImproperlyConfigured):
        say("", end_embedded_server(arguments.folder))
    return code


if __name__ == "__main__":
    sys.exit(main())

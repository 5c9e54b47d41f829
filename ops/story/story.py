"""The story that `ops/run` tells, and then keeps serving.

No connection is opened here: OpenSSL and curl are the clients, on real sockets. Python 3.11, standard library only.
`steps.py` tells the story with `clients.py` (OpenSSL, curl), `authority.py` (the process), `people.py` (the applicants)
and `crash.py` (step f).
"""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit("story: Python 3.11 or newer is needed (Debian 12 has it): put it first on the PATH")

from authority import Authority, free_ports
from clients import Failed
from steps import Story


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ops/run", description="Starts Akashi on loopback and tells its story.")
    parser.add_argument("--binary", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--default-data", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--once", action="store_true", help="leave after the story")
    parser.add_argument("--data", type=Path, default=os.environ.get("AKASHI_DATA"), help="the authority's folder")
    ports = parser.add_mutually_exclusive_group()
    ports.add_argument("--port-base", type=int, help="listen on this port and the two after it")
    ports.add_argument("--free-ports", action="store_true", help="listen on any three free ports")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    ports = list(range(given.port_base, given.port_base + 3)) if given.port_base is not None else None
    ports = free_ports() if given.free_ports else ports
    # SIGTERM ends the script as Ctrl-C does: in order. Ctrl-C itself is set, too: a shell's background job inherits it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    authority = Authority(given.binary.resolve(), Path(given.data or given.default_data).resolve())
    try:
        with tempfile.TemporaryDirectory(prefix="akashi-story-") as folder:
            return run(Story(authority, Path(folder)), ports, given.once)
    finally:
        # Whatever went wrong, no process stays behind.
        authority.kill()


def run(story: Story, ports: list[int] | None, once: bool) -> int:
    try:
        story.tell(ports)
        print("story: every step passed", flush=True)
        if not once:
            serve(story)
        return 0
    except Failed as failure:
        print(f"story: step {story.current_step} failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("story: stopped before its end", file=sys.stderr)
        try:
            story.authority.stop()
        except Failed as failure:
            print(f"story: {failure}", file=sys.stderr)
        return 130


def serve(story: Story) -> None:
    """Keeps serving until Ctrl-C, then stops the process in order."""
    with story.step("serve", "akashi serve, to stay") as answered:
        story.authority.start()
        answered += [f"{name} {url}" for name, url in story.authority.urls.items()]
    process, folder = story.authority.process, story.authority.directory
    print(f"serving from {folder} (configuration {story.authority.configuration.name}, client certificates in clients/); "
          "Ctrl-C stops it", flush=True)  # fmt: skip
    try:
        status = process.wait()
    except KeyboardInterrupt:
        story.authority.stop()
        print("\nstopped", flush=True)
        return
    raise Failed(f"akashi ended by itself with {status}; the end of {story.authority.log}: {story.authority.log_end()}")


if __name__ == "__main__":
    sys.exit(main())

"""The authority as an operator runs it: a data directory, a configuration file, one process started and stopped."""

import datetime
import os
import re
import secrets
import selectors
import signal
import socket
import subprocess
import time
import tomllib
from pathlib import Path

from clients import ENVIRONMENT, Failed, Identity

READY_SECONDS_MAX = 120
"""After a SIGKILL with much to catch up; an ordinary start takes about a second."""
STOP_SECONDS_MAX = 60

LISTENERS = ("public", "api", "metrics")


def free_ports() -> list[int]:
    """Three ports that were free a moment ago; all are held while the others are sought, so they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in LISTENERS]
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports


def set_value(text: str, section: str | None, key: str, value: str) -> str:
    """Replaces one value in a TOML text, keeping its comments. The key must be there already."""
    lines, current = text.splitlines(), None
    for number, line in enumerate(lines):
        if header := re.fullmatch(r"\[(\w+)\]\s*(#.*)?", line.strip()):
            current = header.group(1)
        elif current == section and re.match(rf"{key}\s*=", line):
            lines[number] = f"{key} = {value}"
            return "\n".join(lines) + "\n"
    raise Failed(f"`akashi config` prints no {key} in section {section or 'at the top'}; ops/story/authority.py expects it")


def _clock(starts_at: datetime.datetime | None) -> list[str]:
    return ["--clock-starts-at", starts_at.isoformat(timespec="seconds")] if starts_at else []


class Authority:
    def __init__(self, binary: Path, directory: Path):
        self.binary = binary
        self.directory = directory
        self.configuration = directory / "akashi.toml"
        self.store = directory / "authority"
        self.log = directory / "server.log"
        self.process: subprocess.Popen | None = None
        self.urls: dict[str, str] = {}

    # --- the data directory ---

    def prepare(self, ports: list[int] | None, serve_from: datetime.datetime) -> bool:
        """Makes the data directory, in the minutes before that instant, unless it is there already; returns whether it was
        made. `ports` of None means the defaults, or what an existing directory was made with."""
        if self.configuration.exists():
            self._accept_existing(ports)
            return False
        if self.directory.exists() and any(self.directory.iterdir()):
            raise Failed(
                f"{self.directory} is not empty and has no akashi.toml, so ops/run did not make it: "
                "name another folder with --data"
            )
        ports = ports or [8080, 8443, 9090]
        self._check_ports(ports)
        public, api, metrics = (f"127.0.0.1:{port}" for port in ports)
        text = self.run("config")
        for section, key, value in [
            (None, "data_dir", self.store.name),
            ("token", "pin_file", "pin"),
            ("public", "listen", public),
            ("public", "base_url", f"http://{public}"),
            ("api", "listen", api),
            ("metrics", "listen", metrics),
        ]:
            text = set_value(text, section, key, f'"{value}"')
        # The configuration first: from here on a run that was cut short is recognised as half-made.
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.configuration.write_text(text)
        pin = self.directory / "pin"
        pin.touch(mode=0o600)
        pin.write_text(secrets.token_hex(16) + "\n")
        # Only a sandbox may run on another clock than the machine's, and none starts behind its log.
        before = serve_from - datetime.timedelta(minutes=10)
        self.run("init", "--config", self.configuration, "--sandbox", *_clock(before))
        return True

    def _accept_existing(self, ports: list[int] | None) -> None:
        # `akashi init` writes this marker last.
        if not (self.store / "initialised").exists():
            raise Failed(
                f"{self.directory} is half-made: `akashi init` did not finish in it. Nothing was issued from it; "
                f"remove it (rm -r {self.directory}) and run this again"
            )
        settings = tomllib.loads(self.configuration.read_text())
        made_with = [int(settings[name]["listen"].rpartition(":")[2]) for name in LISTENERS]
        if ports and ports != made_with:
            raise Failed(
                f"the certificates in {self.directory} name port {made_with[0]}: leave the port option out to use it "
                "again, or name a new folder with --data"
            )
        self._check_ports(made_with)

    def _check_ports(self, ports: list[int]) -> None:
        for port in ports:
            if not 0 < port < 65536:
                raise Failed(f"{port} is not a port number: choose a --port-base from 1024 to 65533")
            try:
                socket.create_server(("127.0.0.1", port)).close()
            except PermissionError:
                raise Failed(f"port {port} needs root: choose a --port-base from 1024 on") from None
            except OSError:
                raise Failed(
                    f"port {port} is taken: stop the program that has it (`ss -ltnp 'sport = :{port}'` names it), "
                    "or choose others with --port-base 18080 and, if this folder was made already, a new --data DIR"
                ) from None

    # --- commands and the process ---

    def run(self, *arguments) -> str:
        """One `akashi` command that ends by itself; returns its output."""
        done = subprocess.run(
            [str(self.binary), *map(str, arguments)], capture_output=True, text=True, env=ENVIRONMENT, timeout=600
        )
        if done.returncode != 0:
            raise Failed(f"`akashi {arguments[0]}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def start(self, clock_starts_at: datetime.datetime | None = None) -> None:
        """Starts `akashi serve`, on its own clock if one is given, and returns when it says that every listener answers."""
        with open(self.log, "ab") as log:
            # A session of its own, so that Ctrl-C reaches this script only, which then stops the process in order.
            self.process = subprocess.Popen(
                [str(self.binary), "serve", "--config", str(self.configuration), *_clock(clock_starts_at)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=ENVIRONMENT, start_new_session=True,
            )
        line = self._first_line()
        if not line.startswith("ready "):
            self._explain_no_start(line)
        self.urls = dict(word.split("=", 1) for word in line.split()[1:])

    def _explain_no_start(self, line: str) -> None:
        try:
            status = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(
                f"`akashi serve` was not ready after {READY_SECONDS_MAX} s (it said {line!r}) and was killed; "
                f"{self.log} tells what it was at"
            ) from None
        self._forget()
        # What ends it is the last line it writes, as a sentence.
        said = (self.log.read_text(errors="replace").splitlines() or ["nothing"])[-1]
        raise Failed(f"`akashi serve` ended with {status}: {said}")

    def _first_line(self) -> str:
        assert self.process and self.process.stdout
        text, until = b"", time.monotonic() + READY_SECONDS_MAX
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not text.endswith(b"\n") and selector.select(max(0, until - time.monotonic())):
                octets = os.read(self.process.stdout.fileno(), 4096)
                if not octets:
                    break
                text += octets
        return text.decode(errors="replace").strip()

    def log_end(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return " | ".join(lines[-3:]) or "(empty)"

    def kill(self) -> None:
        """SIGKILL: the process gets no chance to put anything in order."""
        if self.process:
            self.process.kill()
            self._forget()

    def stop(self) -> None:
        """SIGTERM, and the exit status has to be 0."""
        if not self.process:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"akashi did not stop within {STOP_SECONDS_MAX} s of SIGTERM and was killed") from None
        self._forget()
        if status != 0:
            raise Failed(f"akashi ended with {status} after SIGTERM; the end of {self.log}: {self.log_end()}")

    def _forget(self) -> None:
        self.process.wait()
        self.process.stdout.close()
        self.process = None

    # --- what clients need ---

    def party_ca(self) -> Path:
        return self.store / "tls" / "party-ca.pem"

    def administrator(self) -> Identity:
        folder = self.store / "admin"
        return Identity(folder / "admin.crt", folder / "admin.key", self.party_ca())

    def issuer(self, ca: str) -> Path:
        return self.store / "ca" / f"{ca}-1.pem"

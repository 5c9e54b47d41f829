"""Step f: SIGKILL while desks issue, start again, and compare what is there with what the clients hold."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from clients import Failed, Identity, NoAnswer, http, make_request
from people import Person

APPLICATIONS = 32
CLIENTS = 6
ACKNOWLEDGED_BEFORE_KILL = 10
"""Enough that all clients are in the middle of something, and enough applications remain to be cut off."""
LOAD_SECONDS_MAX = 60


@dataclass
class Application:
    """One request of one desk, and what became of it as far as the client can know."""

    desk: Identity
    body: dict
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    asked: bool = False
    answer: dict | None = None
    error: Failed | None = None

    @property
    def cut_off(self) -> bool:
        """Sent, or about to be, when the process died: the client knows neither that it was done nor that it was not."""
        return self.asked and self.answer is None

    def send(self, api: str) -> None:
        self.asked = True
        try:
            self.answer = http("POST", f"{api}/desk/v1/certificates", self.desk, self.body, self.key).expect(201)
        except Failed as error:
            self.error = error


def prepare(desks: dict[str, Identity], folder: Path) -> list[Application]:
    """Applications with keys made beforehand, so that only issuing happens while the clock runs."""

    def one(number: int) -> Application:
        municipality = sorted(desks)[number % len(desks)]
        person = Person.invent(municipality)
        ca = ("auth", "sign")[number // len(desks) % 2]
        request = make_request(folder / f"crash-{number}.key")
        return Application(desks[municipality], person.application(ca, municipality, request))

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, range(APPLICATIONS)))


def kill_under_load(applications: list[Application], api: str, kill) -> None:
    """Clients send one application after another; `kill` is called once some are acknowledged and more are on the way."""
    waiting, lock = iter(applications), threading.Lock()
    stop = threading.Event()

    def client() -> None:
        while not stop.is_set():
            with lock:
                application = next(waiting, None)
            if application is None:
                return
            application.send(api)

    threads = [threading.Thread(target=client, daemon=True) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + LOAD_SECONDS_MAX
    while sum(application.answer is not None for application in applications) < ACKNOWLEDGED_BEFORE_KILL:
        refused = next((a.error for a in applications if a.error), None)
        if refused or time.monotonic() > until:
            stop.set()
            raise refused or Failed(f"fewer than {ACKNOWLEDGED_BEFORE_KILL} certificates in {LOAD_SECONDS_MAX} s")
        time.sleep(0.001)
    kill()
    stop.set()
    for thread in threads:
        thread.join()
    for application in applications:
        if application.error and not isinstance(application.error, NoAnswer):
            raise application.error


def check_acknowledged(applications: list[Application], api: str) -> int:
    """Everything acknowledged is there and the same, found by idempotency key and by serial. Returns how many."""
    acknowledged = [application for application in applications if application.answer]
    for application in acknowledged:
        answer = application.answer
        for url in (f"requests/{application.key}", f"certificates/{answer['ca']}/{answer['serial']}"):
            found = http("GET", f"{api}/desk/v1/{url}", application.desk).expect(200)
            if found != answer:
                fields = [name for name in answer.keys() | found.keys() if answer.get(name) != found.get(name)]
                raise Failed(f"{answer['ca']} serial {answer['serial']} was acknowledged, and {url} now differs in {fields}")
    return len(acknowledged)


def repeat_cut_off(applications: list[Application], api: str) -> int:
    """Each application that was cut off is sent again with its key, and must now be answered. Returns how many."""
    cut_off = [application for application in applications if application.cut_off]
    for application in cut_off:
        application.error = None
        application.send(api)
        if application.error:
            raise application.error
    return len(cut_off)


def check_serials(applications: list[Application], earlier: list[tuple[str, str]]) -> int:
    """No serial of one CA stands for two certificates; `earlier` are those of the steps before. Returns how many."""
    serials = earlier + [(a.answer["ca"], a.answer["serial"]) for a in applications if a.answer]
    twice = sorted({serial for serial in serials if serials.count(serial) > 1})
    if twice:
        raise Failed(f"these serials were used twice: {twice}")
    return len(serials)

"""The steps of the story: one line each, with what was asked, what answered and how long it took."""

import base64
import datetime
import json
import re
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import consent
import crash
from authority import Authority
from clients import Answer, Failed, Identity, OcspQuestion, http, make_request, openssl, verify
from people import JAPAN, Person, invent_address, today

KIYOSE, YOKOHAMA = "13221", "14100"
NEVER_ISSUED = "4611686018427387904"
"""2^62: no counter of serials gets there."""
EMPTY_MUNICIPALITY = "47382"
"""Yonaguni: the story issues nothing there, so its CRL has to be there and empty."""


@dataclass
class Held:
    """A certificate as its holder has it: the file, and what the desk's answer said."""

    ca: str
    serial: str
    path: Path

    def crl_url(self) -> str:
        """The HTTP address in the certificate's own CRL distribution point."""
        _, text, _ = openssl("x509", "-in", self.path, "-noout", "-ext", "crlDistributionPoints")
        found = re.findall(r"URI:(http\S+)", text)
        if len(found) != 1:
            raise Failed(f"expected one URI in the CRL distribution point, found {found}")
        return found[0]


def expect(condition: bool, sentence: str) -> None:
    if not condition:
        raise Failed(sentence)


class Story:
    def __init__(self, authority: Authority, folder: Path):
        self.authority = authority
        self.folder = folder
        self.current_step = "start"
        self.desks: dict[str, Identity] = {}
        self.person = Person.invent(KIYOSE)
        self.issued: list[Held] = []

    @contextmanager
    def step(self, name: str, asked: str):
        """Prints the step's one line when it is over; the body appends what answered to the list it is given."""
        self.current_step = name
        answered: list[str] = []
        started = time.monotonic()
        try:
            yield answered
        except BaseException as error:
            print(f"{name:<4} {asked} -> {'stopped' if isinstance(error, KeyboardInterrupt) else 'FAILED'}", flush=True)
            raise
        milliseconds = (time.monotonic() - started) * 1000
        print(f"{name:<4} {asked} -> {', '.join(answered)} ({milliseconds:.0f} ms)", flush=True)

    # --- pieces of steps ---

    def api(self, path: str) -> str:
        return self.authority.urls["api"] + path

    def ocsp(self, held: Held, digest="sha1", nonce=False, method="post") -> str:
        question = OcspQuestion(
            self.authority.issuer(held.ca), f"{self.authority.urls['public']}/ocsp/{held.ca}", held.path, None, digest, nonce
        )
        return self._ask(question, method)

    def ocsp_never_issued(self, ca: str, digest: str, method: str) -> str:
        question = OcspQuestion(
            self.authority.issuer(ca), f"{self.authority.urls['public']}/ocsp/{ca}", None, NEVER_ISSUED, digest, False
        )
        return self._ask(question, method)

    def _ask(self, question: OcspQuestion, method: str) -> str:
        stem = self.folder / "ocsp"
        return question.post(stem) if method == "post" else question.get(stem)

    def apply(self, ca: str, municipality: str, csr: str) -> Held:
        body = self.person.application(ca, municipality, csr)
        held = self._take(http("POST", self.api("/desk/v1/certificates"), self.desks[municipality], body).expect(201))
        self.issued.append(held)
        return held

    def _take(self, answer: dict) -> Held:
        path = self.folder / f"{answer['ca']}-{answer['serial']}.pem"
        path.write_text(answer["certificate"])
        return Held(answer["ca"], answer["serial"], path)

    def party(self, role: str, name: str, stem: str, **place) -> Identity:
        """A client of the mutual-TLS doors: the one an earlier run left, else a new one that the administrator registers."""
        folder = self.authority.directory / "clients"
        folder.mkdir(exist_ok=True, mode=0o700)
        identity = Identity(folder / f"{stem}.crt", folder / f"{stem}.key", self.authority.party_ca())
        if not identity.certificate.exists():
            csr = make_request(identity.key, subject=f"/CN={name}", algorithm="p-256")
            body = {"role": role, "name": name, "csr": csr, **place}
            answer = http("POST", self.api("/admin/v1/parties"), self.authority.administrator(), body).expect(201)
            identity.certificate.write_text(answer["certificate"])
        return identity

    def party_number(self, identity: Identity) -> int:
        """As the administrator's list has it."""
        parties = http("GET", self.api("/admin/v1/parties"), self.authority.administrator()).expect(200)["parties"]
        certificate = identity.certificate.read_text()
        return next(party["party"] for party in parties if party["certificate"] == certificate)

    def pull(self, url: str, name: str) -> Path:
        answer: Answer = http("GET", url)
        expect(answer.status == 200, f"GET {url}: status {answer.status}")
        expect(answer.headers.get("content-type") == "application/pkix-crl", f"GET {url}: not sent as application/pkix-crl")
        path = self.folder / f"{name}.crl"
        path.write_bytes(answer.body)
        return path

    # --- the story ---

    def tell(self, ports: list[int] | None) -> None:
        self.begin(ports)
        self.birth()
        consent.agree(self)
        self.come_to_today()
        self.status()
        self.move()
        self.reissue()
        consent.learn(self)
        consent.withdraw(self)
        self.cut()
        self.crash()

    def begin(self, ports: list[int] | None) -> None:
        yesterday = datetime.datetime.combine(today() - datetime.timedelta(days=1), datetime.time(10), JAPAN)
        with self.step("0.1", "akashi init makes the token, the CAs and the first administrator") as answered:
            self.began_yesterday = self.authority.prepare(ports, yesterday)
            answered.append("made, as a sandbox" if self.began_yesterday else "there already, from an earlier run")
        # Consent is in force from the day after it was given, so a new authority begins its life yesterday. A log never
        # goes back in time: one from an earlier run begins now.
        with self.step("0.2", f"akashi serve{', on a clock that stands at yesterday 10:00' * self.began_yesterday}") as answered:
            self.start(yesterday if self.began_yesterday else None)
            answered += [f"{name} {url}" for name, url in self.authority.urls.items()]
        with self.step("0.3", "the administrator registers two desks and the resident register") as answered:
            self.desks[KIYOSE] = self.party("desk", "Kiyose city hall", "kiyose", municipality=KIYOSE, desk="003A")
            self.desks[YOKOHAMA] = self.party("desk", "Yokohama city hall", "yokohama", municipality=YOKOHAMA, desk="001A")
            self.residents = self.party("residents", "Resident register", "residents")
            answered.append("three client certificates")

    def start(self, clock_starts_at: datetime.datetime | None = None) -> None:
        self.authority.start(clock_starts_at)
        self.clock_behind = datetime.datetime.now(JAPAN) - clock_starts_at if clock_starts_at else datetime.timedelta()

    def now(self) -> datetime.datetime:
        """What the authority's clock says, to a second or two."""
        return datetime.datetime.now(JAPAN) - self.clock_behind

    def come_to_today(self) -> None:
        with self.step("a.8", "SIGTERM, and akashi serve on the same data, at the real time") as answered:
            self.authority.stop()
            self.start()
            answered.append(f"{self.now():%Y-%m-%d %H:%M} in Japan")

    def birth(self) -> None:
        with self.step("a.1", f"OpenSSL makes two keys and requests for {self.person.name} (invented)") as answered:
            requests = [make_request(self.folder / f"{ca}.key") for ca in ("auth", "sign")]
            answered.append("two RSA-2048 requests")
        with self.step("a.2", "Kiyose's desk asks for the user certificate") as answered:
            self.user = self.apply("auth", KIYOSE, requests[0])
            answered.append(f"201, serial {self.user.serial}")
        with self.step("a.3", "Kiyose's desk asks for the signature certificate") as answered:
            self.old_signature = self.apply("sign", KIYOSE, requests[1])
            answered.append(f"201, serial {self.old_signature.serial}")
        with self.step("a.4", "openssl verify looks at both") as answered:
            for held in (self.old_signature, self.user):
                accepted, reason = verify(held.path, self.authority.issuer(held.ca))
                expect(accepted, f"openssl verify refuses the {held.ca} certificate: {reason}")
                answered.append(f"{held.ca} OK")

    def status(self) -> None:
        for number, (method, digest, nonce) in enumerate(
            [("post", d, n) for d in ("sha1", "sha256") for n in (False, True)] + [("get", "sha1", False), ("get", "sha256", False)], 1
        ):
            client = "openssl ocsp (POST" if method == "post" else "curl (GET"
            asked = f"{client}, {digest.upper()}{', nonce' if nonce else ''}) asks about both"
            with self.step(f"b.{number}", asked) as answered:
                for held in (self.old_signature, self.user):
                    status = self.ocsp(held, digest, nonce, method)
                    expect(status == "good", f"expected good for the {held.ca} certificate, got {status}")
                    answered.append(f"{held.ca} {status}")
        with self.step("b.7", "both ways ask about a serial that was not issued") as answered:
            for ca in ("sign", "auth"):
                words = set()
                for method, digest in [("post", "sha1"), ("post", "sha256"), ("get", "sha1"), ("get", "sha256")]:
                    words.add(self.ocsp_never_issued(ca, digest, method))
                expect("good" not in words, f"good for a serial of {ca} that was never issued")
                answered.append(f"{ca} {' or '.join(sorted(words))}, never good")

    def move(self) -> None:
        with self.step("c.1", "the resident register reports a move to Yokohama") as answered:
            body = {
                "resident_code": self.person.resident_code,
                "change": "moved",
                "effective_on": today().isoformat(),
            }
            changed = http("POST", self.api("/residents/v1/changes"), self.residents, body).expect(200)
            for certificate in changed["certificates"]:
                answered.append(f"{certificate['ca']} {certificate['serial']} {certificate['status']}")
        with self.step("c.2", "the very next OCSP requests") as answered:
            for held, expected in ((self.old_signature, "revoked"), (self.user, "good")):
                status = self.ocsp(held)
                expect(status == expected, f"expected {expected} for the {held.ca} certificate, got {status}")
                answered.append(f"{held.ca} {status}")

    def reissue(self) -> None:
        self.person.address = invent_address(YOKOHAMA)
        with self.step("d.1", "Yokohama's desk asks for a signature certificate with the new address") as answered:
            self.new_signature = self.apply("sign", YOKOHAMA, make_request(self.folder / "sign-new.key"))
            answered.append(f"201, serial {self.new_signature.serial}")
        with self.step("d.2", "openssl verify and openssl ocsp look at it") as answered:
            accepted, reason = verify(self.new_signature.path, self.authority.issuer("sign"))
            expect(accepted, f"openssl verify refuses the new certificate: {reason}")
            status = self.ocsp(self.new_signature)
            expect(status == "good", f"expected good for the new certificate, got {status}")
            answered += ["OK", status]

    def cut(self) -> None:
        with self.step("e.1", "the administrator has a cut published") as answered:
            body = {"because": "the story shows a cut"}
            cut = http("POST", self.api("/admin/v1/cuts"), self.authority.administrator(), body).expect(201)
            answered.append(f"201, cut {cut['cut_number']} at log position {cut['log_position']}")
        crls: dict[tuple[str, str, str], Path] = {}
        with self.step("e.2", "curl pulls the municipal CRLs the certificates name, and the full ones") as answered:
            for held in (self.old_signature, self.new_signature, self.user):
                url = held.crl_url()
                crls[held.ca, held.serial, "municipal"] = self.pull(url, f"{held.ca}-{held.serial}-municipal")
                crls[held.ca, held.serial, "full"] = self.pull(re.sub(r"[^/]+$", "full.crl", url), f"{held.ca}-{held.serial}-full")
            empty = {ca: self.pull(f"{self.authority.urls['public']}/crl/{ca}/1/{EMPTY_MUNICIPALITY}.crl", f"{ca}-empty")
                     for ca in ("sign", "auth")}  # fmt: skip
            answered.append(f"{len(crls) + len(empty)} CRLs")
        for number, kind in enumerate(("municipal", "full"), 3):
            with self.step(f"e.{number}", f"openssl verify -crl_check with the {kind} CRLs") as answered:
                self._check_with_crls(lambda held: [crls[held.ca, held.serial, kind]], answered)
        with self.step("e.5", "openssl verify -use_deltas with the full CRLs of the cut before and the deltas") as answered:
            of_ca = {ca: self._before_and_delta(ca) for ca in ("sign", "auth")}
            accepted, reason = verify(self.old_signature.path, self.authority.issuer("sign"), of_ca["sign"][0])
            expect(accepted, f"the cut before refuses the moved person's old certificate: {reason}")
            self._check_with_crls(lambda held: of_ca[held.ca], answered)

    def _before_and_delta(self, ca: str) -> list[Path]:
        """The delta, and before it the full CRL of the cut that the manifest names as its base."""
        public = self.authority.urls["public"]
        payload = json.loads(http("GET", f"{public}/crl/manifest.json").body)["payload"]
        files = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["files"]
        base = next(file["base_crl_number"] for file in files if (file["ca"], file["key"], file["partition"]) == (ca, 1, "delta"))
        return [
            self.pull(f"{public}/crl/cuts/{base}/{ca}/1/full.crl", f"{ca}-before"),
            self.pull(f"{public}/crl/{ca}/1/delta.crl", f"{ca}-delta"),
        ]

    def _check_with_crls(self, crls_for: Callable[[Held], list[Path]], answered: list[str]) -> None:
        accepted, reason = verify(self.old_signature.path, self.authority.issuer("sign"), *crls_for(self.old_signature))
        expect(not accepted and reason == "certificate revoked", f"the moved person's old certificate: {reason}")
        answered.append("old signature certificate refused")
        for what, held in (("new signature certificate", self.new_signature), ("user certificate", self.user)):
            accepted, reason = verify(held.path, self.authority.issuer(held.ca), *crls_for(held))
            expect(accepted, f"openssl verify refuses the {what}: {reason}")
            answered.append(f"{what} accepted")

    def crash(self) -> None:
        with self.step("f.1", f"OpenSSL makes {crash.APPLICATIONS} more requests") as answered:
            applications = crash.prepare(self.desks, self.folder)
            answered.append("ready")
        with self.step("f.2", f"{crash.CLIENTS} desk clients issue at once; SIGKILL in the middle") as answered:
            crash.kill_under_load(applications, self.authority.urls["api"], self.authority.kill)
            answered.append(f"{sum(a.answer is not None for a in applications)} acknowledged")
            answered.append(f"{sum(a.cut_off for a in applications)} cut off")
        with self.step("f.3", "akashi audit verify, while it lies dead") as answered:
            answered.append(self._audit())
        with self.step("f.4", "akashi serve, again") as answered:
            self.authority.start()
            answered.append("ready")
        api = self.authority.urls["api"]
        with self.step("f.5", "the desks ask for everything acknowledged, by idempotency key and by serial") as answered:
            answered.append(f"all {crash.check_acknowledged(applications, api)} there and the same")
        with self.step("f.6", "the desks send again what was cut off, with the same idempotency keys") as answered:
            answered.append(f"all {crash.repeat_cut_off(applications, api)} answered")
        with self.step("f.7", "no serial was used twice") as answered:
            earlier = [(held.ca, held.serial) for held in self.issued]
            answered.append(f"{crash.check_serials(applications, earlier)} certificates, as many serials")
        with self.step("f.8", "openssl ocsp asks about every certificate so far") as answered:
            held = self.issued + [self._take(application.answer) for application in applications if application.answer]
            for certificate in held:
                expected, status = "revoked" if certificate is self.old_signature else "good", self.ocsp(certificate)
                expect(status == expected, f"{certificate.ca} serial {certificate.serial}: expected {expected}, got {status}")
            answered.append(f"{len(held) - 1} good, the moved person's old one revoked")
        with self.step("f.9", "SIGTERM, and akashi audit verify") as answered:
            self.authority.stop()
            answered += ["stopped with 0", self._audit()]

    def _audit(self) -> str:
        output = self.authority.run("audit", "verify", "--config", self.authority.configuration)
        return (output.strip().splitlines() or ["verified"])[-1]

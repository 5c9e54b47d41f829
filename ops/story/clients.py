"""The story's clients: OpenSSL and curl, as separate processes. Nothing here shares code with Akashi."""

import base64
import json
import os
import re
import subprocess
import urllib.parse
import uuid
from dataclasses import dataclass
from pathlib import Path

# A proxy setting of the machine must not carry loopback traffic away.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}

COMMAND_SECONDS_MAX = 60
"""No step may hang: a client that takes longer has failed."""


class Failed(Exception):
    """A sentence that says what was expected and what came instead."""


def command(*arguments, standard_input: bytes | None = None, may_fail: bool = False) -> tuple[int, str, str]:
    """Runs a program; returns its exit status, output and error text. Fails unless the status is 0 or `may_fail`."""
    texts = [str(argument) for argument in arguments]
    try:
        done = subprocess.run(
            texts, input=standard_input, capture_output=True, env=ENVIRONMENT, timeout=COMMAND_SECONDS_MAX
        )
    except FileNotFoundError:
        raise Failed(f"the program {texts[0]} is missing: run ops/setup, which installs it") from None
    except subprocess.TimeoutExpired:
        raise Failed(f"{texts[0]} did not end within {COMMAND_SECONDS_MAX} s") from None
    output, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if done.returncode != 0 and not may_fail:
        raise Failed(f"{' '.join(texts[:2])} ended with {done.returncode}: {(errors or output).strip()}")
    return done.returncode, output, errors


def openssl(*arguments, standard_input: bytes | None = None, may_fail: bool = False) -> tuple[int, str, str]:
    return command("openssl", *arguments, standard_input=standard_input, may_fail=may_fail)


@dataclass(frozen=True)
class Identity:
    """A client of the mutual-TLS door: its certificate, its key, and the party CA that vouches for the server."""

    certificate: Path
    key: Path
    party_ca: Path


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        try:
            return json.loads(self.body)
        except ValueError:
            raise Failed(f"expected JSON, got status {self.status} and {self.body[:200]!r}") from None

    def expect(self, *statuses: int) -> dict:
        """The JSON body, if the status is one of these; else fails with what the problem says."""
        if self.status in statuses:
            return self.json()
        said = self.body.decode(errors="replace")
        if "problem+json" in self.headers.get("content-type", ""):
            problem = self.json()
            said = f"{problem.get('type')}: {problem.get('detail') or problem.get('title')}; {problem.get('remedy', '')}"
        raise Failed(f"expected status {' or '.join(map(str, statuses))}, got {self.status}: {said}")


class NoAnswer(Failed):
    """curl got no whole answer: the server was not there, or went away."""


def http(method: str, url: str, identity: Identity | None = None, body: dict | None = None, key: str | None = None):
    """One request by curl. `key` is the idempotency key; a change without one gets a fresh one."""
    arguments = ["curl", "--silent", "--show-error", "--include", "--max-time", "30", "--request", method]
    if identity:
        arguments += ["--tlsv1.3", "--cacert", identity.party_ca, "--cert", identity.certificate, "--key", identity.key]
    encoded = None
    if body is not None:
        encoded = json.dumps(body, ensure_ascii=False).encode()
        # `Expect:` keeps curl from asking for leave first, so that --include shows one head only.
        arguments += ["--header", "Content-Type: application/json", "--header", "Expect:", "--data-binary", "@-"]
        arguments += ["--header", f"Idempotency-Key: {key or uuid.uuid4()}"]
    texts = [str(argument) for argument in [*arguments, url]]
    try:
        done = subprocess.run(texts, input=encoded, capture_output=True, env=ENVIRONMENT, timeout=COMMAND_SECONDS_MAX)
    except FileNotFoundError:
        raise Failed("the program curl is missing: run ops/setup, which installs it") from None
    if done.returncode != 0:
        raise NoAnswer(f"curl {method} {url}: {done.stderr.decode(errors='replace').strip()}")
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(status_line.split()[1]), headers, content)


def make_request(key_path: Path, subject: str = "/CN=applicant", algorithm: str = "rsa-2048") -> str:
    """A new key pair, written to `key_path`, and a PKCS#10 request signed with it, as PEM."""
    options = {
        "rsa-2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "p-256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    }[algorithm]
    key_path.touch(mode=0o600)
    openssl("genpkey", *options, "-out", key_path)
    _, request, _ = openssl("req", "-new", "-sha256", "-key", key_path, "-subj", subject)
    return request


def verify(certificate: Path, issuer: Path, *crls: Path) -> tuple[bool, str]:
    """What `openssl verify` says of a certificate, with `-crl_check` if a CRL is given, or one and its delta: accepted or not,
    and why not."""
    arguments = ["verify", "-x509_strict", "-CAfile", issuer]
    if crls:
        # Without -extended_crl it takes a delta for a complete CRL.
        arguments += ["-crl_check", "-use_deltas", "-extended_crl"]
    for crl in crls:
        arguments += ["-CRLfile", crl]
    status, output, errors = openssl(*arguments, certificate, may_fail=True)
    reason = re.search(r"^error \d+ at \d+ depth lookup: (.*)$", output + errors, re.MULTILINE)
    return status == 0, reason.group(1) if reason else (output + errors).strip()


@dataclass(frozen=True)
class OcspQuestion:
    """One OCSP question about a certificate or, where `serial` is given, a bare serial number of that issuer."""

    issuer: Path
    url: str
    certificate: Path | None = None
    serial: str | None = None
    digest: str = "sha1"
    nonce: bool = False

    def arguments(self) -> list:
        # The digest option applies to the -cert and -serial that follow it.
        subject = ["-cert", self.certificate] if self.certificate else ["-serial", self.serial]
        nonce = [] if self.nonce else ["-no_nonce"]
        return ["ocsp", *nonce, "-issuer", self.issuer, f"-{self.digest}", *subject]

    def post(self, stem: Path) -> str:
        """Asked by `openssl ocsp`; request and response stay in `stem`.req and .rsp. Returns the status word."""
        files = ["-reqout", stem.with_suffix(".req"), "-respout", stem.with_suffix(".rsp")]
        return self._judge(openssl(*self.arguments(), *files, "-url", self.url, "-CAfile", self.issuer, may_fail=True))

    def get(self, stem: Path) -> str:
        """Asked by curl in the form of RFC 6960 appendix A; the answer is verified by `openssl ocsp -respin`."""
        request, response = stem.with_suffix(".req"), stem.with_suffix(".rsp")
        openssl(*self.arguments(), "-reqout", request)
        path = urllib.parse.quote(base64.b64encode(request.read_bytes()), safe="")
        answer = http("GET", f"{self.url}/{path}")
        if answer.status != 200 or answer.headers.get("content-type") != "application/ocsp-response":
            raise Failed(f"OCSP GET: status {answer.status}, content type {answer.headers.get('content-type')}")
        response.write_bytes(answer.body)
        return self._judge(openssl(*self.arguments(), "-respin", response, "-CAfile", self.issuer, may_fail=True))

    def _judge(self, outcome: tuple[int, str, str]) -> str:
        status, output, errors = outcome
        refused = re.search(r"Responder Error: (\w+)", output + errors)
        if refused:
            return f"refused ({refused.group(1)})"
        if status != 0 or "Response verify OK" not in errors:
            raise Failed(f"openssl does not accept the OCSP response: {(errors or output).strip()}")
        if self.nonce and "no nonce" in errors:
            raise Failed("the OCSP response does not carry the nonce that was sent")
        found = re.findall(r": (good|revoked|unknown)$", output, re.MULTILINE)
        if len(found) != 1:
            raise Failed(f"expected one status in the OCSP response, found {len(found)}: {output.strip()}")
        return found[0]

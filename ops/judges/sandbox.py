"""A sandbox (`akashi sandbox`) that is being served, read for the judges, and how a judge counts and ends."""

import base64
import datetime
import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

CAS = ("sign", "auth", "phone-sign", "phone-auth")
STATUSES = ("good", "held", "revoked", "expired")
EVERY_STATUS = [f"{status} certificates of {ca}" for ca in CAS for status in STATUSES]
EVERY_CRL = [f"{kind} CRLs of {ca}" for ca in CAS for kind in ("full", "municipal", "empty")]
EVERY_DELTA = [f"delta CRLs of {ca}" for ca in CAS]
EVERY_CA_CRL = [f"ca CRLs of {ca}" for ca in CAS]

WAYS_TO_ASK = [(digest, nonce) for digest in ("sha1", "sha256") for nonce in (False, True)]
"""How a CertID is hashed, and whether the request has a nonce."""

# A proxy setting of the machine must not carry loopback traffic away.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def http(url: str, body: bytes | None = None, **headers: str) -> Answer:
    """GET, or POST if there is a body. `content_type="…"` sends that header. Header names of the answer in lower case."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        answer = _opener.open(urllib.request.Request(url, body, sent), timeout=30)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read())


def command(*arguments) -> tuple[int, str]:
    """Exit status and all output of a judge that is a program of its own."""
    texts = [str(argument) for argument in arguments]
    done = subprocess.run(texts, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    return done.returncode, done.stdout.decode(errors="replace")


@dataclass(frozen=True)
class Certificate:
    """One of `certificates`. An expired one is not in CRLs, and OCSP keeps its last status, good."""

    path: Path
    key_path: Path
    issuer: Path
    ca: str
    key: int
    serial: str
    status: str
    municipality: str
    person: int
    reason: str | None
    since: datetime.datetime | None

    @property
    def kind(self) -> str:
        """`sign` or `auth`: what it is for, on a card or in a phone."""
        return self.ca.removeprefix("phone-")

    @property
    def withdrawn(self) -> bool:
        return self.status in ("held", "revoked")

    @property
    def crl_reason(self) -> str | None:
        """What CRLs and OCSP say: unspecified is left out (RFC 5280 §5.3.1)."""
        return None if self.reason == "unspecified" else self.reason


@dataclass(frozen=True)
class Crl:
    """One CRL of the published cut, pulled. `lists` and `omits` are serials of the sandbox that must and must not be in it."""

    path: Path
    url: str
    issuer: Path
    ca: str
    key: int
    municipality: str | None
    """None in a full CRL, and in one of CA certificates."""
    kind: str
    """`full`, `municipal`, `empty`: of a municipality that has no certificates; or `ca`: of CA certificates."""
    lists: frozenset[str]
    omits: frozenset[str]


@dataclass(frozen=True)
class Delta:
    """A delta CRL of the published cut, and the full CRLs that it leads from and to."""

    path: Path
    url: str
    issuer: Path
    ca: str
    key: int
    base_number: int
    base: Path
    """The full CRL of the cut before, which a relying party may hold."""
    full: Path


PREFERENCES = {
    "RSA": bytes.fromhex("3011300f300d06092a864886f70d01010b0500"),
    "ECDSA": bytes.fromhex("300e300c300a06082a8648ce3d040302"),
}
"""One wish each, with SHA-256: a sequence of sequences of an AlgorithmIdentifier (RFC 6960 §4.4.7)."""


def tlv(tag: int, contents: bytes) -> bytes:
    """An element in DER."""
    length = len(contents)
    long = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([length]) if length < 128 else bytes([0x80 | len(long)]) + long) + contents


def contents(element: bytes) -> bytes:
    """What is in an element."""
    return element[2 + (element[1] & 0x7F if element[1] & 0x80 else 0) :]


class Judge:
    """Reads the sandbox that the command line names, counts verdicts, says each that failed, and notes what was met."""

    def __init__(self, name: str):
        if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "sandbox.json").exists():
            sys.exit(f"usage: {sys.argv[0]} DIR, where `akashi sandbox --out DIR --serve` is running")
        self.name = name
        self.folder = Path(sys.argv[1]).resolve()
        self.content = json.loads((self.folder / "sandbox.json").read_text())
        self.issuers = {
            (ca, item["key"]): self.folder / item["path"] for ca, items in self.content["issuers"].items() for item in items
        }
        self.certificates = [self._certificate(item) for item in self.content["certificates"]]
        self.passed = self.failed = 0
        self.met: Counter[str] = Counter()
        self._scratch = tempfile.TemporaryDirectory(prefix=f"akashi-{name}-")
        self.scratch = Path(self._scratch.name)

    def _certificate(self, item: dict) -> Certificate:
        return Certificate(
            path=self.folder / item["path"],
            key_path=self.folder / item["key_path"],
            issuer=self.issuers[item["ca"], item["key"]],
            since=datetime.datetime.fromisoformat(item["since"]) if "since" in item else None,
            reason=item.get("reason"),
            **{name: item[name] for name in ("ca", "key", "serial", "status", "municipality", "person")},
        )

    def several(self, ca: str) -> dict[str, str]:
        """The serials of a good, a held and a revoked certificate and one that was never issued, and what must be said of each."""
        ours = [one for one in self.certificates if (one.ca, one.key) == (ca, 1)]
        firsts = [next(one for one in ours if one.status == status) for status in ("good", "held", "revoked")]
        words = {one.serial: "revoked" if one.withdrawn else "good" for one in firsts}
        words[self.content["unissued_serials"][ca][0]] = "unknown"
        return words

    def ask_about_several(self, ca: str) -> tuple[Path, dict[str, str]]:
        """One question about all of them: the answer as it came, and what it must say of each serial, in the question's order."""
        words = self.several(ca)
        request, response = self.scratch / "several.req", self.scratch / "several.rsp"
        serials = [argument for serial in words for argument in ("-serial", serial)]
        asked = ["openssl", "ocsp", "-issuer", self.issuers[ca, 1], "-sha256", "-no_nonce", *serials, "-reqout", request]
        _, output = command(*asked)
        self.expect(request.exists(), ca, f"openssl makes no question: {output}")
        answer = http(self.content["ocsp"][ca], request.read_bytes(), content_type="application/ocsp-request")
        response.write_bytes(answer.body)
        return response, words

    def ask_preferring(self, certificate: Certificate, word: str) -> Path:
        """What is answered to a request of OpenSSL's, by SHA-256, with that wish added: OpenSSL and GnuTLS cannot write one."""
        request, response = self.scratch / "preferring.req", self.scratch / "preferring.rsp"
        asked = ["openssl", "ocsp", "-issuer", certificate.issuer, "-sha256", "-no_nonce", "-cert", certificate.path]
        _, output = command(*asked, "-reqout", request)
        self.expect(request.exists(), certificate.path, f"openssl makes no question: {output}")
        wish = tlv(0x06, bytes.fromhex("2b0601050507300108")) + tlv(0x04, PREFERENCES[word])
        request_list = contents(contents(request.read_bytes()))
        octets = tlv(0x30, tlv(0x30, request_list + tlv(0xA2, tlv(0x30, tlv(0x30, wish)))))
        answer = http(self.content["ocsp"][certificate.ca], octets, content_type="application/ocsp-request")
        response.write_bytes(answer.body)
        return response

    def altered(self, response: Path) -> Path:
        """The answer with the octet changed that is before its first time's Z, which lies in the signed part."""
        octets = bytearray(response.read_bytes())
        octets[octets.index(b"Z") - 1] ^= 1
        path = response.with_suffix(".altered")
        path.write_bytes(octets)
        return path

    def ask_nonsense(self, ca: str) -> Path:
        """What is answered to a question that is none."""
        response = self.scratch / "nonsense.rsp"
        response.write_bytes(http(self.content["ocsp"][ca], b"0", content_type="application/ocsp-request").body)
        return response

    def pull_crls(self) -> list[Crl]:
        """Of each CA key the full CRL, those of all municipalities with certificates, and one that has to be empty."""
        crls = []
        for ca, keys in self.content["crl"].items():
            for key, urls in keys.items():
                ours = [certificate for certificate in self.certificates if (certificate.ca, str(certificate.key)) == (ca, key)]
                towns = sorted({certificate.municipality for certificate in ours})
                unused = next(code for code in sorted(urls["partition"]) if code not in towns)
                crls.append(self._pull(ca, int(key), None, urls["full"], ours))
                crls += [self._pull(ca, int(key), town, urls["partition"][town], ours) for town in [*towns, unused]]
        return crls

    def pull_ca_crls(self) -> list[Crl]:
        """Of each CA key the CRL of CA certificates. No key of a sandbox is compromised, so it lists nothing."""
        keys = [(ca, int(key), urls) for ca, keys in self.content["crl"].items() for key, urls in keys.items()]
        return [self._pull(ca, key, None, urls["ca"], [], "ca") for ca, key, urls in keys]

    def pull_deltas(self) -> list[Delta]:
        """Of each CA key the delta CRL, with its base, whose number the manifest says."""
        manifest = json.loads(http(self.content["manifest_url"]).body)
        payload = manifest["payload"]
        files = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["files"]
        bases = {(file["ca"], file["key"]): file["base_crl_number"] for file in files if file["partition"] == "delta"}
        deltas = []
        for ca, keys in self.content["crl"].items():
            for key, urls in keys.items():
                number = bases[ca, int(key)]
                base_url = f"{self.content['public_url']}/crl/cuts/{number}/{ca}/{key}/full.crl"
                pulled = {"delta": urls["delta"], "full": urls["full"], "base": base_url}
                paths = {name: self.scratch / f"{ca}-{key}-{name}-of-delta.crl" for name in pulled}
                for name, url in pulled.items():
                    answer = http(url)
                    paths[name].write_bytes(answer.body)
                    right = answer.status == 200 and answer.headers.get("content-type") == "application/pkix-crl"
                    self.expect(right, url, f"status {answer.status}, or not sent as application/pkix-crl")
                # A sandbox's last cut has others before it.
                self.expect(number < self.content["cut_number"], urls["delta"], f"its base is of cut {number}")
                deltas.append(
                    Delta(paths["delta"], urls["delta"], self.issuers[ca, int(key)], ca, int(key), number, paths["base"], paths["full"])
                )
        return deltas

    def _pull(
        self, ca: str, key: int, municipality: str | None, url: str, ours: list[Certificate], kind: str | None = None
    ) -> Crl:
        answer = http(url)
        path = self.scratch / f"{ca}-{key}-{municipality or kind or 'full'}.crl"
        path.write_bytes(answer.body)
        self.expect(answer.status == 200, url, f"status {answer.status}")
        self.expect(answer.headers.get("content-type") == "application/pkix-crl", url, "not sent as application/pkix-crl")
        inside = [one for one in ours if municipality in (None, one.municipality)]
        lists = frozenset(one.serial for one in inside if one.withdrawn)
        omits = frozenset(one.serial for one in ours) - lists
        kind = kind or ("full" if municipality is None else "municipal" if inside else "empty")
        return Crl(path, url, self.issuers[ca, key], ca, key, municipality, kind, lists, omits)

    def expect(self, condition: object, subject: Path | str, sentence: str) -> None:
        """One verdict. `sentence` says what is wrong with `subject` if the condition does not hold."""
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f"{self.name}: {getattr(subject, 'name', subject)}: {sentence}", file=sys.stderr)

    def judged(self, what: Certificate | Crl | Delta | str) -> None:
        """Notes that such a one was judged."""
        match what:
            case Certificate():
                self.met[f"{what.status} certificates of {what.ca}"] += 1
            case Crl():
                self.met[f"{what.kind} CRLs of {what.ca}"] += 1
            case Delta():
                self.met[f"delta CRLs of {what.ca}"] += 1
            case str():
                self.met[what] += 1

    def close(self, needed: list[str]) -> None:
        """The closing line, and the exit status. A sandbox that lacks one of the needed kinds is not judged clean."""
        for kind in needed:
            self.expect(self.met[kind], "the sandbox", f"has no {kind}, so nothing was judged")
        self._scratch.cleanup()
        print(f"{self.name}: {self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed or not self.passed else 0)

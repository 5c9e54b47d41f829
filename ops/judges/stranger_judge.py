"""A stranger: reads nothing but a sandbox's `sandbox.json`, and checks with OpenSSL and the standard library that all of it
is as it says. Usage: stranger_judge.py DIR, where `akashi sandbox --out DIR --serve` is running."""

import http.client
import json
import re
import secrets
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

# What each role may send, and no other: a call that its door must know, with a body that no door takes.
DOORS = {
    "admin": "/admin/v1/parties",
    "desk": "/desk/v1/certificates",
    "hotline": "/hotline/v1/holds",
    "operator": "/operators/v1/latest-info",
    "portal": "/phone/v1/applications",
    "residents": "/residents/v1/changes",
}
# What each item brings, of people who have it.
ITEM_FIELDS = {
    "name": ["name", "kana", "former_name", "former_name_kana"], "address": ["address"], "birth_date": ["birth_date"], "sex": ["sex"],
}


def openssl(*arguments) -> tuple[int, str]:
    texts = ["openssl", *(str(argument) for argument in arguments)]
    done = subprocess.run(texts, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    return done.returncode, done.stdout.decode(errors="replace")


def der_elements(octets: bytes) -> list[tuple[int, bytes]]:
    """The elements that follow one another there: tag and contents."""
    elements, at = [], 0
    while at < len(octets):
        tag, length, at = octets[at], octets[at + 1], at + 2
        if length >= 0x80:
            count = length & 0x7F
            length, at = int.from_bytes(octets[at : at + count], "big"), at + count
        elements.append((tag, octets[at : at + length]))
        at += length
    return elements


# The value of reasonCode, an ENUMERATED: removeFromCRL (8).
REMOVE_FROM_CRL = bytes([0x0A, 1, 8])


def entries_of(crl: bytes) -> dict[str, tuple[bytes, bytes]]:
    """Serial to revocationDate and the rest of the entry in a CRL (RFC 5280 section 5.1): the entries are the one SEQUENCE
    after the times."""
    [(_, whole)] = der_elements(crl)
    tbs = der_elements(der_elements(whole)[0][1])
    last_time = max(at for at, (tag, _) in enumerate(tbs) if tag in (0x17, 0x18))
    entries = [contents for tag, contents in tbs[last_time + 1 :] if tag == 0x30]
    listed = der_elements(entries[0]) if entries else []
    parts = [der_elements(entry) for _, entry in listed]
    return {str(int.from_bytes(one[0][1], "big")): (one[1][1], one[2][1] if one[2:] else b"") for one in parts}


def base_of(delta: bytes) -> int:
    """BaseCRLNumber (RFC 5280 section 5.2.4): the INTEGER in the extension 2.5.29.27, which is critical."""
    _, _, value = delta.partition(bytes([6, 3, 0x55, 0x1D, 27, 1, 1, 0xFF]))
    [(_, number)] = der_elements(der_elements(value[: 2 + value[1]])[0][1])
    return int.from_bytes(number, "big")


class Stranger:
    def __init__(self, folder: Path):
        self.folder = folder
        self.sandbox = json.loads((folder / "sandbox.json").read_text())
        self.certificates = self.sandbox["certificates"]
        self.passed = self.failed = 0

    def expect(self, condition: object, subject: str, sentence: str) -> None:
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f"stranger: {subject}: {sentence}", file=sys.stderr)

    def issuer(self, certificate: dict) -> Path:
        [path] = [item["path"] for item in self.sandbox["issuers"][certificate["ca"]] if item["key"] == certificate["key"]]
        return self.folder / path

    def paths(self) -> None:
        """Every path exists, every key is that of its certificate, no two certificates have one key."""
        keys = []
        pairs = [(item["path"], item["key_path"]) for item in self.certificates]
        pairs += [(item["cert"], item["key"]) for item in (*self.sandbox["clients"].values(), *self.sandbox["parties"])]
        for path in (self.sandbox["ca_bundle"], *(item["path"] for items in self.sandbox["issuers"].values() for item in items)):
            self.expect(not Path(path).is_absolute() and (self.folder / path).is_file(), path, "is missing, or absolute")
        for certificate, key in pairs:
            self.expect(not Path(certificate).is_absolute() and not Path(key).is_absolute(), certificate, "is not relative")
            _, of_certificate = openssl("x509", "-in", self.folder / certificate, "-noout", "-pubkey")
            status, of_key = openssl("pkey", "-in", self.folder / key, "-pubout")
            self.expect(status == 0 and of_key == of_certificate, key, f"is not the key of {certificate}")
            keys.append(of_key)
        issued = keys[: len(self.certificates)]
        self.expect(len(set(issued)) == len(issued), "the cards", "two certificates have the same key")

    def chain_and_status(self, certificate: dict) -> None:
        name, issuer, path = certificate["path"], self.issuer(certificate), self.folder / certificate["path"]
        status, output = openssl("verify", "-x509_strict", "-CAfile", issuer, path)
        if certificate["status"] == "expired":
            self.expect("certificate has expired" in output, name, f"has not expired: {output}")
            status, output = openssl("verify", "-x509_strict", "-no_check_time", "-CAfile", issuer, path)
        self.expect(status == 0, name, output)
        _, serial = openssl("x509", "-in", path, "-noout", "-serial")
        self.expect(int(serial.strip().removeprefix("serial="), 16) == int(certificate["serial"]), name, f"has {serial}")
        url = self.sandbox["ocsp"][certificate["ca"]]
        status, output = openssl("ocsp", "-issuer", issuer, "-cert", path, "-url", url, "-CAfile", issuer)
        self.expect(status == 0 and "Response verify OK" in output, name, output)
        # An ended certificate keeps its last status, and unspecified is no reason that is written (RFC 5280 section 5.3.1).
        expected = {"good": "good", "expired": "good", "held": "revoked", "revoked": "revoked"}[certificate["status"]]
        reason = re.search(r"Reason: (\w+)", output)
        expected_reason = certificate.get("reason") if certificate.get("reason") != "unspecified" else None
        self.expect(f": {expected}\n" in output, name, f"OCSP does not say {expected}: {output}")
        self.expect((reason and reason[1]) == expected_reason, name, f"the reason is not {expected_reason}: {output}")

    def phones(self) -> None:
        """Who has certificates in a phone has a phone with a name, and none of them outlives the card's of its kind."""
        for person in self.sandbox["people"]:
            ours = [one for one in self.certificates if one["person"] == person["person"]]
            in_phone = [one for one in ours if one["ca"].startswith("phone-")]
            self.expect(bool(in_phone) == ("phone" in person), f"person {person['person']}", "`phone` is there, or missing")
            for one in in_phone:
                ends = [other["not_after"] for other in ours if f"phone-{other['ca']}" == one["ca"]]
                self.expect(one["not_after"] in ends, one["path"], "ends when no card of its holder does")

    def never_issued(self) -> None:
        for ca, serials in self.sandbox["unissued_serials"].items():
            issuer = self.folder / self.sandbox["issuers"][ca][0]["path"]
            for serial in serials:
                url = self.sandbox["ocsp"][ca]
                _, output = openssl("ocsp", "-issuer", issuer, "-serial", serial, "-url", url, "-CAfile", issuer)
                self.expect(": good" not in output, f"{ca} {serial}", "was never issued, and is called good")
                self.expect("unauthorized" in output or ": unknown" in output, f"{ca} {serial}", output)

    def crls(self) -> None:
        """Every CRL answers; each lists what it must and omits the rest; those of municipalities with certificates verify."""
        where = urlsplit(self.sandbox["public_url"])
        public = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
        for ca, keys in self.sandbox["crl"].items():
            for key, urls in keys.items():
                self.expect(len(urls["partition"]) > 1_700, ca, "a country has more municipalities")
                for municipality, url in [(None, urls["full"]), *urls["partition"].items()]:
                    public.request("GET", urlsplit(url).path)
                    answer = public.getresponse()
                    body = answer.read()
                    self.expect(answer.status == 200, url, f"status {answer.status}")
                    if answer.status == 200:
                        self.crl(ca, int(key), municipality, url, body)
                self.delta(public, urls)
        public.close()

    def delta(self, public: http.client.HTTPConnection, urls: dict) -> None:
        """With the full CRL of the cut that it names it says what the newest full CRL says."""

        def get(url: str) -> bytes:
            public.request("GET", urlsplit(url).path)
            answer = public.getresponse()
            self.expect(answer.status == 200, url, f"status {answer.status}")
            return answer.read()

        delta = get(urls["delta"])
        base = urls["full"].replace("/crl/", f"/crl/cuts/{base_of(delta)}/", 1)
        combined = entries_of(get(base))
        for serial, entry in entries_of(delta).items():
            combined.pop(serial, None)
            if not entry[1].endswith(REMOVE_FROM_CRL):
                combined[serial] = entry
        self.expect(combined == entries_of(get(urls["full"])), urls["delta"], "does not lead to the full CRL")

    def crl(self, ca: str, key: int, municipality: str | None, url: str, body: bytes) -> None:
        ours = [one for one in self.certificates if (one["ca"], one["key"]) == (ca, key)]
        inside = [one for one in ours if municipality in (None, one["municipality"])]
        must = {one["serial"] for one in inside if one["status"] in ("held", "revoked")}
        listed = entries_of(body).keys()
        self.expect(must <= listed, url, f"does not list {must - listed}")
        wrong = listed & ({one["serial"] for one in ours} - must)
        self.expect(not wrong, url, f"lists {wrong}")
        if inside:
            issuer = self.issuer(inside[0])
            arguments = ["openssl", "crl", "-inform", "DER", "-CAfile", str(issuer), "-noout"]
            done = subprocess.run(arguments, input=body, capture_output=True, timeout=60)
            self.expect(b"verify OK" in done.stderr, url, done.stderr.decode(errors="replace"))

    def call(self, role: str, method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
        """A call at the doors as the client of that role."""
        client = self.sandbox["clients"][role]
        context = ssl.create_default_context(cafile=self.folder / self.sandbox["ca_bundle"])
        context.load_cert_chain(self.folder / client["cert"], self.folder / client["key"])
        where = urlsplit(self.sandbox["api_url"])
        doors = http.client.HTTPSConnection(where.hostname, where.port, timeout=60, context=context)
        headers = {"Idempotency-Key": f"stranger-{secrets.token_hex(8)}", "Content-Type": "application/json"}
        doors.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = doors.getresponse()
        status, content = answer.status, json.loads(answer.read())
        doors.close()
        return status, content

    def doors(self) -> None:
        """Each role opens its own door and no other."""
        for role in self.sandbox["clients"]:
            for of, path in DOORS.items():
                status, answer = self.call(role, "POST", path, {"a stranger": "knocks"})
                problem = answer.get("type", "").removeprefix("urn:akashi:problem:")
                expected = (400, "malformed-body") if of == role else (403, "wrong-role")
                self.expect((status, problem) == expected, f"{role} at {path}", f"{status} {problem}")

    def latest_info(self) -> None:
        """The operator asks about the old certificates of everybody who consented and moved."""
        people = {person["person"]: person for person in self.sandbox["people"]}
        asked = 0
        for consent in self.sandbox["consents"]:
            path = f"/operators/v1/consents/{consent['consent']}"
            status, answer = self.call("operator", "GET", path)
            self.expect(status == 200 and answer["state"] == consent["state"], path, f"{status} {answer}")
            person = people[consent["person"]]
            question = {"service": consent["service"], **consent["certificate"]}
            status, answer = self.call("operator", "POST", "/operators/v1/latest-info", question)
            if consent["state"] != "in_force":
                self.expect(status >= 400, path, f"is {consent['state']}, and info was given")
                continue
            self.expect(status == 200, path, f"{status} {answer}")
            self.expect(answer.get("newer") == ("moved_from" in person), path, f"newer is wrong: {answer}")
            if "moved_from" not in person:
                self.expect("info" not in answer, path, "info was given though nothing is newer")
                continue
            asked += 1
            given = {name: value for name, value in answer["info"].items() if not name.endswith("_substitutions")}
            consented = [name for item in consent["items"] for name in ITEM_FIELDS[item] if name in person]
            self.expect(set(given) == set(consented), path, f"gave {set(given)} instead of what was consented")
            self.expect(given == {name: person[name] for name in given}, path, "gave what is not the person's")
        self.expect(asked, "consents", "nobody consented and moved")
        states = {consent["state"] for consent in self.sandbox["consents"]}
        self.expect({"in_force", "withdrawn"} <= states, "consents", f"only {states}")

    def judge(self) -> None:
        self.paths()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.chain_and_status, self.certificates))
        for ca in self.sandbox["issuers"]:
            statuses = {certificate["status"] for certificate in self.certificates if certificate["ca"] == ca}
            self.expect(statuses == {"good", "held", "revoked", "expired"}, f"certificates of {ca}", f"only {statuses}")
        self.phones()
        self.never_issued()
        self.crls()
        self.doors()
        self.latest_info()


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    stranger = Stranger(Path(sys.argv[1]).resolve())
    stranger.judge()
    print(f"stranger: {stranger.passed} passed, {stranger.failed} failed")
    sys.exit(1 if stranger.failed else 0)


if __name__ == "__main__":
    main()

"""What makes the calls of a sandbox succeed: an invented person with certificates, a party, a consent; one example a call."""

import base64
import datetime
import http.client
import json
import secrets
import ssl
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from sandbox import Judge

PERSON = {"name": "浅上　藤乃", "sex": "female", "birth_date": "1995-05-05"}
ITEMS = {"氏名": "name", "住所": "address"}


class Client:
    """A party of the sandbox at its door."""

    def __init__(self, judge: Judge, name: str):
        described = judge.content["clients"][name]
        self.certificate, self.key = judge.folder / described["cert"], judge.folder / described["key"]
        self.trusts = judge.folder / judge.content["ca_bundle"]
        self._context = ssl.create_default_context(cafile=str(self.trusts))
        self._context.load_cert_chain(self.certificate, self.key)
        self._host = urllib.parse.urlsplit(judge.content["api_url"]).netloc

    def attempt(self, method: str, path: str, body: dict | None = None, key: str | None = None) -> tuple[int, dict]:
        """Status and body of the answer."""
        connection = http.client.HTTPSConnection(self._host, context=self._context, timeout=60)
        headers = {"Idempotency-Key": key or new_key()} if method == "POST" else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        return answer.status, content

    def octets(self, method: str, path: str, body: bytes | None, media_type: str) -> tuple[int, bytes]:
        """Status and octets of the answer to octets."""
        connection = http.client.HTTPSConnection(self._host, context=self._context, timeout=60)
        connection.request(method, path, body, {"Content-Type": media_type} if body is not None else {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def lines(self, path: str, media_type: str, lines: list[str]) -> tuple[int, list[dict]]:
        """Status and lines of the answer to JSON Lines."""
        status, content = self.octets("POST", path, "\n".join(lines).encode(), media_type)
        return status, [json.loads(line) for line in content.splitlines()]

    def call(self, method: str, path: str, body: dict | None = None, key: str | None = None) -> dict:
        """The answer's body; ends the judge if the call is refused, since nothing can be judged then."""
        status, content = self.attempt(method, path, body, key)
        if status >= 300:
            raise SystemExit(f"schemathesis: {method} {path} is refused: {status} {content}")
        return content


def new_key() -> str:
    """An idempotency key that no earlier run has used."""
    return f"judge-{secrets.token_hex(8)}"


def resident_code() -> str:
    return "".join(secrets.choice("0123456789") for _ in range(11))


def request(key) -> str:
    """PKCS #10 for that key."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "judge")])
    digest = hashes.SHA384() if getattr(key, "key_size", 0) == 384 else hashes.SHA256()
    signed = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, digest)
    return signed.public_bytes(serialization.Encoding.PEM).decode()


class Scene:
    """The examples, by operationId: what stands in the path, and the body."""

    def __init__(self, judge: Judge, clients: dict[str, Client]):
        self.judge, self.clients = judge, clients
        self.municipality = self._municipality_of_desk()
        self.resident_code, self.signing_key, self.issued_by = resident_code(), self._new_key(), new_key()
        self.auth = clients["desk"].call("POST", "/desk/v1/certificates", self._application("auth", self._new_key()))
        application = self._application("sign", self.signing_key)
        self.sign = clients["desk"].call("POST", "/desk/v1/certificates", application, self.issued_by)
        self.hotline_to_be = {"role": "hotline", "name": "A loss line of the judge", "csr": request(ec.generate_private_key(ec.SECP256R1()))}
        self.party = clients["admin"].call("POST", "/admin/v1/parties", self.hotline_to_be)["party"]

    def reinstate_all(self) -> None:
        """Random calls at the administrators' door suspend whom they hit."""
        admin = self.clients["admin"]
        for party in admin.call("GET", "/admin/v1/parties")["parties"]:
            if party["state"] == "suspended":
                admin.call("POST", f"/admin/v1/parties/{party['party']}/reinstatement", {"because": "a judge is done"})

    def _municipality_of_desk(self) -> str:
        own = x509.load_pem_x509_certificate(self.clients["desk"].certificate.read_bytes())
        for party in self.clients["admin"].call("GET", "/admin/v1/parties")["parties"]:
            if x509.load_pem_x509_certificate(party["certificate"].encode()) == own:
                return party["municipality"]
        raise SystemExit("schemathesis: the sandbox's desk is not among the parties that the administrators' door lists")

    def _new_key(self):
        """A key as people bring it: of the algorithm of the CA's own."""
        issuer = next(iter(self.judge.issuers.values()))
        of_ca = x509.load_pem_x509_certificate(issuer.read_bytes()).public_key()
        if isinstance(of_ca, rsa.RSAPublicKey):
            return rsa.generate_private_key(65537, of_ca.key_size)
        return ec.generate_private_key(of_ca.curve)

    def _application(self, ca: str, key, code: str | None = None) -> dict:
        return {
            "ca": ca,
            "municipality": self.municipality,
            "resident_code": code or self.resident_code,
            "person": {**PERSON, "address": "観布子市観布子南１２－７－２０２"},
            "csr": request(key),
        }

    def _signed(self, root: str, service: dict, items: list[str]) -> dict:
        """An application of the person about a service, signed with the signature certificate."""
        number, now = secrets.token_hex(16), datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=9)))
        asked = "".join(f"<提供項目>{item}</提供項目>" for item in items)
        application = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="urn:akashi:consent:1">'
            f"<サービス番号>{service['service']}</サービス番号><サービス名>{service['name']}</サービス名>{asked}"
            f"<申請番号>{number}</申請番号><申請日時>{now.isoformat(timespec='seconds')}</申請日時></{root}>"
        ).encode()
        if isinstance(self.signing_key, rsa.RSAPrivateKey):
            signature = self.signing_key.sign(application, padding.PKCS1v15(), hashes.SHA256())
        else:
            digest = hashes.SHA384() if self.signing_key.key_size == 384 else hashes.SHA256()
            signature = self.signing_key.sign(application, ec.ECDSA(digest))
        return {
            "application": base64.b64encode(application).decode(),
            "signature": base64.b64encode(signature).decode(),
            "signature_form": "raw",
            "certificate": self.sign["certificate"],
        }

    def examples(self, door: str) -> dict[str, tuple[dict, dict | None]]:
        """Made anew for each door, since calls use up what they are given."""
        match door:
            case "desk":
                # Of somebody else, or it would supersede what the other calls are about.
                application = self._application("auth", self._new_key(), resident_code())
                place = {"ca": "auth", "serial": self.auth["serial"]}
                signs = {"ca": "sign", "serial": self.sign["serial"]}
                return {
                    "request_certificate": ({}, application),
                    "look_up_certificate": (place, None),
                    "look_up_request": ({"idempotency_key": self.issued_by}, None),
                    "revoke_certificate": (place, {"cause": "card_lost"}),
                    "print_receipt": (signs, None),
                    "mark_notified": ({}, {"certificates": [signs]}),
                    "search": ({}, {"resident_code": self.resident_code}),
                }
            case "hotline":
                return {"hold": ({}, {"resident_code": self.resident_code})}
            case "residents":
                day = datetime.date.today().isoformat()
                change = {"resident_code": self.resident_code, "change": "moved", "effective_on": day}
                batch = {"batch": new_key()}
                return {
                    "report_change": ({}, change),
                    "report_batch": (batch, {"row": 1, **change}),
                    "look_up_batch": (batch, None),
                }
            case "operators":
                return self._of_operators()
            case _:
                return self._of_administrators()

    def _of_operators(self) -> dict[str, tuple[dict, dict | None]]:
        services = self.judge.content["services"]
        operator = self.clients["operators"]
        give = self._signed("利用者同意申請情報", services[0], list(ITEMS))
        given = operator.call("POST", "/operators/v1/consents", give)["consent"]
        return {
            "give_consent": ({}, self._signed("利用者同意申請情報", services[-1], list(ITEMS))),
            "look_up_consent": ({"consent": given}, None),
            "withdraw_consent": ({}, self._signed("利用者同意取消申請情報", services[0], [])),
            "latest_info": ({}, self._told_about()),
        }

    def _told_about(self) -> dict:
        """A consent of the sandbox that is in force, of a person whose certificate is good: by asking for each."""
        for consent in self.judge.content["consents"]:
            asked = {"service": consent["service"], **consent["certificate"]}
            if self.clients["operators"].attempt("POST", "/operators/v1/latest-info", asked)[0] == 200:
                return asked
        raise SystemExit("schemathesis: the sandbox has no consent under which the latest 4 info are told")

    def _of_administrators(self) -> dict[str, tuple[dict, dict | None]]:
        because, party = {"because": "a judge asks"}, {"party": self.party}
        services = self.judge.content.get("services") or [{}]
        return {
            "register_party": ({}, {**self.hotline_to_be, "csr": request(ec.generate_private_key(ec.SECP256R1()))}),
            "suspend": (party, because),
            "reinstate": (party, because),
            "publish_cut": ({}, because),
            # Nobody in a sandbox has a certificate under this one.
            "compromise_ca_key": ({"ca": "phone-sign", "key": 1}, {**because, "confirm": "phone-sign/1"}),
            "register_provider": ({}, {"operator": services[0].get("operator"), "name": "Kasumi Insurance"}),
            "register_service": ({}, {"provider": services[0].get("provider"), "name": "Kasumi Insurance contracts"}),
        }

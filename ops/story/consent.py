"""The consent and latest-info steps: what the person signs, and what the platform operator asks with it."""

import base64
import datetime
import uuid
from pathlib import Path
from xml.sax.saxutils import escape

from clients import Answer, Failed, http, openssl
from people import JAPAN

ITEMS = ("氏名", "住所")
"""Name and address; sex and date of birth are what this person does not agree to."""


def application(root: str, service: dict, at: datetime.datetime, items: tuple[str, ...] = ()) -> bytes:
    """The octets that the person sees and signs."""
    fields = [("サービス番号", str(service["service"])), ("サービス名", service["name"])]
    fields += [("提供項目", item) for item in items]
    fields += [("申請番号", str(uuid.uuid4())), ("申請日時", at.astimezone(JAPAN).isoformat(timespec="seconds"))]
    body = "".join(f"  <{name}>{escape(text)}</{name}>\n" for name, text in fields)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="urn:akashi:consent:1">\n{body}</{root}>\n'.encode()


def signed_raw(octets: bytes, key: Path, certificate: Path, folder: Path) -> dict:
    """The body of a call with the bare RSASSA-PKCS1-v1_5 signature, as a card makes it."""
    document, signature = folder / "application.xml", folder / "application.sig"
    document.write_bytes(octets)
    openssl("dgst", "-sha256", "-sign", key, "-out", signature, document)
    return _body(octets, signature, "raw", certificate)


def signed_cms(octets: bytes, key: Path, certificate: Path, folder: Path) -> dict:
    """The body of a call with a detached CMS signature, as desktop software makes it."""
    document, signature = folder / "application.xml", folder / "application.p7s"
    document.write_bytes(octets)
    openssl("cms", "-sign", "-binary", "-md", "sha256", "-in", document, "-signer", certificate, "-inkey", key,
            "-outform", "DER", "-out", signature)  # fmt: skip
    return _body(octets, signature, "cms", certificate)


def _body(octets: bytes, signature: Path, form: str, certificate: Path) -> dict:
    return {
        "application": base64.b64encode(octets).decode(),
        "signature": base64.b64encode(signature.read_bytes()).decode(),
        "signature_form": form,
        "certificate": certificate.read_text(),
    }


def refused(answer: Answer, slug: str) -> str:
    """The problem's type, which has to be this one."""
    problem = answer.json()
    if not 400 <= answer.status < 500 or problem.get("type") != f"urn:akashi:problem:{slug}":
        raise Failed(f"expected the problem {slug}, got status {answer.status}, type {problem.get('type')}")
    return f"{answer.status} {slug}"


def agree(story) -> None:
    """Between birth and status: the person agrees yesterday, so that the consent is in force today."""
    with story.step("a.5", "the administrator registers a platform operator, its service provider, one service") as answered:
        story.operator = story.party("operator", "Hinode Platform", "operator")
        operator = story.party_number(story.operator)
        administrator = story.authority.administrator()
        provider = http("POST", story.api("/admin/v1/providers"), administrator, {"operator": operator, "name": "Hinode Bank"}).expect(201)
        body = {"provider": provider["provider"], "name": "Hinode Bank accounts"}
        story.service = http("POST", story.api("/admin/v1/services"), administrator, body).expect(201)
        answered.append(f"operator {operator}, provider {provider['provider']}, service {story.service['service']}")
    with story.step("a.6", "the person agrees to name and address, signed by openssl dgst; the operator hands it in") as answered:
        octets = application("利用者同意申請情報", story.service, story.now(), ITEMS)
        body = signed_raw(octets, story.folder / "sign.key", story.old_signature.path, story.folder)
        given = http("POST", story.api("/operators/v1/consents"), story.operator, body).expect(201)
        story.consent = given["consent"]
        answered += [f"201, consent {given['consent']}", f"in force from {given['in_force_from']} to {given['in_force_until']}"]
    with story.step("a.7", "the operator asks for the latest info at once") as answered:
        answered.append(refused(ask(story), "consent-not-in-force"))


def ask(story) -> Answer:
    """What the operator asks, knowing no more than the old serial."""
    body = {"service": story.service["service"], "ca": "sign", "serial": story.old_signature.serial}
    return http("POST", story.api("/operators/v1/latest-info"), story.operator, body)


def learn(story) -> None:
    """After move and re-issue: the operator learns what the person agreed to, and nothing else."""
    with story.step("d.3", f"the operator, holding only serial {story.old_signature.serial}, asks for the latest info") as answered:
        if not story.began_yesterday:
            answered.append(refused(ask(story), "consent-not-in-force"))
            answered.append("the folder is from an earlier run, so this person agreed today and not yesterday; a new --data tells it all")
            return
        told = ask(story).expect(200)
        new, info = story.new_signature, told.get("info", {})
        if (told["newer"], told["certificate"]["serial"]) != (True, new.serial):
            raise Failed(f"expected the new serial {new.serial}, got {told['certificate']}")
        if (info.get("name"), info.get("address")) != (story.person.name, story.person.address):
            raise Failed("the name and address told are not those of the new certificate")
        if {"sex", "birth_date"} & info.keys():
            raise Failed("sex or date of birth was told without consent")
        answered += [f"serial {new.serial}", info["name"], info["address"], "neither sex nor date of birth"]


def withdraw(story) -> None:
    with story.step("d.4", "the person withdraws, signed by openssl cms with the new signature certificate") as answered:
        octets = application("利用者同意取消申請情報", story.service, story.now())
        body = signed_cms(octets, story.folder / "sign-new.key", story.new_signature.path, story.folder)
        done = http("POST", story.api("/operators/v1/consent-withdrawals"), story.operator, body).expect(200)
        if done["withdrawn"] != [story.consent]:
            raise Failed(f"expected consent {story.consent} withdrawn, got {done['withdrawn']}")
        answered.append(f"consent {story.consent} withdrawn")
    with story.step("d.5", "the operator asks the same again") as answered:
        answered.append(refused(ask(story), "consent-withdrawn"))

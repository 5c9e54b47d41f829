"""OpenSSL: chains with strict checks, revocation by each CRL, and its own OCSP client over POST; curl's over GET."""

import base64
import datetime
import re
import urllib.parse
from pathlib import Path

from sandbox import CAS, EVERY_CRL, EVERY_CA_CRL, EVERY_DELTA, EVERY_STATUS, WAYS_TO_ASK, Certificate, Crl, Delta, Judge, command, http

judge = Judge("openssl")
SIGNED_WITH = {"RSA": "sha256WithRSAEncryption", "ECDSA": "ecdsa-with-SHA256"}
PURPOSES = {"auth": "sslclient", "sign": "any"}


def verify(certificate: Path, issuer: Path, *options) -> tuple[bool, str]:
    """Accepted or not, and why not."""
    status, output = command("openssl", "verify", *options, "-CAfile", issuer, certificate)
    return status == 0, "; ".join(re.findall(r"^error \d+ at \d+ depth lookup: (.*)$", output, re.MULTILINE)) or output.strip()


def judge_chain(certificate: Certificate) -> None:
    # An expired one is refused for that alone: with the clock left out it is accepted.
    accepted, why = verify(certificate.path, certificate.issuer, "-x509_strict")
    expired = certificate.status == "expired"
    judge.expect(accepted != expired and (accepted or "expired" in why), certificate.path, f"{certificate.status}, and {why}")
    for purpose in ("any", PURPOSES[certificate.kind]):
        accepted, why = verify(certificate.path, certificate.issuer, "-x509_strict", "-no_check_time", "-purpose", purpose)
        judge.expect(accepted, certificate.path, f"not good for the purpose {purpose}: {why}")
    for (ca, _), issuer in judge.issuers.items():
        if ca != certificate.ca:
            accepted, why = verify(certificate.path, issuer, "-no_check_time")
            judge.expect(not accepted and "local issuer" in why, certificate.path, f"under {ca}, which did not issue it: {why}")
    in_certificate = command("openssl", "x509", "-in", certificate.path, "-noout", "-pubkey")
    of_key = command("openssl", "pkey", "-in", certificate.key_path, "-pubout")
    judge.expect(in_certificate == of_key, certificate.path, "its key is not the one that the request was made with")


def judge_with_crls(certificate: Certificate, crls: list[Crl]) -> None:
    other_towns = [crl for crl in crls if crl.municipality not in (None, certificate.municipality)]
    for crl in [crl for crl in crls if crl.municipality in (None, certificate.municipality)] + other_towns[:1]:
        accepted, why = verify(certificate.path, crl.issuer, "-no_check_time", "-crl_check", "-CRLfile", crl.path)
        if crl in other_towns:
            # Another municipality's CRL must not count for this certificate: that is what its scope is for.
            judge.expect(not accepted and "different CRL scope" in why, certificate.path, f"with {crl.path.name}: {why}")
        elif certificate.withdrawn:
            refused = not accepted and "certificate revoked" in why
            judge.expect(refused, certificate.path, f"{certificate.status}, and with {crl.path.name}: {why}")
        else:
            judge.expect(accepted, certificate.path, f"{certificate.status}, and with {crl.path.name}: {why}")


def judge_crl(crl: Crl) -> None:
    judge.judged(crl)
    for (ca, key), issuer in judge.issuers.items():
        _, output = command("openssl", "crl", "-in", crl.path, "-inform", "DER", "-CAfile", issuer, "-noout")
        judge.expect(("verify OK" in output) == ((ca, key) == (crl.ca, crl.key)), crl.path, f"with issuer {ca}: {output}")
    _, output = command("openssl", "crl", "-in", crl.path, "-inform", "DER", "-noout", "-text")
    judge.expect("Version 2" in output and "X509v3 CRL Number" in output, crl.path, "no version 2 or no CRL number")
    listed = {}
    for entry in output.partition("Revoked Certificates:")[2].split("Serial Number: ")[1:]:
        reason = re.search(r"X509v3 CRL Reason Code:\s+(.*)", entry)
        listed[str(int(entry.split()[0], 16))] = reason and reason.group(1)
    judge.expect(set(listed) == crl.lists, crl.path, f"lists {sorted(listed)} and not {sorted(crl.lists)}")
    judge.expect(bool(listed) or "No Revoked Certificates" in output, crl.path, "lists nothing and does not say so")
    for certificate in judge.certificates:
        if certificate.ca == crl.ca and certificate.serial in listed:
            same = plain(listed[certificate.serial]) == plain(certificate.crl_reason)
            judge.expect(same, crl.path, f"serial {certificate.serial}: {listed[certificate.serial]}, not {certificate.reason}")
    octets = bytearray(crl.path.read_bytes())
    octets[octets.index(b"Z") - 1] ^= 1
    tampered = judge.scratch / "tampered.crl"
    tampered.write_bytes(octets)
    status, output = command("openssl", "crl", "-in", tampered, "-inform", "DER", "-CAfile", crl.issuer, "-noout")
    judge.expect("verify OK" not in output, crl.path, "verifies although one octet was changed")


def judge_delta(delta: Delta) -> None:
    """Its form, and what OpenSSL makes of it with the full CRL of the cut before: what the new full CRL says."""
    judge.judged(delta)
    for (ca, key), issuer in judge.issuers.items():
        _, output = command("openssl", "crl", "-in", delta.path, "-inform", "DER", "-CAfile", issuer, "-noout")
        judge.expect(("verify OK" in output) == ((ca, key) == (delta.ca, delta.key)), delta.path, f"with issuer {ca}: {output}")
    _, output = command("openssl", "crl", "-in", delta.path, "-inform", "DER", "-noout", "-text")
    named = re.search(r"X509v3 Delta CRL Indicator: critical\s+(?:0x)?([0-9A-F]+)\s", output)
    judge.expect(named and int(named.group(1), 16) == delta.base_number, delta.path, f"its base is not {delta.base_number}")
    judge.expect("Freshest CRL" not in output, delta.path, "leads to other deltas (RFC 5280 §5.2.6)")
    _, output = command("openssl", "crl", "-in", delta.full, "-inform", "DER", "-noout", "-text")
    if judge.content["layout"] == "jpki-exact":
        # Its CRLs name no URLs, and OpenSSL takes no delta that its base does not lead to.
        judge.expect("Freshest CRL" not in output, delta.full, "leads to a delta")
        return
    judge.expect(f"URI:{delta.url}\n" in output.partition("X509v3 Freshest CRL:")[2], delta.full, f"does not lead to {delta.url}")
    for certificate in judge.certificates:
        if certificate.issuer != delta.issuer:
            continue
        said = [
            # Without -extended_crl it takes a delta for a complete CRL.
            verify(certificate.path, delta.issuer, "-no_check_time", "-crl_check", "-use_deltas", "-extended_crl", *crls)
            for crls in (["-CRLfile", delta.base, "-CRLfile", delta.path], ["-CRLfile", delta.base])
        ]
        accepted, why = said[0]
        right = not accepted and "certificate revoked" in why if certificate.withdrawn else accepted
        judge.expect(right, certificate.path, f"{certificate.status}, and with the cut before and the delta: {why}")
        if said[0] != said[1]:
            judge.judged(f"news of the delta of {delta.ca}")


def plain(reason: str | None) -> str | None:
    """`Key Compromise` in CRLs, `keyCompromise` in OCSP answers."""
    return reason and reason.replace(" ", "").lower()


def judge_answer(certificate: Certificate, name: str, output: str, nonce: bool) -> None:
    """What `openssl ocsp` printed about one answer."""
    judge.expect("Response verify OK" in output, certificate.path, f"{name}: {output}")
    judge.expect(not nonce or "no nonce" not in output, certificate.path, f"{name}: does not carry the nonce")
    word = re.search(r": (good|revoked|unknown)$", output, re.MULTILINE)
    expected = "revoked" if certificate.withdrawn else "good"
    judge.expect(word and word.group(1) == expected, certificate.path, f"{name}: not {expected}: {output}")
    if certificate.withdrawn:
        reason = re.search(r"^\s+Reason: (\w+)", output, re.MULTILINE)
        said = reason and reason.group(1)
        judge.expect(said == certificate.crl_reason, certificate.path, f"{name}: reason {said}, not {certificate.crl_reason}")
        since = re.search(r"Revocation Time: (.*) GMT", output)
        moment = since and datetime.datetime.strptime(since.group(1) + " +0000", "%b %d %H:%M:%S %Y %z")
        judge.expect(moment == certificate.since, certificate.path, f"{name}: since {moment}, not {certificate.since}")


def judge_ocsp(certificate: Certificate, ways: list[tuple[str, bool]]) -> None:
    url = judge.content["ocsp"][certificate.ca]
    request, response = judge.scratch / "ocsp.req", judge.scratch / "ocsp.rsp"
    for digest, nonce in ways:
        asked = ["openssl", "ocsp", *([] if nonce else ["-no_nonce"]), "-issuer", certificate.issuer, f"-{digest}"]
        asked += ["-cert", certificate.path, "-CAfile", certificate.issuer]
        files = ["-reqout", request, "-respout", response]
        judge_answer(certificate, f"POST, {digest}, {nonce=}", command(*asked, "-url", url, *files)[1], nonce)
        judge.judged(f"POST with {digest}, {nonce=}")
        output = command(*asked, "-reqin", request, "-respin", judge.altered(response))[1]
        judge.expect("Response verify OK" not in output, certificate.path, "its answer verifies although one octet was changed")
        if not nonce:
            answer = get(url, request)
            response.write_bytes(answer.body)
            judge.expect(answer.status == 200, certificate.path, f"GET: status {answer.status}")
            judge_answer(certificate, f"GET, {digest}", command(*asked, "-respin", response)[1], nonce)
            judge.judged(f"GET with {digest}")


def get(url: str, request: Path, **headers: str):
    """RFC 6960 appendix A.1."""
    return http(f"{url}/{urllib.parse.quote(base64.b64encode(request.read_bytes()), safe='')}", **headers)


def judge_caching(ca: str) -> None:
    """OCSP over GET and CRLs may be kept, each no longer than it says, and are asked for again by their tag."""
    request = judge.scratch / "ocsp.req"
    certificate = next(one for one in judge.certificates if one.ca == ca)
    command("openssl", "ocsp", "-no_nonce", "-issuer", certificate.issuer, "-cert", certificate.path, "-reqout", request)
    full = judge.content["crl"][ca][str(certificate.key)]["full"]
    for subject, ask in (
        (f"OCSP of {ca}", lambda **headers: get(judge.content["ocsp"][ca], request, **headers)),
        (full, lambda **headers: http(full, **headers)),
    ):
        first = ask()
        judge.expect(re.search(r"\bmax-age=[1-9]", first.headers.get("cache-control", "")), subject, "no max-age")
        judge.expect("last-modified" in first.headers and "etag" in first.headers, subject, "no Last-Modified or no ETag")
        again = ask(if_none_match=first.headers.get("etag", ""))
        judge.expect(again.status == 304 and not again.body, subject, f"asked again with its tag: status {again.status}")


def judge_unissued(ca: str, serial: str) -> None:
    issuer = judge.issuers[ca, 1]
    for digest, nonce in WAYS_TO_ASK:
        output = command(
            "openssl", "ocsp", *([] if nonce else ["-no_nonce"]), "-issuer", issuer, f"-{digest}", "-serial", serial,
            "-url", judge.content["ocsp"][ca], "-CAfile", issuer,
        )[1]  # fmt: skip
        known = re.search(r"Responder Error: unauthorized|: unknown$", output, re.MULTILINE)
        judge.expect(known and ": good" not in output, f"{ca} serial {serial}, never issued", output)
    judge.judged(f"unissued serials of {ca}")


def judge_several(ca: str) -> None:
    response, words = judge.ask_about_several(ca)
    issuer = judge.issuers[ca, 1]
    serials = [argument for serial in words for argument in ("-serial", serial)]
    read = ["openssl", "ocsp", "-respin", response, "-issuer", issuer, "-CAfile", issuer, "-sha256"]
    output = command(*read, *serials)[1]
    judge.expect("Response verify OK" in output, f"several of {ca}", output)
    said = dict(re.findall(r"^(\d+): (good|revoked|unknown)$", output, re.MULTILINE))
    judge.expect(said == words, f"several of {ca}", f"says {said}, not {words}")
    output = command(*[*read[:3], judge.ask_nonsense(ca), *read[4:]], *serials)[1]
    judge.expect("malformedrequest (1)" in output, f"nonsense to {ca}", output)
    judge.judged(f"several of {ca}")


def judge_preferences(certificate: Certificate) -> None:
    for word, name in SIGNED_WITH.items():
        response, issuer = judge.ask_preferring(certificate, word), certificate.issuer
        read = ["openssl", "ocsp", "-issuer", issuer, "-CAfile", issuer, "-sha256", "-cert", certificate.path, "-resp_text"]
        output = command(*read, "-respin", response)[1]
        judge_answer(certificate, f"{word} preferred", output, False)
        # The first is the answer's, the others are its certificates'.
        said = re.findall(r"Signature Algorithm: (\S+)", output)[:1]
        judge.expect(said == [name], certificate.path, f"signed with {said}, and {name} was preferred")
        output = command(*read, "-respin", judge.altered(response))[1]
        judge.expect("Response verify OK" not in output, certificate.path, f"{word} preferred, altered, and it verifies")
    judge.judged(f"preferences at {certificate.ca}")


for (ca, key), path in judge.issuers.items():
    accepted, why = verify(path, path, "-x509_strict", "-check_ss_sig")
    judge.expect(accepted, path, why)
for ca in CAS:
    judge_caching(ca)
crls = judge.pull_crls()
for crl in crls:
    judge_crl(crl)
for crl in judge.pull_ca_crls():
    judge_crl(crl)
    _, output = command("openssl", "crl", "-in", crl.path, "-inform", "DER", "-noout", "-text")
    judge.expect("Only CA Certificates" in output, crl.path, "is not of CA certificates alone")
for delta in judge.pull_deltas():
    judge_delta(delta)
for certificate in judge.certificates:
    judge.judged(certificate)
    judge_chain(certificate)
    judge_with_crls(certificate, [crl for crl in crls if (crl.ca, crl.key) == (certificate.ca, certificate.key)])
    # Every way for the first of each kind, one way for each of the others, in turn.
    met = judge.met[f"{certificate.status} certificates of {certificate.ca}"]
    judge_ocsp(certificate, WAYS_TO_ASK if met == 1 else [WAYS_TO_ASK[met % len(WAYS_TO_ASK)]])
for ca, serials in judge.content["unissued_serials"].items():
    for serial in serials[:5]:
        judge_unissued(ca, serial)
for ca in CAS:
    judge_several(ca)
    judge_preferences(next(one for one in judge.certificates if (one.ca, one.status) == (ca, "revoked")))
judge.close(
    EVERY_STATUS + EVERY_CRL + EVERY_CA_CRL + EVERY_DELTA
    + [f"{kind} {ca}" for kind in ("several of", "preferences at") for ca in CAS]
    + ([] if judge.content["layout"] == "jpki-exact" else [f"news of the delta of {ca}" for ca in CAS])
    + [f"POST with {digest}, {nonce=}" for digest, nonce in WAYS_TO_ASK]
    + [f"GET with {digest}" for digest in ("sha1", "sha256")]
    + [f"unissued serials of {ca}" for ca in CAS]
)  # fmt: skip

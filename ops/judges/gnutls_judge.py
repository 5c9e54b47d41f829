"""GnuTLS: `certtool` on chains and CRLs, `ocsptool` as an OCSP client of its own. It shares no code with OpenSSL."""

import base64
import datetime
import re
from pathlib import Path

from sandbox import CAS, EVERY_CRL, EVERY_STATUS, PREFERENCES, Certificate, Crl, Judge, command

TRUSTED = "Verified. The certificate is trusted."
PROFILE = ("--verify-profile", "medium")

judge = Judge("gnutls")


def verdict(output: str) -> str:
    """certtool prints one verdict a certificate and then the chain's, which counts."""
    return output.rpartition("erification output:")[2].strip().partition("\n")[0]


def write_pem(crl: Crl) -> Path:
    """certtool reads a CRL and its issuer in one encoding only, and the issuers are PEM."""
    lines = base64.encodebytes(crl.path.read_bytes()).decode()
    path = judge.scratch / (crl.path.name + ".pem")
    path.write_text(f"-----BEGIN X509 CRL-----\n{lines}-----END X509 CRL-----\n")
    return path


def judge_chain(certificate: Certificate) -> None:
    for (ca, _), issuer in judge.issuers.items():
        chain = judge.scratch / "chain.pem"
        chain.write_text(certificate.path.read_text() + issuer.read_text())
        status, output = command("certtool", "--verify-chain", *PROFILE, "--infile", chain)
        said = verdict(output)
        if ca != certificate.ca:
            judge.expect(status != 0 and "issuer" in said, certificate.path, f"under {ca}, which did not issue it: {said}")
        elif certificate.status == "expired":
            judge.expect(status != 0 and "expired" in said, certificate.path, f"expired, and {said}")
        else:
            judge.expect(status == 0 and said.startswith(TRUSTED), certificate.path, f"{certificate.status}, and {said}")


def judge_with_crls(certificate: Certificate) -> None:
    for crl in crls:
        # GnuTLS does not compare a CRL's scope with the certificate: only its own CRLs are put to it.
        if crl.issuer != certificate.issuer or crl.municipality not in (None, certificate.municipality):
            continue
        status, output = command(
            "certtool", "--verify", *PROFILE, "--load-ca-certificate", crl.issuer, "--load-crl", pem[crl.path],
            "--infile", certificate.path,
        )  # fmt: skip
        said = verdict(output)
        match certificate.status:
            case "held" | "revoked":
                right = status != 0 and "revoked" in said
            case "expired":
                right = status != 0 and "expired" in said and "revoked" not in said
            case _:
                right = status == 0 and said.startswith(TRUSTED)
        judge.expect(right, certificate.path, f"{certificate.status}, and with {crl.path.name}: {said}")


def judge_crl(crl: Crl) -> None:
    judge.judged(crl)
    for (ca, _), issuer in judge.issuers.items():
        status, output = command("certtool", "--verify-crl", "--load-ca-certificate", issuer, "--infile", pem[crl.path])
        accepted = status == 0 and verdict(output).startswith(TRUSTED)
        judge.expect(accepted == (ca == crl.ca), crl.path, f"with issuer {ca}: {verdict(output)}")
    status, output = command("certtool", "--crl-info", "--inder", "--infile", crl.path)
    judge.expect(status == 0 and "Version: 2" in output, crl.path, output)
    judge.expect("CRL Number (not critical)" in output, crl.path, "no CRL number")
    judge.expect("Authority Key Identifier (not critical)" in output, crl.path, "no authority key identifier")
    listed = {str(int(found, 16)) for found in re.findall(r"Serial Number \(hex\): ([0-9a-fA-F]+)", output)}
    judge.expect(listed == crl.lists, crl.path, f"lists {sorted(listed)} and not {sorted(crl.lists)}")
    judge.expect(bool(listed) or "No revoked certificates." in output, crl.path, "lists nothing and does not say so")


def judge_ocsp(certificate: Certificate) -> None:
    response = judge.scratch / "answer.ocsp"
    response.unlink(missing_ok=True)
    # A POST.
    _, output = command(
        "ocsptool", f"--ask={judge.content['ocsp'][certificate.ca]}", "--nonce", "--load-issuer", certificate.issuer,
        "--load-cert", certificate.path, "--outfile", response,
    )  # fmt: skip
    if not response.exists():
        judge.expect(False, certificate.path, f"ocsptool got no answer: {output}")
        return
    for (ca, _), issuer in judge.issuers.items():
        _, output = command("ocsptool", "--verify-response", "--load-trust", issuer, "--load-response", response)
        accepted = "Verifying OCSP Response: Success." in output
        judge.expect(accepted == (ca == certificate.ca), certificate.path, f"its answer with issuer {ca}: {output[-200:]}")
    _, output = command("ocsptool", "--response-info", "--load-response", response)
    fields = dict(re.findall(r"^\s*([A-Z][A-Za-z ]+): (.*)$", output, re.MULTILINE))
    expected = "revoked" if certificate.withdrawn else "good"
    judge.expect(fields.get("Certificate Status") == expected, certificate.path, f"not {expected}: {output}")
    serial = str(int(fields.get("Serial Number", "0"), 16))
    judge.expect(serial == certificate.serial, certificate.path, f"its answer is about serial {serial}")
    judge.expect("Nonce" in fields, certificate.path, "its answer carries no nonce")
    judge.expect("Next Update" in fields, certificate.path, "its answer says no next update")
    if certificate.withdrawn:
        since = certificate.since.astimezone(datetime.timezone.utc).strftime("%a %b %d %H:%M:%S UTC %Y")
        judge.expect(fields.get("Revocation time") == since, certificate.path, f"not since {since}: {output}")


def judge_several(ca: str) -> None:
    response, words = judge.ask_about_several(ca)
    _, output = command("ocsptool", "--verify-response", "--load-trust", judge.issuers[ca, 1], "--load-response", response)
    judge.expect("Verifying OCSP Response: Success." in output, f"several of {ca}", output[-200:])
    _, output = command("ocsptool", "--response-info", "--load-response", response)
    serials = [str(int(found, 16)) for found in re.findall(r"Serial Number: ([0-9a-fA-F]+)", output)]
    said = dict(zip(serials, re.findall(r"Certificate Status: (\w+)", output), strict=True))
    judge.expect(said == words, f"several of {ca}", f"says {said}, not {words}")
    _, output = command("ocsptool", "--response-info", "--load-response", judge.ask_nonsense(ca))
    judge.expect("malformedRequest" in output, f"nonsense to {ca}", output)
    judge.judged(f"several of {ca}")


def judge_preferences(certificate: Certificate) -> None:
    for word in PREFERENCES:
        response = judge.ask_preferring(certificate, word)
        verify = ["ocsptool", "--verify-response", "--load-trust", certificate.issuer, "--load-response"]
        _, output = command(*verify, response)
        judge.expect("Verifying OCSP Response: Success." in output, certificate.path, f"{word} preferred: {output[-200:]}")
        _, output = command(*verify, judge.altered(response))
        judge.expect("Verifying OCSP Response: Failure" in output, certificate.path, f"{word} preferred, altered: {output[-200:]}")
        _, output = command("ocsptool", "--response-info", "--load-response", response)
        said = re.findall(r"Signature Algorithm: (\S+)", output)[:1]
        judge.expect(said == [f"{word}-SHA256"], certificate.path, f"signed with {said}, and {word} was preferred")
        status = re.findall(r"Certificate Status: (\w+)", output)
        judge.expect(status == ["revoked"], certificate.path, f"{word} preferred: {status}")
    judge.judged(f"preferences at {certificate.ca}")


crls = judge.pull_crls()
pem = {crl.path: write_pem(crl) for crl in crls}
for crl in crls:
    judge_crl(crl)
for certificate in judge.certificates:
    judge.judged(certificate)
    judge_chain(certificate)
    judge_with_crls(certificate)
    judge_ocsp(certificate)
for ca in CAS:
    judge_several(ca)
    judge_preferences(next(one for one in judge.certificates if (one.ca, one.status) == (ca, "revoked")))
judge.close([*EVERY_STATUS, *EVERY_CRL, *(f"{kind} {ca}" for kind in ("several of", "preferences at") for ca in CAS)])

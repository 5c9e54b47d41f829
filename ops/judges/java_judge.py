"""The JDK: PKIX path validation with its own revocation checker, by OCSP (POST and GET) and by CRLs alone.

PathJudge.java asks and prints; what has to come is decided here. Only the JDK's own classes take part.
"""

import datetime
import os
import subprocess
from pathlib import Path

from sandbox import EVERY_STATUS, Certificate, Crl, Judge, command

JAVA_REASONS = {
    None: "UNSPECIFIED", "keyCompromise": "KEY_COMPROMISE", "affiliationChanged": "AFFILIATION_CHANGED",
    "superseded": "SUPERSEDED", "cessationOfOperation": "CESSATION_OF_OPERATION", "certificateHold": "CERTIFICATE_HOLD",
}  # fmt: skip
# Settings of the machine (a proxy, for one) must not change the judge.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.endswith(("JAVA_OPTIONS", "JAVA_TOOL_OPTIONS"))}

judge = Judge("java")


def expected_verdict(certificate: Certificate) -> str:
    match certificate.status:
        case "good":
            return "accepted"
        case "expired":
            return "EXPIRED "
        case _:
            since = certificate.since.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            return f"REVOKED {JAVA_REASONS[certificate.crl_reason]} {since}"


def expect_verdict(certificate: Certificate, asked: str, verdict: str, method: str, methods: str) -> None:
    expected = expected_verdict(certificate)
    # The JDK looks at the validity first: it asks nobody about an expired one.
    expired = certificate.status == "expired"
    # This layout names no addresses but a user certificate's responder (facts 1.3, 1.4), so the JDK has what it was given
    # and nothing else; with the default one it pulls the CRL that the certificate names, if those given do not do.
    exact = judge.content["layout"] == "jpki-exact"
    match asked:
        case "ocsp":
            asks = "" if expired else method
            judge.expect(methods == asks, certificate.path, f"the JDK asked by {methods or 'no method'}, not {asks}")
            judge.judged(f"OCSP by {methods}")
        case "ocsp-named-in-it" if exact and certificate.kind == "sign" and not expired:
            expected = "UNSPECIFIED Certificate does not specify OCSP responder"
        case "crl-of-another" if exact and not expired:
            expected = "UNDETERMINED_REVOCATION_STATUS "
    judge.judged(asked)
    judge.expect(verdict.startswith(expected), certificate.path, f"{asked}, {method}: {verdict!r}, not {expected!r}")


def run(classes: Path, use_get: bool, lines: list[str]) -> list[str]:
    done = subprocess.run(
        ["java", f"-Dcom.sun.security.ocsp.useget={str(use_get).lower()}", "-cp", str(classes), "PathJudge"],
        input="\n".join(lines) + "\n", capture_output=True, text=True, env=ENVIRONMENT, timeout=300,
    )  # fmt: skip
    judge.expect(done.returncode == 0, "PathJudge", done.stderr)
    return done.stdout.splitlines()


def line(certificate: Certificate, crls: list[Crl]) -> str:
    ours = [crl for crl in crls if crl.issuer == certificate.issuer]
    full = next(crl for crl in ours if crl.kind == "full")
    municipal = next(crl for crl in ours if crl.municipality == certificate.municipality)
    another = next(crl for crl in ours if crl.kind == "municipal" and crl != municipal)
    url = judge.content["ocsp"][certificate.ca]
    return "\t".join(map(str, (certificate.path, certificate.issuer, url, full.path, municipal.path, another.path)))


status, output = command("javac", "-d", judge.scratch, Path(__file__).parent / "PathJudge.java")
judge.expect(status == 0, "PathJudge.java", output)
crls = judge.pull_crls()
lines = [line(certificate, crls) for certificate in judge.certificates]
by_path = {str(certificate.path): certificate for certificate in judge.certificates}
for use_get, method in ((False, "POST"), (True, "GET")):
    answered = 0
    for found in run(judge.scratch, use_get, lines):
        path, asked, verdict, methods = found.split("\t")
        expect_verdict(by_path[path], asked, verdict, method, methods)
        answered += 1
    judge.expect(answered == 5 * len(lines), "PathJudge", f"gave {answered} verdicts on {len(lines)} certificates")
for certificate in judge.certificates:
    judge.judged(certificate)
asked = ["ocsp", "ocsp-named-in-it", "crl-full", "crl-municipal", "crl-of-another", "OCSP by POST", "OCSP by GET"]
judge.close([*EVERY_STATUS, *asked])

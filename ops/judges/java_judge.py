"""The JDK: PKIX path validation with its own revocation checker, by OCSP (POST and GET) and by CRLs alone; and its OCSP client
about several serials at once, one of which was never issued.

PathJudge.java and SeveralJudge.java ask and print; what has to come is decided here. Only the JDK's own classes take part.
"""

import datetime
import os
import subprocess
from pathlib import Path

from sandbox import CAS, EVERY_STATUS, Certificate, Crl, Judge, command

JAVA_REASONS = {
    None: "UNSPECIFIED", "keyCompromise": "KEY_COMPROMISE", "affiliationChanged": "AFFILIATION_CHANGED",
    "superseded": "SUPERSEDED", "cessationOfOperation": "CESSATION_OF_OPERATION", "certificateHold": "CERTIFICATE_HOLD",
}  # fmt: skip
# Settings of the machine (a proxy, for one) must not change the judge.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.endswith(("JAVA_OPTIONS", "JAVA_TOOL_OPTIONS"))}

OCSP_CLIENT = "java.base/sun.security.provider.certpath"
"""The package of the JDK's OCSP client, which no other module may use unless it is told so."""
EXPORTS = [word for package in (OCSP_CLIENT, "java.base/sun.security.x509") for word in ("--add-exports", f"{package}=ALL-UNNAMED")]

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


def run(program: str, options: list[str], lines: list[str]) -> list[str]:
    done = subprocess.run(
        ["java", *options, "-cp", str(judge.scratch), program],
        input="\n".join(lines) + "\n", capture_output=True, text=True, env=ENVIRONMENT, timeout=300,
    )  # fmt: skip
    judge.expect(done.returncode == 0, program, done.stderr)
    return done.stdout.splitlines()


def compile(program: str, options: list[str]) -> None:
    status, output = command("javac", *options, "-d", judge.scratch, Path(__file__).parent / f"{program}.java")
    judge.expect(status == 0, program, output)


def judge_several() -> None:
    """A good, a held and a revoked certificate and one never issued in one question, of the JDK's own making."""
    compile("SeveralJudge", EXPORTS)
    asked = {ca: judge.several(ca) for ca in CAS}
    lines = ["\t".join(map(str, (judge.issuers[ca, 1], judge.content["ocsp"][ca], *words))) for ca, words in asked.items()]
    answered = run("SeveralJudge", [*EXPORTS, "--add-opens", f"{OCSP_CLIENT}=ALL-UNNAMED"], lines)
    judge.expect(len(answered) == len(lines), "SeveralJudge", f"gave {len(answered)} verdicts")
    for (ca, words), found in zip(asked.items(), answered, strict=False):
        verdict, altered, *said = found.split("\t")
        judge.expect(verdict == "accepted", f"several of {ca}", verdict)
        judge.expect(altered.startswith("refused: "), f"several of {ca}", f"altered in one octet, and {altered}")
        judge.expect(said == [word.upper() for word in words.values()], f"several of {ca}", f"says {said}, not {words}")
        judge.judged(f"several of {ca}")


def line(certificate: Certificate, crls: list[Crl]) -> str:
    ours = [crl for crl in crls if crl.issuer == certificate.issuer]
    full = next(crl for crl in ours if crl.kind == "full")
    municipal = next(crl for crl in ours if crl.municipality == certificate.municipality)
    another = next(crl for crl in ours if crl.kind == "municipal" and crl != municipal)
    url = judge.content["ocsp"][certificate.ca]
    return "\t".join(map(str, (certificate.path, certificate.issuer, url, full.path, municipal.path, another.path)))


compile("PathJudge", [])
crls = judge.pull_crls()
lines = [line(certificate, crls) for certificate in judge.certificates]
by_path = {str(certificate.path): certificate for certificate in judge.certificates}
for use_get, method in ((False, "POST"), (True, "GET")):
    answered = 0
    for found in run("PathJudge", [f"-Dcom.sun.security.ocsp.useget={str(use_get).lower()}"], lines):
        path, asked, verdict, methods = found.split("\t")
        expect_verdict(by_path[path], asked, verdict, method, methods)
        answered += 1
    judge.expect(answered == 5 * len(lines), "PathJudge", f"gave {answered} verdicts on {len(lines)} certificates")
judge_several()
for certificate in judge.certificates:
    judge.judged(certificate)
asked = ["ocsp", "ocsp-named-in-it", "crl-full", "crl-municipal", "crl-of-another", "OCSP by POST", "OCSP by GET"]
judge.close([*EVERY_STATUS, *asked, *(f"several of {ca}" for ca in CAS)])

"""pkilint: lints of certificates, CRLs, OCSP answers and the responders' certificates inside them.

Every finding from NOTICE on counts. What JPKI's own layout causes is in EXPECTED with its reason; a finding that is not
there fails, and so does an entry there that no longer occurs: then the entry, or our layout, is wrong.
"""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from pkilint.bin import lint_crl, lint_ocsp_response, lint_pkix_cert

from sandbox import EVERY_CRL, EVERY_CA_CRL, EVERY_DELTA, EVERY_STATUS, Certificate, Judge, http

EXPECTED = {
    ("leaf", "pkix.certificate_policies_policy_has_qualifier"): "JPKI points to its practice statement in each "
    "certificate (facts 1.3); RFC 5280 §4.2.1.4 only recommends against qualifiers",
}
"""(what was linted, pkilint's code) -> why it stands."""

judge = Judge("pkilint")
seen: set[tuple[str, str]] = set()


def lint(kind: str, program: Callable[[list[str]], int], path: Path, *options: str) -> None:
    # pkilint's own commands, called here because starting Python for each of hundreds of files takes minutes.
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        status = program(["lint", *options, "-s", "NOTICE", "-f", "JSON", str(path)])
    try:
        results = json.loads(output.getvalue())["results"]
    except (ValueError, KeyError):
        judge.expect(False, path, f"{program.__module__} ended with {status} and gave no findings: {output.getvalue()[-400:]}")
        return
    unexpected = []
    for result in results:
        for finding in result["finding_descriptions"]:
            code = (kind, finding["code"])
            if code in EXPECTED:
                seen.add(code)
            else:
                unexpected.append(f"{finding['severity']} {code} at {result['node_path']}: {finding['message']}")
    judge.expect(not unexpected, path, "; ".join(unexpected))
    judge.judged(kind)


def ask(certificate: Certificate) -> bytes:
    leaf, issuer = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (certificate.path, certificate.issuer))
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256()).build().public_bytes(Encoding.DER)
    return http(judge.content["ocsp"][certificate.ca], request, content_type="application/ocsp-request").body


for path in judge.issuers.values():
    lint("root", lint_pkix_cert.main, path)
for crl in judge.pull_crls():
    lint("crl", lint_crl.main, crl.path, "-t", "CRL", "-p", "PKIX")
    judge.judged(crl)
for crl in judge.pull_ca_crls():
    lint("arl", lint_crl.main, crl.path, "-t", "ARL", "-p", "PKIX")
    judge.judged(crl)
for delta in judge.pull_deltas():
    lint("delta", lint_crl.main, delta.path, "-t", "CRL", "-p", "PKIX")
    judge.judged(delta)
responders: set[bytes] = set()
for number, certificate in enumerate(judge.certificates):
    lint("leaf", lint_pkix_cert.main, certificate.path)
    response = judge.scratch / f"{certificate.path.stem}-{number}.ocsp"
    try:
        response.write_bytes(ask(certificate))
        lint("ocsp", lint_ocsp_response.main, response)
        answer = ocsp.load_der_ocsp_response(response.read_bytes())
        responders |= {one.public_bytes(Encoding.DER) for one in answer.certificates}
    except ValueError as error:  # does not parse, or was refused
        judge.expect(False, certificate.path, f"asked about by OCSP: {error}")
    judge.judged(certificate)
for number, der in enumerate(sorted(responders)):
    path = judge.scratch / f"responder-{number}.cer"
    path.write_bytes(der)
    lint("responder", lint_pkix_cert.main, path)

for kind, code in EXPECTED.keys() - seen:
    judge.expect(False, "EXPECTED", f"{code} no longer occurs on any {kind}: take it out of the list")
judge.close([*EVERY_STATUS, *EVERY_CRL, *EVERY_CA_CRL, *EVERY_DELTA, "root", "leaf", "crl", "arl", "delta", "ocsp", "responder"])

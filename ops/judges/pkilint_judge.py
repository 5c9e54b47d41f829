"""pkilint: lints of certificates, CRLs, OCSP answers and the responders' certificates inside them.

Every finding from NOTICE on counts. What JPKI's own layout causes is in EXPECTED with its reason; a finding that is not
there fails, and so does an entry there that no longer occurs: then the entry, or our layout, is wrong.
"""

import json
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from artefacts import Judge, command

LINTERS = Path(sys.executable).parent

EXPECTED = {
    ("leaf", "pkix.certificate_policies_policy_has_qualifier"): "JPKI points to its practice statement in each "
    "certificate (facts 1.3); RFC 5280 §4.2.1.4 only recommends against qualifiers",
}
"""(what was linted, pkilint's code) -> why it stands."""

judge = Judge("pkilint")
artefacts = judge.artefacts
seen: set[tuple[str, str]] = set()


def lint(kind: str, tool: str, path: Path, *options: str) -> None:
    status, output = command(LINTERS / tool, "lint", *options, "-s", "NOTICE", "-f", "JSON", path)
    try:
        results = json.loads(output)["results"]
    except (ValueError, KeyError):
        judge.expect(False, path, f"{tool} ended with {status} and gave no findings: {output[-400:]}")
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


for path in artefacts.issuers.values():
    lint("root", "lint_pkix_cert", path)
for certificate in artefacts.certificates:
    lint("leaf", "lint_pkix_cert", certificate["path"])
for crl in artefacts.crls:
    lint("crl", "lint_crl", crl["path"], "-t", "CRL", "-p", "PKIX")

responders: set[bytes] = set()
for answer in artefacts.ocsp:
    lint("ocsp", "lint_ocsp_response", answer["response"])
    for certificate in ocsp.load_der_ocsp_response(answer["response"].read_bytes()).certificates:
        responders.add(certificate.public_bytes(Encoding.DER))
judge.expect(bool(responders), "OCSP answers", "none carries a responder's certificate")
with tempfile.TemporaryDirectory() as folder:
    for number, der in enumerate(sorted(responders)):
        path = Path(folder) / f"responder-{number}.cer"
        path.write_bytes(der)
        lint("responder", "lint_pkix_cert", path)

for kind, code in EXPECTED.keys() - seen:
    judge.expect(False, "EXPECTED", f"{code} no longer occurs on any {kind}: take it out of the list")
judge.close()

"""OpenSSL: chains with strict checks, revocation by each CRL, and OCSP answers against the requests they answer."""

import re
import tempfile
from pathlib import Path

from artefacts import Judge, command

judge = Judge("openssl")
artefacts = judge.artefacts

for ca, path in artefacts.issuers.items():
    status, output = command("openssl", "verify", "-x509_strict", "-check_ss_sig", "-CAfile", path, path)
    judge.expect(status == 0, path, output)

for certificate in artefacts.certificates:
    issuer = artefacts.issuers[certificate["ca"]]
    other = next(path for ca, path in artefacts.issuers.items() if ca != certificate["ca"])
    status, output = command("openssl", "verify", "-x509_strict", "-CAfile", issuer, certificate["path"])
    judge.expect(status == 0, certificate["path"], output)
    status, output = command("openssl", "verify", "-CAfile", other, certificate["path"])
    judge.expect(status != 0, certificate["path"], "accepted under a CA that did not issue it")
    purpose = {"auth": "sslclient", "sign": "any"}[certificate["ca"]]
    status, output = command("openssl", "verify", "-purpose", purpose, "-CAfile", issuer, certificate["path"])
    judge.expect(status == 0, certificate["path"], f"not good for the purpose {purpose}: {output}")
    for crl in artefacts.crls:
        if crl["ca"] != certificate["ca"] or certificate["serial"] not in crl["lists"] + crl["omits"]:
            continue
        status, output = command(
            "openssl", "verify", "-crl_check", "-CAfile", issuer, "-CRLfile", crl["path"], certificate["path"]
        )
        if certificate["serial"] in crl["lists"]:
            judge.expect("certificate revoked" in output, certificate["path"], f"not refused with {crl['path'].name}: {output}")
        elif "different CRL scope" in output:
            # Another municipality's CRL must not count for this certificate: that is what its scope is for.
            judge.expect(crl["scope"] != "full", crl["path"], "the full CRL does not cover a certificate of its CA")
        else:
            judge.expect(status == 0, certificate["path"], f"not accepted with {crl['path'].name}: {output}")

for crl in artefacts.crls:
    issuer = artefacts.issuers[crl["ca"]]
    status, output = command("openssl", "crl", "-in", crl["path"], "-inform", "DER", "-CAfile", issuer, "-noout", "-text")
    judge.expect(status == 0 and "verify OK" in output, crl["path"], output)
    judge.expect("Version 2" in output and "X509v3 CRL Number" in output, crl["path"], "no version 2 or no CRL number")
    serials = {str(int(found, 16)) for found in re.findall(r"Serial Number: ([0-9A-F]+)", output)}
    judge.expect(serials >= set(crl["lists"]), crl["path"], f"does not list {crl['lists']}")
    judge.expect(not serials & set(crl["omits"]), crl["path"], f"lists one of {crl['omits']}")
    judge.expect(not crl["empty"] or "No Revoked Certificates" in output, crl["path"], "is not empty")

with tempfile.TemporaryDirectory() as folder:
    tampered = Path(folder) / "tampered.rsp"
    for answer in artefacts.ocsp:
        issuer = artefacts.issuers[answer["ca"]]
        # Without -cert or -serial OpenSSL still checks signature, delegation and the nonce of the request.
        arguments = ["openssl", "ocsp", "-reqin", answer["request"], "-issuer", issuer, "-CAfile", issuer, "-resp_text"]
        status, output = command(*arguments, "-respin", answer["response"])
        judge.expect(status == 0 and "Response verify OK" in output, answer["response"], output)
        judge.expect(not answer["nonce"] or "no nonce" not in output, answer["response"], "does not carry the nonce")
        judge.expect(f"Cert Status: {answer['status']}" in output, answer["response"], f"does not say {answer['status']}")
        octets = bytearray(answer["response"].read_bytes())
        # The octet before the first time's Z lies in the signed part.
        octets[octets.index(b"Z") - 1] ^= 1
        tampered.write_bytes(octets)
        status, output = command(*arguments, "-respin", tampered)
        judge.expect("Response verify OK" not in output, answer["response"], "verifies although one octet was changed")

judge.close()

"""GnuTLS: `certtool` on chains and CRLs, `ocsptool` on OCSP answers. It shares no code with OpenSSL."""

import base64
import re
import tempfile
from pathlib import Path

from artefacts import Judge, command

TRUSTED = "Verified. The certificate is trusted."
PROFILE = ("--verify-profile", "medium")

judge = Judge("gnutls")
artefacts = judge.artefacts


def verdict(output: str) -> str:
    """certtool prints one verdict a certificate and then the chain's, which counts."""
    return output.rpartition("erification output:")[2].strip().partition("\n")[0]


def write_pem(crl: Path, folder: Path) -> Path:
    """certtool reads a CRL and its issuer in one encoding only, and the issuers are PEM."""
    lines = base64.encodebytes(crl.read_bytes()).decode()
    path = folder / (crl.name + ".pem")
    path.write_text(f"-----BEGIN X509 CRL-----\n{lines}-----END X509 CRL-----\n")
    return path


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    crl_files = {crl["path"]: write_pem(crl["path"], folder) for crl in artefacts.crls}

    for certificate in artefacts.certificates:
        for ca, issuer in artefacts.issuers.items():
            chain = folder / "chain.pem"
            chain.write_text(certificate["path"].read_text() + issuer.read_text())
            status, output = command("certtool", "--verify-chain", *PROFILE, "--infile", chain)
            accepted = status == 0 and verdict(output).startswith(TRUSTED)
            judge.expect(accepted == (ca == certificate["ca"]), certificate["path"], f"with issuer {ca}: {verdict(output)}")
        for crl in artefacts.crls:
            # GnuTLS does not compare a CRL's scope with the certificate: only what a CRL lists is put to it.
            if crl["ca"] != certificate["ca"] or certificate["serial"] not in crl["lists"] + crl["omits"]:
                continue
            issuer = artefacts.issuers[crl["ca"]]
            status, output = command(
                "certtool", "--verify", *PROFILE, "--load-ca-certificate", issuer, "--load-crl", crl_files[crl["path"]],
                "--infile", certificate["path"],
            )  # fmt: skip
            if certificate["serial"] in crl["lists"]:
                refused = status != 0 and "revoked" in verdict(output)
                judge.expect(refused, certificate["path"], f"not refused with {crl['path'].name}: {verdict(output)}")
            else:
                accepted = status == 0 and verdict(output).startswith(TRUSTED)
                judge.expect(accepted, certificate["path"], f"not accepted with {crl['path'].name}: {verdict(output)}")

    for crl in artefacts.crls:
        for ca, issuer in artefacts.issuers.items():
            status, output = command(
                "certtool", "--verify-crl", "--load-ca-certificate", issuer, "--infile", crl_files[crl["path"]]
            )
            accepted = status == 0 and verdict(output).startswith(TRUSTED)
            judge.expect(accepted == (ca == crl["ca"]), crl["path"], f"with issuer {ca}: {verdict(output)}")
        status, output = command("certtool", "--crl-info", "--inder", "--infile", crl["path"])
        judge.expect(status == 0 and "Version: 2" in output, crl["path"], output)
        judge.expect("CRL Number (not critical)" in output, crl["path"], "no CRL number")
        judge.expect("Authority Key Identifier (not critical)" in output, crl["path"], "no authority key identifier")
        serials = {str(int(found, 16)) for found in re.findall(r"Serial Number \(hex\): ([0-9a-fA-F]+)", output)}
        judge.expect(serials >= set(crl["lists"]), crl["path"], f"does not list {crl['lists']}")
        judge.expect(not serials & set(crl["omits"]), crl["path"], f"lists one of {crl['omits']}")
        judge.expect(not crl["empty"] or "No revoked certificates." in output, crl["path"], "is not empty")

for answer in artefacts.ocsp:
    for ca, issuer in artefacts.issuers.items():
        status, output = command(
            "ocsptool", "--verify-response", "--load-trust", issuer, "--load-response", answer["response"]
        )
        accepted = "Verifying OCSP Response: Success." in output
        judge.expect(accepted == (ca == answer["ca"]), answer["response"], f"with issuer {ca}: {output[-200:]}")
    status, output = command("ocsptool", "--response-info", "--load-response", answer["response"])
    judge.expect(f"Certificate Status: {answer['status']}" in output, answer["response"], f"not {answer['status']}: {output}")
    serial = re.search(r"Serial Number: ([0-9a-f]+)", output)
    judge.expect(serial and str(int(serial.group(1), 16)) == answer["serial"], answer["response"], "another serial")
    judge.expect(not answer["nonce"] or "Nonce:" in output, answer["response"], "no nonce")
    judge.expect("Next Update:" in output, answer["response"], "no next update")

judge.close()

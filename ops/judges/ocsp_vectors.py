"""Published OCSP requests: our decoder reads each field as `cryptography` and asn1crypto do, and writes it again octet for octet.

The vectors are those of PyPI's cryptography-vectors; the example of RFC 9919 is in pki/src/ocsp/published.rs.
Usage: ocsp_vectors.py OCSP_REQUEST, the program of pki/examples/ocsp_request.rs.
"""

import json
import subprocess
import sys
from pathlib import Path

import cryptography_vectors
from asn1crypto import ocsp as asn1
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import DuplicateExtension, ocsp

FOLDER = Path(cryptography_vectors.__file__).parent / "x509" / "ocsp"
REFUSED = {
    # `cryptography` refuses the same when it is asked for the extensions.
    "req-duplicate-ext.der": "the request has two nonces",
    "req-invalid-version.der": "the request's version is not v1",
}
"""Requests that we refuse, with what is said."""
WITH_MORE = {"req-acceptable-responses.der", "req-ext-unknown-oid.der"}
"""Requests with extensions that our writer is not told of, so that it writes less."""
NOT_OURS = {"req-invalid-hash-alg.der"}
"""Requests by a digest that nobody knows: read, and answered unauthorized."""


class Wrong(Exception):
    """Our decoder and another one do not say the same."""


def expect(name: str, what: str, ours: object, theirs: object) -> None:
    if ours != theirs:
        raise Wrong(f"{name}: {what}: ours {ours!r}, theirs {theirs!r}")


def signed(octets: str) -> int:
    return int.from_bytes(bytes.fromhex(octets), "big", signed=True)


def compare_with_asn1crypto(name: str, read: dict, octets: bytes) -> None:
    """Every CertID, and the nonce if it is of a length that is echoed."""
    request = asn1.OCSPRequest.load(octets, strict=True)["tbs_request"]
    expect(name, "how many CertIDs", len(read["cert_ids"]), len(request["request_list"]))
    for ours, theirs in zip(read["cert_ids"], request["request_list"], strict=True):
        theirs = theirs["req_cert"]
        digest = None if name in NOT_OURS else theirs["hash_algorithm"]["algorithm"].dotted
        expect(name, "digest", ours["digest"], digest)
        expect(name, "issuerNameHash", ours["issuer_name_hash"], theirs["issuer_name_hash"].native.hex())
        expect(name, "issuerKeyHash", ours["issuer_key_hash"], theirs["issuer_key_hash"].native.hex())
        expect(name, "serialNumber", ours["serial_octets"], theirs["serial_number"].contents.hex())
    nonces = [one["extn_value"].parsed for one in request["request_extensions"] or [] if one["extn_id"].native == "nonce"]
    expect(name, "nonce", read["nonce"], nonces[0].native.hex() if nonces else None)


def compare_with_cryptography(name: str, read: dict, octets: bytes) -> None:
    """It knows requests about one certificate."""
    if len(read["cert_ids"]) != 1:
        return
    request, ours = ocsp.load_der_ocsp_request(octets), read["cert_ids"][0]
    expect(name, "serialNumber", signed(ours["serial_octets"]), request.serial_number)
    expect(name, "issuerNameHash", ours["issuer_name_hash"], request.issuer_name_hash.hex())
    expect(name, "issuerKeyHash", ours["issuer_key_hash"], request.issuer_key_hash.hex())
    try:
        digest = request.hash_algorithm.name
    except UnsupportedAlgorithm:
        digest = None
    expect(name, "digest", ours["digest"] is None, digest is None)
    nonces = [one.value.nonce.hex() for one in request.extensions if hasattr(one.value, "nonce")]
    expect(name, "nonce", read["nonce"], nonces[0] if nonces else None)


def refuses(octets: bytes) -> bool:
    """`cryptography` refuses it, at once or when it is asked for the extensions."""
    try:
        ocsp.load_der_ocsp_request(octets).extensions
    except (ValueError, DuplicateExtension):
        return True
    return False


def compare(name: str, read: dict, octets: bytes) -> None:
    expect(name, "refusal", read.get("error"), REFUSED.get(name))
    if "error" in read:
        expect(name, "refusal", True, refuses(octets))
        return
    compare_with_asn1crypto(name, read, octets)
    compare_with_cryptography(name, read, octets)
    expect(name, "what is written is shorter", len(read["written"]) // 2 < len(octets), name in WITH_MORE)
    if name not in WITH_MORE:
        expect(name, "what is written", read["written"], octets.hex())


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    paths = sorted(FOLDER.glob("*req*.der"))
    missing = (REFUSED.keys() | WITH_MORE | NOT_OURS) - {path.name for path in paths}
    if missing or len(paths) < 11:
        sys.exit(f"cryptography-vectors has {len(paths)} requests, and not {missing}")
    done = subprocess.run([sys.argv[1], *paths], capture_output=True, text=True, check=True, timeout=60)
    try:
        for path, line in zip(paths, done.stdout.splitlines(), strict=True):
            compare(path.name, json.loads(line), path.read_bytes())
    except Wrong as wrong:
        sys.exit(f"ocsp vectors: {wrong}")
    print(f"ocsp vectors: {len(paths)} requests are read as others read them")


if __name__ == "__main__":
    main()

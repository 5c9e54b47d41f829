"""Python's `cryptography`: its own parsers (in Rust) over everything, signatures, and what the fields have to say."""

import datetime
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from artefacts import Judge

DIGESTS = {"sha1": (hashes.SHA1, hashlib.sha1), "sha256": (hashes.SHA256, hashlib.sha256)}
OTHER_NAME_OIDS = [f"1.2.392.200149.8.5.5.{suffix}" for suffix in (1, 4, 3, 5, 2, 6)]
"""Facts 1.3: the six otherNames of a signature certificate, in this order."""
ORDERS = {
    "sign": [
        ExtensionOID.KEY_USAGE, ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME, ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS, ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ],
    "auth": [
        ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE, ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME, ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS, ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ],
}  # fmt: skip
"""Facts 1.3 and 1.4, with the default profile's access information in the signature certificate, too."""
JAPAN = datetime.timezone(datetime.timedelta(hours=9))

judge = Judge("cryptography")
artefacts = judge.artefacts
issuers = {ca: x509.load_pem_x509_certificate(path.read_bytes()) for ca, path in artefacts.issuers.items()}


def signed_by(key, signature: bytes, octets: bytes, digest) -> bool:
    try:
        match key:
            case rsa.RSAPublicKey():
                key.verify(signature, octets, padding.PKCS1v15(), digest)
            case ec.EllipticCurvePublicKey():
                key.verify(signature, octets, ec.ECDSA(digest))
            case _:
                return False
    except Exception:  # `cryptography` raises InvalidSignature, and ValueError for sizes that cannot be right
        return False
    return True


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # ValueError, TypeError or InvalidSignature: each is a no
        return False
    return True


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind)


def judge_certificate(item: dict) -> None:
    path, ca = item["path"], item["ca"]
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    issuer = issuers[ca]
    judge.expect(issued_by(certificate, issuer), path, "not issued by its CA")
    judge.expect(str(certificate.serial_number) == item["serial"], path, f"serial {certificate.serial_number}")
    order = [found.oid for found in certificate.extensions]
    judge.expect(order == ORDERS[ca], path, f"extensions in this order: {[oid._name for oid in order]}")
    last_second = certificate.not_valid_after_utc.astimezone(JAPAN).time()
    judge.expect(last_second == datetime.time(23, 59, 59), path, f"ends at {last_second} in Japan")
    usage = extension(certificate, x509.KeyUsage)
    judge.expect(usage.critical and usage.value.digital_signature, path, "key usage is not as facts 1.3 and 1.4 say")
    judge.expect(usage.value.content_commitment == (ca == "sign"), path, "nonRepudiation is for signatures alone")
    key_identifier = extension(issuer, x509.SubjectKeyIdentifier).value.digest
    authority = extension(certificate, x509.AuthorityKeyIdentifier).value
    judge.expect(authority.key_identifier == key_identifier, path, "authority key identifier is not the CA's")
    judge.expect(authority.authority_cert_serial_number == issuer.serial_number, path, "authority serial is not the CA's")
    own = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    judge.expect(extension(certificate, x509.SubjectKeyIdentifier).value.digest == own, path, "subject key identifier")
    if ca == "sign":
        names = list(extension(certificate, x509.SubjectAlternativeName).value)
        oids = [name.type_id.dotted_string for name in names if isinstance(name, x509.OtherName)]
        judge.expect(oids == OTHER_NAME_OIDS and len(names) == len(oids), path, f"otherNames are {oids}")


def judge_crl(item: dict) -> None:
    path, issuer = item["path"], issuers[item["ca"]]
    crl = x509.load_der_x509_crl(path.read_bytes())
    judge.expect(crl.issuer.public_bytes() == issuer.subject.public_bytes(), path, "issuer's name is encoded otherwise")
    judge.expect(crl.is_signature_valid(issuer.public_key()), path, "signature")
    judge.expect(crl.next_update_utc - crl.last_update_utc > datetime.timedelta(hours=24), path, "too short a validity")
    authority = extension(crl, x509.AuthorityKeyIdentifier).value.key_identifier
    judge.expect(authority == extension(issuer, x509.SubjectKeyIdentifier).value.digest, path, "authority key identifier")
    judge.expect(extension(crl, x509.CRLNumber).value.crl_number > 0, path, "CRL number")
    serials = [str(revoked.serial_number) for revoked in crl]
    judge.expect(len(serials) == len(set(serials)), path, "a serial is listed twice")
    judge.expect(set(serials) >= set(item["lists"]), path, f"does not list {item['lists']}")
    judge.expect(not set(serials) & set(item["omits"]), path, f"lists one of {item['omits']}")
    judge.expect(not item["empty"] or not serials, path, "is not empty")
    for revoked in crl:
        reasons = [found.value.reason for found in revoked.extensions if isinstance(found.value, x509.CRLReason)]
        judge.expect(x509.ReasonFlags.unspecified not in reasons, path, "reason 0 is written (RFC 5280 §5.3.1: left out)")
    scopes = [found for found in crl.extensions if found.oid == ExtensionOID.ISSUING_DISTRIBUTION_POINT]
    judge.expect(all(found.critical for found in scopes), path, "its scope is not critical")
    if item["scope"] == "full":
        judge.expect(all(found.value.full_name is None for found in scopes), path, "a full CRL that names a partition")
        return
    judge.expect(len(scopes) == 1, path, "a municipality's CRL without its scope")
    for certificate in artefacts.certificates:
        if certificate["ca"] == item["ca"] and certificate["serial"] in item["lists"]:
            leaf = x509.load_pem_x509_certificate(certificate["path"].read_bytes())
            (point,) = extension(leaf, x509.CRLDistributionPoints).value
            same = list(point.full_name) == list(scopes[0].value.full_name)
            judge.expect(same, path, "its scope is not the distribution point of what it lists (RFC 5280 §5.2.5)")


def judge_ocsp(item: dict) -> None:
    path, issuer = item["response"], issuers[item["ca"]]
    response = ocsp.load_der_ocsp_response(path.read_bytes())
    request = ocsp.load_der_ocsp_request(item["request"].read_bytes())
    judge.expect(response.response_status == ocsp.OCSPResponseStatus.SUCCESSFUL, path, str(response.response_status))
    algorithm, hasher = DIGESTS[item["digest"]]
    (single,) = response.responses
    judge.expect(isinstance(single.hash_algorithm, algorithm), path, f"CertID uses {single.hash_algorithm.name}")
    judge.expect(single.issuer_name_hash == hasher(issuer.subject.public_bytes()).digest(), path, "issuer name hash")
    judge.expect(single.issuer_key_hash == request.issuer_key_hash, path, "issuer key hash")
    judge.expect(str(single.serial_number) == item["serial"] == str(request.serial_number), path, "serial")
    judge.expect(single.certificate_status.name.lower() == item["status"], path, f"says {single.certificate_status}")
    (responder,) = response.certificates
    judge.expect(issued_by(responder, issuer), path, "the responder's certificate is not from the CA (RFC 6960 §4.2.2.2)")
    usages = extension(responder, x509.ExtendedKeyUsage).value
    judge.expect(list(usages) == [ExtendedKeyUsageOID.OCSP_SIGNING], path, "the responder may do more than sign OCSP")
    signed = signed_by(responder.public_key(), response.signature, response.tbs_response_bytes, response.signature_hash_algorithm)
    judge.expect(signed, path, "signature")
    key_hash = x509.SubjectKeyIdentifier.from_public_key(responder.public_key()).digest
    judge.expect(response.responder_key_hash == key_hash, path, "the responder is not named by its key (RFC 9919 §3.2.2)")
    judge.expect(single.this_update_utc <= response.produced_at_utc < single.next_update_utc, path, "times out of order")
    judge.expect(single.next_update_utc <= responder.not_valid_after_utc, path, "outlives its responder's certificate")
    sent = [found.value.nonce for found in request.extensions if isinstance(found.value, x509.OCSPNonce)]
    came = [found.value.nonce for found in response.extensions if isinstance(found.value, x509.OCSPNonce)]
    judge.expect(sent == came and len(sent) == item["nonce"], path, "nonce")


for ca, root in issuers.items():
    judge.expect(issued_by(root, root), artefacts.issuers[ca], "not signed by itself")
for judge_one, items in (
    (judge_certificate, artefacts.certificates),
    (judge_crl, artefacts.crls),
    (judge_ocsp, artefacts.ocsp),
):
    for item in items:
        try:
            judge_one(item)
        except (x509.ExtensionNotFound, ValueError) as error:  # ValueError: does not parse, or not one of what is one
            judge.expect(False, item.get("path") or item["response"], f"{type(error).__name__}: {error}")
judge.close()

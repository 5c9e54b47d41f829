"""Python's `cryptography`: its own parsers (in Rust) over everything, signatures, and what the fields have to say."""

import base64
import datetime
import hashlib
import json
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID as ACCESS
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, SignatureAlgorithmOID

from sandbox import CAS, EVERY_CRL, EVERY_CA_CRL, EVERY_DELTA, EVERY_STATUS, PREFERENCES, WAYS_TO_ASK
from sandbox import Certificate, Crl, Delta, Judge, http

DIGESTS = {"sha1": (hashes.SHA1, hashlib.sha1), "sha256": (hashes.SHA256, hashlib.sha256)}
JAPAN = datetime.timezone(datetime.timedelta(hours=9))
NONCE_OCTETS = 32
OTHER_NAME_OIDS = [f"1.2.392.200149.8.5.5.{suffix}" for suffix in (1, 4, 3, 5, 2, 6)]
"""Facts 1.3: the six otherNames of a signature certificate, in this order."""
SECOND = {"sign": ExtensionOID.SUBJECT_ALTERNATIVE_NAME, "auth": ExtensionOID.EXTENDED_KEY_USAGE}
"""Facts 1.3 and 1.4: the two kinds of certificates differ in their second extension."""

PREFERRED_SIGNATURE_ALGORITHMS = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.8")
SIGNED_WITH = {"RSA": SignatureAlgorithmOID.RSA_WITH_SHA256, "ECDSA": SignatureAlgorithmOID.ECDSA_WITH_SHA256}

judge = Judge("cryptography")
issuers = {path: x509.load_pem_x509_certificate(path.read_bytes()) for path in judge.issuers.values()}


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


def judge_certificate(item: Certificate) -> None:
    judge.judged(item)
    path, issuer = item.path, issuers[item.issuer]
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    judge.expect(issued_by(certificate, issuer), path, "not issued by its CA")
    judge.expect(str(certificate.serial_number) == item.serial, path, f"serial {certificate.serial_number}")
    last_second = certificate.not_valid_after_utc.astimezone(JAPAN).time()
    judge.expect(last_second == datetime.time(23, 59, 59), path, f"ends at {last_second} in Japan")
    over = certificate.not_valid_after_utc < datetime.datetime.now(datetime.timezone.utc)
    judge.expect(over == (item.status == "expired"), path, f"{item.status}, and ends {certificate.not_valid_after_utc}")
    usage = extension(certificate, x509.KeyUsage)
    judge.expect(usage.critical and usage.value.digital_signature, path, "key usage is not as facts 1.3 and 1.4 say")
    judge.expect(usage.value.content_commitment == (item.kind == "sign"), path, "nonRepudiation is for signatures alone")
    authority = extension(certificate, x509.AuthorityKeyIdentifier).value
    key_identifier = extension(issuer, x509.SubjectKeyIdentifier).value.digest
    judge.expect(authority.key_identifier == key_identifier, path, "authority key identifier is not the CA's")
    # With the serial of one CA certificate in it, no path through a link would be taken; today's cards have it all the same.
    named = issuer.serial_number if judge.content["layout"] == "jpki-exact" else None
    judge.expect(authority.authority_cert_serial_number == named, path, "authority serial is not as the layout has it")
    own = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    judge.expect(extension(certificate, x509.SubjectKeyIdentifier).value.digest == own, path, "subject key identifier")
    key = serialization.load_pem_private_key(item.key_path.read_bytes(), None)
    judge.expect(key.public_key() == certificate.public_key(), path, "its key is not the one that the request was made with")
    if item.kind == "sign":
        names = list(extension(certificate, x509.SubjectAlternativeName).value)
        oids = [name.type_id.dotted_string for name in names if isinstance(name, x509.OtherName)]
        judge.expect(oids == OTHER_NAME_OIDS and len(names) == len(oids), path, f"otherNames are {oids}")
    if judge.content["layout"] == "default":
        judge_default_layout(item, certificate)


def judge_default_layout(item: Certificate, certificate: x509.Certificate) -> None:
    """It tells whoever has a certificate where to ask about it."""
    order = [found.oid for found in certificate.extensions]
    expected = [
        ExtensionOID.KEY_USAGE, SECOND[item.kind], ExtensionOID.CERTIFICATE_POLICIES, ExtensionOID.ISSUER_ALTERNATIVE_NAME,
        ExtensionOID.CRL_DISTRIBUTION_POINTS, ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ]  # fmt: skip
    judge.expect(order == expected, item.path, f"extensions in this order: {[oid._name for oid in order]}")
    access = {one.access_method: one.access_location.value for one in extension(certificate, x509.AuthorityInformationAccess).value}
    responder, issuer = (access.pop(method, "") for method in (ACCESS.OCSP, ACCESS.CA_ISSUERS))
    judge.expect(responder == judge.content["ocsp"][item.ca] and not access, item.path, f"names the responder {responder}")
    der = issuers[item.issuer].public_bytes(serialization.Encoding.DER)
    judge.expect(http(issuer).body == der, item.path, f"its CA's certificate is not at {issuer}")
    (point,) = extension(certificate, x509.CRLDistributionPoints).value
    addresses = [name.value for name in point.full_name if isinstance(name, x509.UniformResourceIdentifier)]
    expected = judge.content["crl"][item.ca][str(item.key)]["partition"][item.municipality]
    judge.expect(addresses == [expected], item.path, f"its distribution point names {addresses}")


def judge_crl(item: Crl) -> None:
    judge.judged(item)
    path, issuer = item.path, issuers[item.issuer]
    crl = x509.load_der_x509_crl(path.read_bytes())
    judge.expect(crl.issuer.public_bytes() == issuer.subject.public_bytes(), path, "issuer's name is encoded otherwise")
    judge.expect(crl.is_signature_valid(issuer.public_key()), path, "signature")
    judge.expect(crl.next_update_utc - crl.last_update_utc > datetime.timedelta(hours=24), path, "too short a validity")
    authority = extension(crl, x509.AuthorityKeyIdentifier).value.key_identifier
    judge.expect(authority == extension(issuer, x509.SubjectKeyIdentifier).value.digest, path, "authority key identifier")
    judge.expect(extension(crl, x509.CRLNumber).value.crl_number > 0, path, "CRL number")
    listed = [str(revoked.serial_number) for revoked in crl]
    judge.expect(len(listed) == len(set(listed)), path, "a serial is listed twice")
    judge.expect(set(listed) == item.lists, path, f"lists {sorted(listed)} and not {sorted(item.lists)}")
    ours = {one.serial: one for one in judge.certificates if one.issuer == item.issuer}
    for revoked in crl:
        reasons = [found.value.reason.value for found in revoked.extensions if isinstance(found.value, x509.CRLReason)]
        judge.expect("unspecified" not in reasons, path, "reason 0 is written (RFC 5280 §5.3.1: left out)")
        if certificate := ours.get(str(revoked.serial_number)):
            expected = [certificate.crl_reason] if certificate.crl_reason else []
            judge.expect(reasons == expected, path, f"serial {certificate.serial}: reason {reasons}, not {expected}")
            since = revoked.revocation_date_utc
            judge.expect(since == certificate.since, path, f"serial {certificate.serial}: since {since}, not {certificate.since}")
    scopes = [found for found in crl.extensions if found.oid == ExtensionOID.ISSUING_DISTRIBUTION_POINT]
    judge.expect(all(found.critical for found in scopes), path, "its scope is not critical")
    of_cas, of_persons = (item.kind == "ca"), (item.kind != "ca")
    said = [(found.value.only_contains_ca_certs, found.value.only_contains_user_certs) for found in scopes]
    judge.expect(said == [(of_cas, of_persons)], item.path, f"of CA certificates, of others: {said}")
    if item.municipality is None:
        judge.expect(all(found.value.full_name is None for found in scopes), path, "a full CRL that names a partition")
        return
    judge.expect(len(scopes) == 1, path, "a municipality's CRL without its scope")
    for certificate in judge.certificates:
        if certificate.issuer == item.issuer and certificate.municipality == item.municipality:
            leaf = x509.load_pem_x509_certificate(certificate.path.read_bytes())
            (point,) = extension(leaf, x509.CRLDistributionPoints).value
            same = list(point.full_name) == list(scopes[0].value.full_name)
            judge.expect(same, path, "its scope is not the distribution point of its certificates (RFC 5280 §5.2.5)")


def judge_delta(item: Delta) -> None:
    """RFC 5280 §5.2.4: the full CRL of the cut before and the delta say what the new full CRL says."""
    judge.judged(item)
    issuer = issuers[item.issuer]
    delta, base, full = (x509.load_der_x509_crl(path.read_bytes()) for path in (item.path, item.base, item.full))
    judge.expect(delta.is_signature_valid(issuer.public_key()), item.path, "signature")
    number, of_full, of_base = (extension(crl, x509.CRLNumber).value.crl_number for crl in (delta, full, base))
    indicator = extension(delta, x509.DeltaCRLIndicator)
    judge.expect(indicator.critical and indicator.value.crl_number == of_base == item.base_number, item.path, "its base")
    judge.expect(number == of_full > of_base, item.path, f"numbers {number}, {of_full} and {of_base}")
    for kind in (x509.AuthorityKeyIdentifier, x509.IssuingDistributionPoint):
        judge.expect(extension(delta, kind) == extension(base, kind) == extension(full, kind), item.path, f"another {kind.__name__}")
    judge.expect(delta.issuer == base.issuer and delta.last_update_utc == full.last_update_utc, item.path, "issuer or time")
    judge.expect(all(found.oid != ExtensionOID.FRESHEST_CRL for found in delta.extensions), item.path, "has a freshestCRL")
    freshest = extension(full, x509.FreshestCRL)  # cryptography judges the default layout alone, which has one
    (point,) = freshest.value
    addresses = [name.value for name in point.full_name]
    right = addresses == [item.url] and not (freshest.critical or point.reasons or point.crl_issuer)
    judge.expect(right, item.full, f"its freshestCRL names {addresses}")

    def entries(crl):
        reasons = [[found.value.reason.value for found in one.extensions if isinstance(found.value, x509.CRLReason)] for one in crl]
        return {one.serial_number: (one.revocation_date_utc, reason) for one, reason in zip(crl, reasons, strict=True)}

    combined = entries(base)
    for serial, (since, reason) in entries(delta).items():
        removed = reason == ["removeFromCRL"]
        same = combined.pop(serial, None) == (since, reason)
        judge.expect(not same, item.path, f"serial {serial} is as it was")
        if not removed:
            combined[serial] = (since, reason)
    judge.expect(combined == entries(full), item.path, "with its base it is not the full CRL")


def judge_ocsp(item: Certificate, digest: str, nonce: bool) -> None:
    path, issuer = item.path, issuers[item.issuer]
    algorithm, hasher = DIGESTS[digest]
    builder = ocsp.OCSPRequestBuilder()
    builder = builder.add_certificate(x509.load_pem_x509_certificate(path.read_bytes()), issuer, algorithm())
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(os.urandom(NONCE_OCTETS)), critical=False)
    request = builder.build()
    octets = request.public_bytes(serialization.Encoding.DER)
    answer = http(judge.content["ocsp"][item.ca], octets, content_type="application/ocsp-request")
    response = ocsp.load_der_ocsp_response(answer.body)
    judge.expect(response.response_status == ocsp.OCSPResponseStatus.SUCCESSFUL, path, str(response.response_status))
    (single,) = response.responses
    judge.expect(isinstance(single.hash_algorithm, algorithm), path, f"CertID uses {single.hash_algorithm.name}")
    judge.expect(single.issuer_name_hash == hasher(issuer.subject.public_bytes()).digest(), path, "issuer name hash")
    judge.expect(single.issuer_key_hash == request.issuer_key_hash, path, "issuer key hash")
    judge.expect(str(single.serial_number) == item.serial, path, "answers about another serial")
    expected = ocsp.OCSPCertStatus.REVOKED if item.withdrawn else ocsp.OCSPCertStatus.GOOD
    judge.expect(single.certificate_status == expected, path, f"{item.status}, and says {single.certificate_status}")
    judge.expect(single.revocation_time_utc == item.since, path, f"since {single.revocation_time_utc}, not {item.since}")
    reason = single.revocation_reason and single.revocation_reason.value
    judge.expect(reason == item.crl_reason, path, f"reason {reason}, not {item.crl_reason}")
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
    judge.expect(sent == came and len(sent) == nonce, path, "nonce")


def judge_unissued(ca: str, serial: str) -> None:
    """Never good: not signed, or signed and unknown."""
    issuer = issuers[judge.issuers[ca, 1]]
    name, key = issuer.subject.public_bytes(), extension(issuer, x509.SubjectKeyIdentifier).value.digest
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        hashlib.sha1(name).digest(), key, int(serial), hashes.SHA1()
    )
    octets = builder.build().public_bytes(serialization.Encoding.DER)
    response = ocsp.load_der_ocsp_response(http(judge.content["ocsp"][ca], octets, content_type="application/ocsp-request").body)
    if response.response_status == ocsp.OCSPResponseStatus.SUCCESSFUL:
        (single,) = response.responses
        judge.expect(single.certificate_status == ocsp.OCSPCertStatus.UNKNOWN, f"{ca} serial {serial}", "never issued")
    else:
        judge.expect(response.response_status == ocsp.OCSPResponseStatus.UNAUTHORIZED, f"{ca} serial {serial}", "never issued")
    judge.judged(f"unissued serials of {ca}")


def judge_several(ca: str) -> None:
    response, words = judge.ask_about_several(ca)
    answer = ocsp.load_der_ocsp_response(response.read_bytes())
    said = {str(single.serial_number): single.certificate_status.name.lower() for single in answer.responses}
    judge.expect(said == words, f"several of {ca}", f"says {said}, not {words}")
    (responder,) = answer.certificates
    signed = signed_by(responder.public_key(), answer.signature, answer.tbs_response_bytes, answer.signature_hash_algorithm)
    judge.expect(signed, f"several of {ca}", "signature")
    refused = ocsp.load_der_ocsp_response(judge.ask_nonsense(ca).read_bytes())
    malformed = refused.response_status == ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    judge.expect(malformed, f"nonsense to {ca}", str(refused.response_status))
    judge.judged(f"several of {ca}")


def judge_preferences(item: Certificate) -> None:
    """RFC 6960 §4.4.7: who prefers RSA or ECDSA is answered by a delegate of it."""
    issuer = issuers[item.issuer]
    for word, algorithm in SIGNED_WITH.items():
        builder = ocsp.OCSPRequestBuilder()
        builder = builder.add_certificate(x509.load_pem_x509_certificate(item.path.read_bytes()), issuer, hashes.SHA256())
        extension = x509.UnrecognizedExtension(PREFERRED_SIGNATURE_ALGORITHMS, PREFERENCES[word])
        octets = builder.add_extension(extension, critical=False).build().public_bytes(serialization.Encoding.DER)
        answer = http(judge.content["ocsp"][item.ca], octets, content_type="application/ocsp-request")
        response = ocsp.load_der_ocsp_response(answer.body)
        said = response.signature_algorithm_oid
        judge.expect(said == algorithm, item.path, f"signed with {said}, and {algorithm} was preferred")
        (responder,) = response.certificates
        judge.expect(issued_by(responder, issuer), item.path, "the preferred delegate's certificate is not from the CA")
        signed = signed_by(responder.public_key(), response.signature, response.tbs_response_bytes, hashes.SHA256())
        judge.expect(signed, item.path, "the preferred delegate's signature")
    judge.judged(f"preferences at {item.ca}")


def judge_manifest(crls: list[Crl], deltas: list[Delta]) -> None:
    """The signed list of the cut: JWS, flattened JSON (RFC 7515 §7.2.2), checked with the key that the CA serves."""
    url = judge.content["manifest_url"]
    manifest = json.loads(http(url).body)
    header, payload = json.loads(decode(manifest["protected"])), json.loads(decode(manifest["payload"]))
    key = serialization.load_pem_public_key(http(f"{judge.content['public_url']}/certs/manifest/1.pem").body)
    judge.expect(header["alg"] == "RS256", url, f"algorithm {header['alg']}")
    signed = f"{manifest['protected']}.{manifest['payload']}".encode()
    judge.expect(signed_by(key, decode(manifest["signature"]), signed, hashes.SHA256()), url, "signature")
    files = {(file["ca"], file["key"], file["partition"]): file for file in payload["files"]}
    for item in [*crls, *deltas]:
        partition = "delta" if isinstance(item, Delta) else item.municipality or item.kind
        octets, file = item.path.read_bytes(), files.get((item.ca, item.key, partition), {})
        judge.expect(file.get("size") == len(octets), item.path, f"the manifest says {file.get('size')} octets")
        judge.expect(file.get("sha256") == hashlib.sha256(octets).hexdigest(), item.path, "the manifest says another SHA-256")
        immutable = http(judge.content["public_url"] + file.get("url", ""))
        judge.expect(immutable.body == octets, item.path, "the address that never changes answers with something else")
    judge.judged("manifest")


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def guarded(judge_one, item, *more) -> None:
    try:
        judge_one(item, *more)
    except (x509.ExtensionNotFound, ValueError) as error:  # ValueError: does not parse, or not one of what is one
        judge.expect(False, item.path, f"{type(error).__name__}: {error}")


for path, root in issuers.items():
    judge.expect(issued_by(root, root), path, "not signed by itself")
crls = [*judge.pull_crls(), *judge.pull_ca_crls()]
for crl in crls:
    guarded(judge_crl, crl)
deltas = judge.pull_deltas()
for delta in deltas:
    guarded(judge_delta, delta)
for certificate in judge.certificates:
    guarded(judge_certificate, certificate)
    for digest, nonce in WAYS_TO_ASK:
        guarded(judge_ocsp, certificate, digest, nonce)
for ca, serials in judge.content["unissued_serials"].items():
    for serial in serials:
        judge_unissued(ca, serial)
for ca in CAS:
    judge_several(ca)
    guarded(judge_preferences, next(one for one in judge.certificates if (one.ca, one.status) == (ca, "good")))
judge_manifest(crls, deltas)
kinds = ("unissued serials of", "several of", "preferences at")
of_each_ca = [f"{kind} {ca}" for kind in kinds for ca in CAS]
judge.close([*EVERY_STATUS, *EVERY_CRL, *EVERY_CA_CRL, *EVERY_DELTA, *of_each_ca, "manifest"])

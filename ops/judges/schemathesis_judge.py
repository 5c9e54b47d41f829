"""Schemathesis: what each door answers against the OpenAPI document that it serves, to calls that fit it and calls that do not.

The sandbox is not the same afterwards: parties are registered, and invented people come and move. Its limit of refusals must be
raised (`api.refusals_per_minute_max`), or nothing but 429 would be judged after the first seconds.
"""

import base64
import json
import subprocess
import sys
import urllib.parse
from collections import Counter
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from sandbox import Judge
from schemathesis_scene import Client, Scene, new_key

CLIENTS = {"operators": "operator", "desk": "desk", "hotline": "hotline", "residents": "residents", "admin": "admin"}
"""Whose door it is. Operators first, while the person's certificate is good; the administrators, who suspend others, last."""
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
]
EXAMPLES = 60
"""Random calls an operation, besides those that Schemathesis derives from each constraint: all doors in about a minute."""
LINES = {"report_batch"}
"""Takes and answers JSON Lines, which Schemathesis does not speak: one call is made by hand."""
OCSP = {"ask_ocsp", "ask_ocsp_by_get"}
"""OCSP is not Schemathesis's either; the other judges look at its answers. One question is asked by hand."""
SLOW = {"publish_cut"}
"""Makes and signs all of the country's CRLs each time, so it is judged with its example and with refused calls alone."""


def operations(document: dict):
    """Path, method and operation of each call."""
    for path, item in document["paths"].items():
        for method in ("get", "post"):
            if method in item:
                yield path, method, item[method]


def with_examples(document: dict, examples: dict) -> dict:
    """The document with one example a call that this sandbox must answer with success."""
    for _, method, operation in operations(document):
        if operation["operationId"] in OCSP:
            continue
        in_path, body = examples.get(operation["operationId"], ({}, None))
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                parameter["example"] = in_path[parameter["name"]]
            if parameter["name"] == "Idempotency-Key":
                parameter["example"] = new_key()
                parameter["schema"].pop("examples", None)
        if method == "post":
            for content in operation["requestBody"]["content"].values():
                content["example"] = body
    return document


def run(judge: Judge, client: Client, document: Path, *options: str) -> list[tuple[str, str, int]]:
    """Runs Schemathesis on a document; method, path and status of each call that it made."""
    har = document.with_suffix(".har")
    arguments = [Path(sys.executable).parent / "st", "run", document, "--url", judge.content["api_url"]]
    arguments += ["--request-cert", client.certificate, "--request-cert-key", client.key, "--tls-verify", client.trusts]
    arguments += ["--checks", ",".join(CHECKS), "--max-examples", EXAMPLES, "--seed", "1", "--generation-deterministic"]
    arguments += ["--suppress-health-check", "all", "--warnings", "off", "--no-color"]
    arguments += ["--continue-on-failure", "--report", "har", "--report-har-path", har, *options]
    done = subprocess.run([str(one) for one in arguments], capture_output=True, text=True, timeout=300, cwd=judge.scratch)
    judge.expect(done.returncode == 0, document, f"Schemathesis ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    entries = json.loads(har.read_text())["log"]["entries"] if har.exists() else []
    base = judge.content["api_url"]
    return [
        (entry["request"]["method"].lower(), entry["request"]["url"].removeprefix(base).split("?")[0], entry["response"]["status"])
        for entry in entries
    ]


def is_at(template: str, path: str) -> bool:
    told, given = template.split("/"), path.split("/")
    return len(told) == len(given) and all(a.startswith("{") or a == b for a, b in zip(told, given))


def judge_door(judge: Judge, scene: Scene, door: str, client: Client) -> None:
    document = client.call("GET", f"/{door}/v1/openapi.json")
    document = with_examples(document, scene.examples(door))
    path = judge.scratch / f"{door}.json"
    path.write_text(json.dumps(document))
    slow = [option for name in sorted(SLOW | LINES | OCSP) for option in ("--exclude-operation-id", name)]
    calls = run(judge, client, path, "--phases", "examples,coverage,fuzzing", *slow)
    for template, method, operation in operations(document):
        if operation["operationId"] in LINES:
            calls.append((method, template, judge_lines(judge, client, template, operation)))
        if operation["operationId"] in OCSP:
            calls.append((method, template, judge_ocsp(judge, scene, client, method, template)))
    if any(operation["operationId"] in SLOW for _, _, operation in operations(document)):
        only = [option for name in sorted(SLOW) for option in ("--include-operation-id", name)]
        calls += run(judge, client, path, "--phases", "examples", "--mode", "positive", *only)
        calls += run(judge, client, path, "--phases", "coverage,fuzzing", "--mode", "negative", *only)
    for template, method, operation in operations(document):
        statuses = Counter(status for used, at, status in calls if used == method and is_at(template, at))
        name = f"{method.upper()} {template}"
        print(f"schemathesis: {name}: " + (", ".join(f"{status} x {n}" for status, n in sorted(statuses.items())) or "not called"))
        judge.expect(any(200 <= status < 300 for status in statuses), name, "no call of it succeeded, so its answer was not judged")
        judge.expect(
            429 not in statuses, name, "refused as too-many-refusals: raise api.refusals_per_minute_max in the sandbox's akashi.toml"
        )
        judge.judged(f"calls at the {door} door")


def judge_lines(judge: Judge, client: Client, template: str, operation: dict) -> int:
    """A good line, one that is none, and the good one again; the call's status."""
    (media_type, content), = operation["requestBody"]["content"].items()
    good = json.dumps(content["example"])
    path = template.format(**{parameter["name"]: parameter["example"] for parameter in operation["parameters"]})
    status, answer = client.lines(path, media_type, [good, "no JSON", good])
    told = [(line.get("row"), line.get("line"), line.get("status")) for line in answer[:-1]]
    row = content["example"]["row"]
    judge.expect(told == [(row, None, 200), (None, 2, 400), (row, None, 200)], template, f"answered {told}")
    judge.expect(answer[0] == answer[2], template, "a row that was sent again was answered otherwise")
    judge.expect(answer[-1].get("summary", {}).get("refused") == 1, template, "the last line is no summary")
    return status


def judge_ocsp(judge: Judge, scene: Scene, client: Client, method: str, template: str) -> int:
    """Asks whether the person's user certificate is good, which it is; the answer's status."""
    certificate = x509.load_pem_x509_certificate(scene.auth["certificate"].encode())
    (issuer,) = (one for one in judge.content["issuers"]["auth"] if one["key"] == scene.auth["key"])
    issuer = x509.load_pem_x509_certificate((judge.folder / issuer["path"]).read_bytes())
    octets = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA256()).build()
    octets = octets.public_bytes(serialization.Encoding.DER)
    in_path = urllib.parse.quote(base64.b64encode(octets), safe="")
    path = template.format(ca="auth", purpose="login", request=in_path)
    status, answer = client.octets(method.upper(), path, octets if method == "post" else None, "application/ocsp-request")
    told = ocsp.load_der_ocsp_response(answer)
    judge.expect(told.response_status == ocsp.OCSPResponseStatus.SUCCESSFUL, template, f"answered {told.response_status}")
    judge.expect(told.certificate_status == ocsp.OCSPCertStatus.GOOD, template, "does not say good")
    return status


judge = Judge("schemathesis")
clients = {door: Client(judge, name) for door, name in CLIENTS.items() if name in judge.content["clients"]}
scene = Scene(judge, clients)
for door, client in clients.items():
    judge_door(judge, scene, door, client)
scene.reinstate_all()
judge.close([f"calls at the {door} door" for door in CLIENTS])

"""asn1crypto: the certificates of a `jpki-exact` sandbox field by field against what is known of JPKI's (facts 1.1 to 1.6).

What is expected stands here as tables, one a fact, written from the facts and not from our code; asn1crypto takes the
octets apart. Signatures are for the other judges.
"""

import datetime
import hashlib
import re
from pathlib import Path

from asn1crypto import core, parser, pem, x509

from sandbox import EVERY_STATUS, Certificate, Judge, http

JAPAN = datetime.timezone(datetime.timedelta(hours=9))
ORGANIZATION = "JPKI-TEST"
KINDS = {
    "sign": "JPKI for digital signature",
    "auth": "JPKI for user authentication",
    "phone-sign": "JPKI for digital signature on mobile devices",
    "phone-auth": "JPKI for user authentication on mobile devices",
}
KINDS_IN_JAPANESE = {
    "sign": "公的個人認証サービス署名用",
    "auth": "公的個人認証サービス利用者証明用",
    "phone-sign": "公的個人認証サービス移動端末設備用署名用",
    "phone-auth": "公的個人認証サービス移動端末設備用利用者証明用",
}
"""Those of the phones' CAs are Akashi's own; the other two are facts 1.1 and 1.2."""

ROOT_NAME = [("country_name", "JP"), ("organization_name", ORGANIZATION), ("organizational_unit_name", None),
             ("organizational_unit_name", "Japan Agency for Local Authority Information Systems")]  # fmt: skip
"""Facts 1.1; None is the CA's kind. C is a PrintableString, the rest UTF8String, one attribute an RDN, in this order."""
ALTERNATIVE_NAME = [("country_name", "JP"), ("organization_name", "公的個人認証サービス"),
                    ("organizational_unit_name", None), ("organizational_unit_name", "地方公共団体情報システム機構")]  # fmt: skip
"""Facts 1.2 and 1.3: a root's subjectAltName and a leaf's issuerAltName."""
EXTENSIONS = {
    "root": [("key_usage", True), ("subject_alt_name", False), ("basic_constraints", True),
             ("crl_distribution_points", False), ("key_identifier", False)],
    "sign": [("key_usage", True), ("subject_alt_name", False), ("certificate_policies", True), ("issuer_alt_name", False),
             ("crl_distribution_points", False), ("authority_key_identifier", False), ("key_identifier", False)],
    "auth": [("key_usage", True), ("extended_key_usage", False), ("certificate_policies", True),
             ("issuer_alt_name", False), ("crl_distribution_points", False), ("authority_information_access", False),
             ("authority_key_identifier", False), ("key_identifier", False)],
}  # fmt: skip
"""Facts 1.2, 1.3, 1.4: which extensions, in which order, critical or not. None but these."""
KEY_USAGES = {"root": "03020106", "sign": "030206c0", "auth": "03020780"}
"""Facts 1.2, 1.3, 1.4: keyCertSign and cRLSign; digitalSignature and nonRepudiation; digitalSignature. In DER."""
POLICIES = {
    "sign": "1.2.392.200149.8.5.1.0.20", "auth": "1.2.392.200149.8.5.1.0.30",
    "phone-sign": "1.2.392.200149.8.5.1.0.40", "phone-auth": "1.2.392.200149.8.5.1.0.50",
}  # fmt: skip
"""Facts 1.6, of test cards; the phones' are Akashi's own."""
PRACTICE_STATEMENT = "http://www.jpki.go.jp/cps.html"
"""Facts 1.3: the policy's only qualifier, an IA5String."""
SUBJECTS = {
    "sign": ["country_name", "locality_name", "locality_name", "common_name"],
    "auth": ["country_name", "common_name"],
}
"""Facts 1.3 and 1.4."""
COMMON_NAMES = {
    "sign": r"(\d{14})\d{5}(\d{5})[0-9A-Z]{4}", "auth": r"([0-9A-Z]{14})(\d{5})[0-9A-Z]{4}",
    "phone-sign": r"(\d{14})\d{5}(\d{5})0TEL", "phone-auth": r"([0-9A-Z]{14})(\d{5})0TEL",
}  # fmt: skip
"""Facts 1.3 and 1.4: time of request and a sequence, or random characters; then the desk's sign with its municipality. The phones' sign is Akashi's own."""
ROMAJI_SEEN = {"13221": ("Tokyo-to", "Kiyose-shi")}
"""Facts 1.3: the only spelling seen. The others have its form."""
ROMAJI = (r"Hokkaido|[A-Z][a-z]+-(to|fu|ken)", r"[A-Z][A-Za-z'-]+-(shi|ku|cho|machi|son|mura)")
OTHER_NAMES = [
    (1, "name", r"\S+\u3000\S+"), (4, "birth date", r"[0-5]\d{8}"), (3, "sex", r"[123]"), (5, "address", r".{1,200}"),
    (2, "substitutions in the name", r"[01]+"), (6, "substitutions in the address", r"[01]+"),
]  # fmt: skip
"""Facts 1.5: OID suffix, meaning, form; each a UTF8String in [0] EXPLICIT, in this order."""
CONTEXT_0_CONSTRUCTED = (2, 1, 0)
OTHER_NAME_ARC = "1.2.392.200149.8.5.5"
SEXES = {"male": "1", "female": "2", "unknown": "3"}
ERAS = [("2019-05-01", "5"), ("1989-01-08", "4"), ("1926-12-25", "3"), ("1912-07-30", "2"), ("1868-10-23", "1")]
"""Facts 1.5: 令和, 平成, 昭和, 大正, 明治 by their first day."""
SERIAL_MAX = 2**31
"""Facts 1.3: small sequential numbers, three octets on the test card, four in production."""

judge = Judge("asn1")
people = {person["person"]: person for person in judge.content["people"]}


class Layout:
    """One certificate's octets taken apart, and verdicts about them."""

    def __init__(self, path: Path, ca: str, role: str):
        self.path, self.ca, self.role = path, ca, role
        octets = path.read_bytes()
        self.der = pem.unarmor(octets)[2] if pem.detect(octets) else octets
        self.certificate = x509.Certificate.load(self.der, strict=True)
        self.tbs = self.certificate["tbs_certificate"]
        self.extensions = {one["extn_id"].native: one for one in self.tbs["extensions"]}

    def is_(self, fact: str, found, expected) -> None:
        judge.expect(found == expected, self.path, f"facts {fact}: {found!r}, not {expected!r}")

    def matches(self, fact: str, found: str, form: str) -> None:
        judge.expect(re.fullmatch(form, found), self.path, f"facts {fact}: {found!r} is not of the form {form}")

    def value(self, name: str):
        return self.extensions[name]["extn_value"].parsed

    def common(self, issuer: "Layout") -> None:
        """What roots and leaves share."""
        self.is_("1.1", self.tbs["version"].native, "v3")
        for algorithm in (self.tbs["signature"], self.certificate["signature_algorithm"]):
            self.is_("1.1", algorithm.dump().hex(), "300d06092a864886f70d01010b0500")
        key = self.certificate.public_key
        self.is_("1.1", key["algorithm"].dump().hex(), "300d06092a864886f70d0101010500")
        self.is_("1.1", (key.bit_size, key["public_key"].parsed["public_exponent"].native), (2048, 65537))
        self.is_("1.1", self.name(self.tbs["issuer"]), typed(ROOT_NAME, KINDS[self.ca]))
        self.is_("1.1", self.tbs["issuer"].dump(), issuer.tbs["subject"].dump())
        self.is_("1.3", [self.tbs["validity"][end].name for end in ("not_before", "not_after")], ["utc_time"] * 2)
        found = [(one["extn_id"].native, one["critical"].native) for one in self.tbs["extensions"]]
        self.is_({"root": "1.2", "sign": "1.3", "auth": "1.4"}[self.role], found, EXTENSIONS[self.role])
        self.is_("1.2", self.extensions["key_usage"]["extn_value"].contents.hex(), KEY_USAGES[self.role])
        key_hash = hashlib.sha1(bytes(key["public_key"].contents[1:])).digest()
        self.is_("1.2", self.value("key_identifier").native, key_hash)

    def end(self) -> datetime.datetime:
        return self.tbs["validity"]["not_after"].native.astimezone(JAPAN)

    def start(self) -> datetime.datetime:
        return self.tbs["validity"]["not_before"].native.astimezone(JAPAN)

    def name(self, name: x509.Name) -> list[tuple[str, str, str]]:
        """(attribute, kind of string, text), and a name of one attribute an RDN."""
        judge.expect(all(len(rdn) == 1 for rdn in name.chosen), self.path, "facts 1.1: an RDN of several attributes")
        attributes = [rdn[0] for rdn in name.chosen]
        return [(one["type"].native, kind_of(one["value"]), one["value"].native) for one in attributes]

    def directory_name(self, names: x509.GeneralNames) -> list[tuple[str, str, str]]:
        self.is_("1.2", [one.name for one in names], ["directory_name"])
        return self.name(names[0].chosen)

    def distribution_point(self) -> list[tuple[str, str, str]]:
        """The name in the one distribution point, which has nothing else."""
        (point,) = self.value("crl_distribution_points")
        self.is_("1.3", [isinstance(point[part], core.Void) for part in ("reasons", "crl_issuer")], [True, True])
        self.is_("1.3", point["distribution_point"].name, "full_name")
        return self.directory_name(point["distribution_point"].chosen)


def kind_of(value) -> str:
    chosen = value.chosen if isinstance(value, core.Choice) else value
    return type(chosen).__name__


def typed(attributes: list[tuple[str, str | None]], kind: str) -> list[tuple[str, str, str]]:
    """A name as it has to be found: with its kinds of strings, and the CA's kind where it belongs."""
    return [(name, "PrintableString" if name == "country_name" else "UTF8String", text or kind) for name, text in attributes]


def judge_root(layout: Layout) -> None:
    layout.common(layout)
    layout.is_("1.1", layout.tbs["subject"].dump(), layout.tbs["issuer"].dump())
    names = layout.directory_name(layout.value("subject_alt_name"))
    layout.is_("1.2", names, typed(ALTERNATIVE_NAME, KINDS_IN_JAPANESE[layout.ca]))
    layout.is_("1.2", layout.value("basic_constraints").dump().hex(), "30030101ff")
    layout.is_("1.2", layout.distribution_point(), typed(ROOT_NAME, KINDS[layout.ca]))
    ten_years_on = layout.start().replace(year=layout.start().year + 10)
    last = (ten_years_on - datetime.timedelta(days=1)).replace(hour=23, minute=59, second=59, microsecond=0)
    layout.is_("1.1", layout.end(), last)
    judge.judged(f"root of {layout.ca}")


def judge_leaf(item: Certificate, issuer: Layout) -> None:
    layout = Layout(item.path, item.ca, item.kind)
    layout.common(issuer)
    serial = layout.tbs["serial_number"].native
    layout.is_("1.3", str(serial), item.serial)
    judge.expect(0 < serial < SERIAL_MAX, item.path, f"facts 1.3: serial {serial} is not small")
    layout.is_("1.3", layout.end().time(), datetime.time(23, 59, 59))
    judge_subject(layout, item)
    (policy,) = layout.value("certificate_policies")
    layout.is_("1.6", policy["policy_identifier"].dotted, POLICIES[item.ca])
    (qualifier,) = policy["policy_qualifiers"]
    found = (qualifier["policy_qualifier_id"].native, type(qualifier["qualifier"]).__name__, qualifier["qualifier"].native)
    layout.is_("1.3", found, ("certification_practice_statement", "IA5String", PRACTICE_STATEMENT))
    names = layout.directory_name(layout.value("issuer_alt_name"))
    layout.is_("1.3", names, typed(ALTERNATIVE_NAME, KINDS_IN_JAPANESE[item.ca]))
    authority = layout.value("authority_key_identifier")
    layout.is_("1.3", authority["key_identifier"].native, issuer.value("key_identifier").native)
    layout.is_("1.3", layout.directory_name(authority["authority_cert_issuer"]), typed(ROOT_NAME, KINDS[item.ca]))
    layout.is_("1.3", authority["authority_cert_serial_number"].native, issuer.tbs["serial_number"].native)
    if item.kind == "sign":
        judge_other_names(layout, item)
    else:
        layout.is_("1.4", layout.value("extended_key_usage").native, ["client_auth"])
        access = [(one["access_method"].native, one["access_location"].name, one["access_location"].native)
                  for one in layout.value("authority_information_access")]  # fmt: skip
        layout.is_("1.4", access, [("ocsp", "uniform_resource_identifier", judge.content["ocsp"][item.ca])])
    judge.judged(item)


def judge_subject(layout: Layout, item: Certificate) -> None:
    """Facts 1.3 and 1.4, and the distribution point, which names the municipality in both kinds."""
    subject, fact = layout.name(layout.tbs["subject"]), {"sign": "1.3", "auth": "1.4"}[item.kind]
    layout.is_(fact, [attribute for attribute, _, _ in subject], SUBJECTS[item.kind])
    layout.is_(fact, [kind for _, kind, _ in subject], ["PrintableString"] + ["UTF8String"] * (len(subject) - 1))
    layout.is_(fact, subject[0][2], "JP")
    common_name = subject[-1][2]
    layout.matches(fact, common_name, COMMON_NAMES[item.ca])
    layout.is_(fact, common_name[-9:-4], item.municipality)
    point = layout.distribution_point()
    prefecture, municipality = point[4][2], point[5][2].removesuffix(" CRLDP")
    expected = [("country_name", "JP"), ("organization_name", ORGANIZATION), ("organizational_unit_name", KINDS[item.ca]),
                ("organizational_unit_name", "CRL Distribution Points"), ("organizational_unit_name", prefecture),
                ("common_name", f"{municipality} CRLDP")]  # fmt: skip
    layout.is_(fact, point, typed(expected, ""))
    for found, form in zip((prefecture, municipality), ROMAJI):
        layout.matches(fact, found, form)
    if item.municipality in ROMAJI_SEEN:
        layout.is_(fact, (prefecture, municipality), ROMAJI_SEEN[item.municipality])
        judge.judged("spelling that was seen")
    if item.kind == "sign":
        layout.is_("1.3", [text for _, _, text in subject[1:3]], [prefecture, municipality])
        requested = datetime.datetime.strptime(common_name[:14], "%Y%m%d%H%M%S").replace(tzinfo=JAPAN)
        judge.expect(requested <= layout.start(), item.path, f"facts 1.3: requested at {requested}, issued {layout.start()}")


def judge_other_names(layout: Layout, item: Certificate) -> None:
    names = layout.value("subject_alt_name")
    layout.is_("1.5", [one.name for one in names], ["other_name"] * len(OTHER_NAMES))
    layout.is_("1.5", [one.chosen["type_id"].dotted for one in names], [f"{OTHER_NAME_ARC}.{n}" for n, _, _ in OTHER_NAMES])
    texts = {}
    for (_, meaning, form), one in zip(OTHER_NAMES, names):
        tag_class, method, tag, _, contents, _ = parser.parse(one.chosen["value"].dump(), strict=True)
        layout.is_("1.5", (tag_class, method, tag), CONTEXT_0_CONSTRUCTED)
        text = core.UTF8String.load(contents, strict=True).native
        layout.matches("1.5", text, form)
        texts[meaning] = text
    for meaning in ("name", "address"):
        layout.is_("1.5", len(texts[f"substitutions in the {meaning}"]), len(texts[meaning]))
    person = people[item.person]
    born = person["birth_date"]
    era = next((digit for first, digit in ERAS if born >= first), "0")
    layout.is_("1.5", texts["birth date"], era + born.replace("-", ""))
    layout.is_("1.5", texts["sex"], SEXES[person["sex"]])
    # What a move or a new name changed is in the newest certificate alone.
    if item.status == "good":
        layout.is_("1.5", (texts["name"], texts["address"]), (person["name"], person["address"]))
        judge.judged("4 info of a person")


if judge.content["layout"] != "jpki-exact":
    raise SystemExit("asn1: this judge is for a sandbox that was made with --layout jpki-exact")
roots = {}
for (ca, key), path in judge.issuers.items():
    roots[path] = Layout(path, ca, "root")
    judge_root(roots[path])
    served = http(f"{judge.content['public_url']}/certs/{ca}/{key}.cer").body
    judge.expect(served == roots[path].der, path, "is not what the public listener serves")
for certificate in judge.certificates:
    try:
        judge_leaf(certificate, roots[certificate.issuer])
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # a part is missing, or not what it has to be
        judge.expect(False, certificate.path, f"cannot be taken apart: {type(error).__name__}: {error}")
judge.close([*EVERY_STATUS, *(f"root of {ca}" for ca in KINDS), "4 info of a person", "spelling that was seen"])

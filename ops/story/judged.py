"""What the clients got, written down for the judges in ops/judges/: files, and `artefacts.json` that says what each is."""

import json
import shutil
from pathlib import Path


class Kept:
    """`--keep DIR`. Paths in artefacts.json are relative to it; serials are decimal strings."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.content: dict[str, list | dict] = {"issuers": {}, "certificates": [], "ocsp": [], "crls": []}

    def issuer(self, ca: str, path: Path) -> None:
        self.content["issuers"][ca] = self._copy(path, f"{ca}-1.pem")

    def certificate(self, ca: str, serial: str, path: Path, revoked: bool) -> None:
        """`revoked` as of the kept cut."""
        name = self._copy(path, f"{ca}-{serial}.pem")
        self.content["certificates"].append({"path": name, "ca": ca, "serial": serial, "revoked": revoked})

    def ocsp(self, name: str, stem: Path, ca: str, serial: str, digest: str, nonce: bool, status: str) -> None:
        request = self._copy(stem.with_suffix(".req"), f"{name}.req")
        response = self._copy(stem.with_suffix(".rsp"), f"{name}.rsp")
        self.content["ocsp"].append(
            {"request": request, "response": response, "ca": ca, "serial": serial, "digest": digest, "nonce": nonce,
             "status": status}
        )  # fmt: skip

    def crl(self, name: str, path: Path, ca: str, scope: str, lists: list[str], omits: list[str], empty: bool) -> None:
        """`scope` is a municipality's code or `full`; `lists` and `omits` are serials that must and must not be in it."""
        file = self._copy(path, f"{name}.crl")
        self.content["crls"].append(
            {"path": file, "ca": ca, "scope": scope, "lists": lists, "omits": omits, "empty": empty}
        )

    def write(self) -> None:
        (self.folder / "artefacts.json").write_text(json.dumps(self.content, indent=1) + "\n")

    def _copy(self, path: Path, name: str) -> str:
        shutil.copyfile(path, self.folder / name)
        return name

"""What `ops/run --keep DIR` left, read for the judges, and how a judge counts and ends."""

import json
import subprocess
import sys
from pathlib import Path


class Artefacts:
    """`artefacts.json`, see ops/story/judged.py. Paths come back joined to the folder."""

    def __init__(self, folder: Path):
        content = json.loads((folder / "artefacts.json").read_text())
        self.issuers = {ca: folder / name for ca, name in content["issuers"].items()}
        self.certificates = [{**item, "path": folder / item["path"]} for item in content["certificates"]]
        self.crls = [{**item, "path": folder / item["path"]} for item in content["crls"]]
        self.ocsp = [
            {**item, "request": folder / item["request"], "response": folder / item["response"]}
            for item in content["ocsp"]
        ]
        # A folder that lost a part must not be judged clean.
        for name in ("issuers", "certificates", "crls", "ocsp"):
            if not content[name]:
                sys.exit(f"{folder}/artefacts.json lists no {name}: make it anew with ops/run --once --keep {folder}")


class Judge:
    """Counts verdicts and says each that failed."""

    def __init__(self, name: str):
        if len(sys.argv) != 2:
            sys.exit(f"usage: {sys.argv[0]} DIR, where DIR is what `ops/run --once --keep DIR` left")
        self.name = name
        self.artefacts = Artefacts(Path(sys.argv[1]))
        self.passed = self.failed = 0

    def expect(self, condition: bool, subject: Path | str, sentence: str) -> None:
        """One verdict. `sentence` says what is wrong with `subject` if the condition does not hold."""
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f"{self.name}: {getattr(subject, 'name', subject)}: {sentence}", file=sys.stderr)

    def close(self) -> None:
        """The closing line, and the exit status."""
        print(f"{self.name}: {self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed or not self.passed else 0)


def command(*arguments) -> tuple[int, str]:
    """Exit status and all output of a judge that is a program of its own."""
    texts = [str(argument) for argument in arguments]
    done = subprocess.run(texts, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout.decode(errors="replace")

"""Runs the integrator's page: the ```sh blocks of docs/integrators.md, in order, in one `bash -euo pipefail`.

A ```text block right after a ```sh block is what that block prints; `…` in it stands for anything that changes from
sandbox to sandbox. Usage: integrators_page.py PAGE AKASHI
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS_MAX = 600
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\s*^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
MARK = "--- end of block {} ---"


def run(script: str, folder: Path, akashi: Path) -> tuple[int, str]:
    """Exit status and output. Whatever the page leaves running is stopped."""
    (folder / "bin").mkdir()
    (folder / "bin" / "akashi").symlink_to(akashi)
    # As behind a company's proxy, which is not there: the page has to keep loopback traffic from it.
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    environment["PATH"] = f"{folder / 'bin'}:{environment['PATH']}"
    # Output goes to a file: what the page leaves running would keep a pipe open.
    with open(folder / "output", "w+b") as output:
        bash = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            status = bash.wait(timeout=SECONDS_MAX)
        finally:
            try:
                os.killpg(bash.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        output.seek(0)
        return status, output.read().decode(errors="replace")


def same(expected: str, found: str) -> bool:
    form = "(?s:.*?)".join(re.escape(part) for part in expected.strip().split("…"))
    return re.fullmatch(form, found.strip()) is not None


def main() -> int:
    page, akashi = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    blocks = BLOCK.findall(page.read_text())
    script = "".join(f"{block}printf '%s\\n' '{MARK.format(number)}'\n" for number, (block, _) in enumerate(blocks))
    with tempfile.TemporaryDirectory(prefix="akashi-page-") as folder:
        status, output = run(script, Path(folder), akashi)
    passed = failed = 0
    for number, (block, expected) in enumerate(blocks):
        found, mark, rest = output.partition(MARK.format(number) + "\n")
        first = block.partition("\n")[0]
        if not mark:
            print(f"page: the block that begins with `{first}` ended with {status}:\n{found}", file=sys.stderr)
            failed += 1
            break
        output = rest
        if expected and not same(expected, found):
            print(f"page: the block that begins with `{first}` printed\n{found}and not\n{expected}", file=sys.stderr)
            failed += 1
        else:
            passed += 1
    # A page whose blocks nobody finds must not pass.
    if not any(expected for _, expected in blocks):
        print("page: no block says what it prints", file=sys.stderr)
        failed += 1
    print(f"page: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

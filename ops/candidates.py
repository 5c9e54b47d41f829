#!/usr/bin/env python3
"""Writes pki/data/candidates.txt: what a desk may put in the place of a character that a certificate may not carry.

  apt-get download unicode-data=15.0.0-1
  ops/candidates.py unicode-data_15.0.0-1_all.deb            write the file
  ops/candidates.py unicode-data_15.0.0-1_all.deb --check    compare; exit status 1 if it differs

The package holds the Unicode Character Database and Unihan, 15.0. One line for each character outside pki/data/jisx0208.txt
and jisx0212.txt that has candidates: its code point, a tab, the candidates parted by spaces, likeliest first, all of them
made of characters from those two files. A key of two code points is a letter and its mark, written apart.

Where candidates come from, in this order:
  1 signs and letters written by hand below, with why
  2 decompositions (UnicodeData.txt), ASCII in its full-width form: half-width forms, ligatures, squared words, Roman and
    circled numbers, CJK compatibility ideographs
  3 names of small kana and hentaigana, which say the kana
  4 letters with marks that JIS X 0212 has not: with fewer marks, and bare
  5 variants of ideographs (Unihan and EquivalentUnifiedIdeograph.txt), at most FOUR
"""
import bz2
import hashlib
import io
import lzma
import re
import sys
import tarfile
from collections import defaultdict
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "pki" / "data"
DEB_SHA256 = "5efef23bbb1c6a133ecbdd63a2cfa07159ccacf5466a49e2426101c5ecd691fc"
OTHER_MAPPINGS = "\u2014\uff5e\u2225\uff0d\uffe0\uffe1\uffe2\uffe4"  # pki/src/text/charset.rs
FOUR = 4
# Font variants (mathematical letters) and Arabic's forms are not what registers hold.
TAGS_LEFT_OUT = {"<font>", "<initial>", "<medial>", "<final>", "<isolated>"}
# Signs that keyboards and other systems' tables give for one of JIS X 0208, and marks that stand alone.
BY_HAND = {
    "-": "－ ー ‐", "\u00ad": "‐", "\u2011": "‐", "\u2012": "－", "\u2013": "－ ―", "\u2043": "‐ －", "\ufe63": "－", "\ufe58": "―",
    "\u223c": "〜", "\u02dc": "〜", "\u3030": "〜", "\u2053": "〜", "\u2044": "／", "\u2215": "／", "\\": "＼ ￥",
    "'": "’ ′", '"': "” ″", "\uff07": "’ ′", "\uff02": "” ″", "\u02bc": "’", "\u00a5": "￥", "\u203e": "￣", "\u20a9": "Ｗ",
    "\u00b7": "・", "\u2022": "・", "\u22c5": "・", "\u2027": "・", "\u25e6": "・",
    "\u3099": "゛", "\u309a": "゜", "\uff9e": "゛", "\uff9f": "゜", "\u30a0": "＝",
    "ゔ": "ヴ", "ヷ": "ヴァ", "ヸ": "ヴィ", "ヹ": "ヴェ", "ヺ": "ヴォ", "\U0001b000": "エ",
    "\U0001b001": "え",
    # Ideographs of people's names whose variants Unihan 15.0 does not lead to.
    "\U0002363a": "橋", "\U0002123d": "土", "\U0002000b": "丈", "\U00023cfe": "泰", "\U000266b0": "脇", "\U000242ee": "煕 熙",
    "\U0002b746": "今", "\U00020525": "兼", "俱": "倶", "凬": "風", "圡": "土", "姸": "妍", "嶤": "嶢", "戾": "戻", "晈": "皎",
    "槪": "概", "淸": "清", "甁": "瓶", "閒": "間", "靍": "鶴", "靑": "青", "﨔": "欅",
}
# Unihan's kinds of variant, likeliest first; "<" is the relation read backwards. Marked Z: another shape of the same.
RELATIONS = [
    "kJinmeiyoKanji", "kCompatibilityVariant", "radical", "kZVariant", "<kZVariant", "kSemanticVariant:Z",
    "<kSemanticVariant:Z", "kTraditionalVariant", "kSemanticVariant", "<kSemanticVariant", "kDefinition",
    "kSimplifiedVariant", "<kJinmeiyoKanji", "<kTraditionalVariant", "<kSimplifiedVariant", "kSpoofingVariant",
    "<kSpoofingVariant",
]
# The same character in another shape: what such a one stands for may be looked up in turn.
SAME = ["kJinmeiyoKanji", "kCompatibilityVariant", "kZVariant", "<kZVariant"]
SAID_TO_BE = re.compile(
    r"(?:same as|form of|variant of|identical (?:to|with))(?: the)?\s+(?:U\+[0-9A-F]+\s+)?([㐀-鿿\U00020000-\U0003ffff])"
)


def jis():
    """Each allowed character and its rank: levels 1 and 2 of JIS X 0208, JIS X 0212."""
    rank = dict.fromkeys(OTHER_MAPPINGS, 0)
    for name, kanji_rank in ("jisx0208.txt", 1), ("jisx0212.txt", 3):
        for line in (DATA / name).read_text(encoding="utf-8").splitlines():
            row, characters = line.split("\t")
            second = kanji_rank == 1 and int(row) >= 48
            rank |= dict.fromkeys(characters, kanji_rank + second)
    return rank


RANK = jis()


class Package:
    """The files of the Debian package (an ar archive with a compressed tar)."""

    def __init__(self, path):
        octets = Path(path).read_bytes()
        assert hashlib.sha256(octets).hexdigest() == DEB_SHA256, "not the package that this table is made from"
        at, members = 8, {}
        while at < len(octets):
            name, size = octets[at:at + 16].decode().rstrip(" /"), int(octets[at + 48:at + 58])
            members[name] = octets[at + 60:at + 60 + size]
            at += 60 + size + size % 2
        self.tar = tarfile.open(fileobj=io.BytesIO(lzma.decompress(members["data.tar.xz"])))

    def lines(self, name):
        octets = self.tar.extractfile(f"./usr/share/unicode/{name}").read()
        text = (bz2.decompress(octets) if name.endswith(".bz2") else octets).decode("utf-8")
        return [line for line in text.split("\n") if line and not line.startswith("#")]


def scalar(code):
    return chr(int(code.removeprefix("U+"), 16))


def wide(character):
    """The full-width form of an ASCII character; any other as it is."""
    return "\u3000" if character == " " else chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character


class Unicode:
    def __init__(self, package):
        self.names, self.parts, self.marks, self.canonical = {}, {}, set(), {}
        for line in package.lines("UnicodeData.txt"):
            code, name, category, _, _, decomposition, *_ = line.split(";")
            character = scalar(code)
            self.names[name] = character
            if category == "Mn":
                self.marks.add(character)
            tag, *codes = decomposition.split() if decomposition.startswith("<") else ("", *decomposition.split())
            if codes and tag not in TAGS_LEFT_OUT:
                self.parts[character] = [scalar(code) for code in codes]
                if not tag:
                    self.canonical[character] = "".join(self.parts[character])

    def spelled_out(self, character):
        """The character in allowed ones, or None."""
        if wide(character) in RANK:
            return wide(character)
        if character in BY_HAND:
            return BY_HAND[character].split()[0]
        parts = [self.spelled_out(part) for part in self.parts.get(character, [])]
        return "".join(parts) if parts and None not in parts else None

    def with_fewer_marks(self, character):
        """A letter with marks: what of it is allowed, marks taken off from the last, and the bare letter."""
        found = []
        while len(parts := self.parts.get(character, [])) == 2 and parts[1] in self.marks:
            character = parts[0]
            if wide(character) in RANK:
                found.append(wide(character))
        return found


def small_kana_and_hentaigana(names):
    found = {}
    for name, character in names.items():
        if match := re.fullmatch(r"HENTAIGANA LETTER ([A-Z-]+)-\d", name):
            found[character] = [names[f"HIRAGANA LETTER {kana}"] for kana in match[1].split("-")]
        elif match := re.fullmatch(r"((?:HIRAGANA|KATAKANA) LETTER )SMALL (\w+)", name):
            found[character] = [names[match[1] + match[2]]]
    return found


def variants(package):
    """Ideographs by relation and by each other."""
    related = defaultdict(lambda: defaultdict(set))

    def relate(one, relation, other):
        related[one][relation].add(other)
        related[other]["<" + relation].add(one)

    for name in "Variants", "IRGSources", "OtherMappings", "Readings":
        for line in package.lines(f"Unihan_{name}.txt.bz2"):
            code, field, value = line.split("\t")
            if field == "kJinmeiyoKanji":
                targets = re.findall(r"U\+[0-9A-F]+", value)
            elif field == "kDefinition":
                targets = [f"{ord(said):X}" for said in SAID_TO_BE.findall(value)]
            elif field in RELATIONS:
                targets = value.split()
            else:
                continue
            for target in targets:
                other, _, source = target.partition("<")
                if other.removeprefix("U+") != code.removeprefix("U+"):
                    relate(scalar(code), field + (":Z" if ":Z" in source else ""), scalar(other))
    for line in package.lines("EquivalentUnifiedIdeograph.txt"):
        codes, ideograph = line.split("#")[0].split(";")
        first, *last = codes.strip().split("..")
        for code in range(int(first, 16), int((last or [first])[0], 16) + 1):
            related[chr(code)]["radical"].add(scalar(ideograph.strip()))
    return related


def nearest(related, character, relations=RELATIONS, through=SAME):
    """Allowed variants; if there are none, those of what is the same character."""
    found = [
        other for relation in relations
        for other in sorted(related[character].get(relation, ()), key=lambda other: (RANK.get(other, 9), other))
    ]
    allowed = [other for other in dict.fromkeys(found) if other in RANK]
    if not allowed:
        same = [other for relation in through for other in sorted(related[character].get(relation, ()))]
        allowed = [other for one in same for other in nearest(related, one, through=[])]
    return list(dict.fromkeys(allowed))[:FOUR]


def pairs(unicode):
    """Letters and their marks written apart, also in half-width katakana, and what they make."""
    half = {parts[0]: half for half, parts in unicode.parts.items() if "\uff61" <= half <= "\uff9f" and len(parts) == 1}
    found = {}
    for composed, apart in unicode.canonical.items():
        whole = composed if composed in RANK else BY_HAND.get(composed, "")
        if len(whole) == 1 and len(apart) == 2:
            letter, mark = apart
            for letter_form in {letter, half.get(letter, letter)}:
                for mark_form in {mark, half.get(mark, mark)}:
                    found[letter_form + mark_form] = [whole]
    return found


def table(package):
    unicode, related = Unicode(package), variants(package)
    found = small_kana_and_hentaigana(unicode.names)
    for character in map(chr, range(0x20, 0x30000)):
        spelled = unicode.spelled_out(character)
        listed = [spelled] if spelled else found.get(character) or unicode.with_fewer_marks(character)
        found[character] = listed + nearest(related, character)
    for character in list(related):
        found.setdefault(character, nearest(related, character))
    found |= {character: candidates.split() for character, candidates in BY_HAND.items()}
    found = {character: candidates for character, candidates in found.items() if character not in RANK and candidates}
    found |= pairs(unicode)
    lines = []
    for key in sorted(found):
        candidates = list(dict.fromkeys(found[key]))
        assert all(part in RANK for candidate in candidates for part in candidate), key
        lines.append("+".join(f"{ord(one):04X}" for one in key) + "\t" + " ".join(candidates) + "\n")
    return "".join(lines)


def main():
    text = table(Package(sys.argv[1]))
    path = DATA / "candidates.txt"
    if "--check" not in sys.argv[2:]:
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        sys.exit(f"candidates: {path.name} differs from what this script writes; run it without --check")


main()

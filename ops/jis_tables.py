#!/usr/bin/env python3
"""Writes pki/data/jisx0208.txt and pki/data/jisx0212.txt: the characters that a certificate may carry.

  ops/jis_tables.py            write the two files
  ops/jis_tables.py --check    compare them with what would be written; exit status 1 if they differ

The tables come from Python's own codec for EUC-JP (JIS X 0208 in two octets, JIS X 0212 in three); the one for
ISO-2022-JP-2 must agree. One line a row (区): its number, a tab, its characters in cell (点) order.
"""
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "pki" / "data"
ROW_LENGTH = 94


def decode(octets, codec):
    try:
        return octets.decode(codec)
    except UnicodeDecodeError:
        return None


def character(row, cell, euc_prefix, iso_escape):
    """The character in this row and cell, or None; both codecs must agree."""
    euc = decode(euc_prefix + bytes([row + 0xA0, cell + 0xA0]), "euc_jp")
    iso = decode(iso_escape + bytes([row + 0x20, cell + 0x20]) + b"\x1b(B", "iso2022_jp_2")
    assert euc == iso, f"the codecs disagree about {row}-{cell}: {euc!r}, {iso!r}"
    return euc


def table(euc_prefix, iso_escape, left_out):
    """The file's text, and the number of characters in it."""
    lines, count = [], 0
    for row in range(1, ROW_LENGTH + 1):
        cells = [character(row, cell, euc_prefix, iso_escape) for cell in range(1, ROW_LENGTH + 1)]
        characters = [c for c in cells if c is not None and c not in left_out]
        assert all(len(c) == 1 and 0x7F < ord(c) < 0x10000 for c in characters)
        count += len(characters)
        if characters:
            lines.append(f"{row:02}\t{''.join(characters)}\n")
    return "".join(lines), count


def main():
    # Numbers of characters: JIS X 0208 has 524 signs and 6,355 kanji; JIS X 0212 has 266 and 5,801. Cell 2-23 of
    # JIS X 0212 is decoded to the ASCII tilde, which is a half-width form and is left out.
    wanted = {
        "jisx0208.txt": (table(b"", b"\x1b$B", ""), 524 + 6355),
        "jisx0212.txt": (table(b"\x8f", b"\x1b$(D", "~"), 266 + 5801 - 1),
    }
    stale = []
    for name, ((text, count), expected) in wanted.items():
        assert count == expected, f"{name}: {count} characters instead of {expected}"
        path = DATA / name
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.exit(f"jis_tables: {', '.join(stale)} differ from what this script writes; run it without --check")


main()

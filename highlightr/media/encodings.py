"""In which encoding a text file was written that does not tell, such as subtitles from a disc or an old program.

In: bytes. Out: text, of which a few letters may be wrong but not all; or the `MediaError` that asks for UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from highlightr.core.errors import MediaError
from highlightr.core.text import language_chances

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""What a file in UTF-16 begins with."""

_HEAD_BYTES = 1_000

_WINDOWS = {
    "cp1252": "af ca cy da de en es eu fi fo fr fy ga gl is it la lb nl nn no oc pt sv",
    "cp1250": "bs cs hr hu pl ro sk sl sr",
    "cp1254": "az tr",
    "cp1257": "et lt lv",
}
"""What Windows writes by itself, by where it was bought, and the languages whose letters that has."""

_LEAST_CHANCE = 0.5
"""Of one of these languages, from which a file is not taken for a Western one. By this 112 of 115 single sentences in
24 languages are read as they were written; not so two of three words, and English with Czech names."""

_MOST_WORDS, _MOST_LETTERS = 2_000, 20_000
"""By which the language is told."""

_WORD = re.compile(r"[^\W\d_]+")


def decoded(data: bytes, path: Path) -> str:
    """UTF-16, UTF-8 even where a few bytes are broken, or else what Windows writes in Latin letters.

    Raises:
        MediaError: it is in another encoding; `path` is named.
    """
    try:
        if data.startswith(_UTF_16):
            return data.decode("utf-16")
        if b"\0" in (head := data[:_HEAD_BYTES]):  # UTF-16 without its mark: of most letters one byte is zero.
            return data.decode("utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be")
        text = data.decode("utf-8-sig", "replace")
        if 10 * text.count("\ufffd") <= len(text) - len(text.encode("ascii", "ignore")):
            return text
        text = _of_windows(data)
    except UnicodeDecodeError:
        text = ""
    words = _WORD.findall(text)
    # Cyrillic, Greek or Chinese in an encoding of their own become words of nothing but letters with accents.
    if 2 * sum(any(letter.isascii() for letter in word) for word in words) < max(1, len(words)):
        raise MediaError(f"{path}: neither UTF-8, UTF-16 nor Latin letters as Windows writes them; save it as UTF-8")
    return text


def _of_windows(data: bytes) -> str:
    """The text in the encoding whose languages it most likely is of; in the Western one where that is not clear."""
    best, text = _LEAST_CHANCE, ""
    for encoding, languages in _WINDOWS.items():
        try:
            read = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        chances = language_chances(" ".join(islice(_words(read), _MOST_WORDS))[:_MOST_LETTERS])
        chance = sum(chances[language] for language in languages.split())
        if chance > best:
            best, text = chance, read
    return text or data.decode("cp1252")


def _words(text: str) -> Iterator[str]:
    return (found[0].lower() for found in _WORD.finditer(text))

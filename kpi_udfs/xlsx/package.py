"""The parts of a workbook file: opened with care, copied byte for byte.

A workbook is a zip archive of XML parts. Whoever sends one may have built it to harm, or it was cut
off on the way; so nothing here trusts a size, a name or a part, and whatever is wrong is a
:class:`Damaged` with a sentence.
"""

from __future__ import annotations

import copy
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.parsers import expat

from kpi_udfs.messages import Sentence, say, text
from kpi_udfs.xlsx.limits import MEGABYTE, Limits

NO_FILE = text("workbook.no_file", "there is no such file.")
FOLDER = text("workbook.folder", "this is a folder; name a workbook in it.")
NO_PLAIN_FILE = text("workbook.no_plain_file", "this is no file that can be read from beginning to end.")
NOT_XLSX = text("workbook.not_xlsx", "this is no .xlsx or .xlsm workbook.")
OLD_OR_LOCKED = text(
    "workbook.old_or_locked",
    "this is an old .xls file or a workbook with a password; save it as .xlsx without one.",
)
NO_ACCESS = text("workbook.no_access", "the file can't be opened: {reason}")
DAMAGED_ARCHIVE = text("workbook.damaged_archive", "the file is damaged or cut off: {reason}")
DAMAGED_PART = text("workbook.damaged_part", "the file is damaged: {part} can't be read: {reason}")
MISSING_PART = text("workbook.missing_part", "the file is damaged: {part} is missing.")
PART_TWICE = text("workbook.part_twice", "the file is damaged or a trap: it holds {part} twice.")
PART_OUTSIDE = text("workbook.part_outside", 'the file is damaged or a trap: it holds a part named "{part}".')
PART_LOCKED = text("workbook.part_locked", "{part} is locked with a password; save the workbook without one.")
DECLARES = text("workbook.declares", "{part} declares a document type, which no workbook does; it may be a trap.")
TOO_LARGE = text(
    "workbook.too_large",
    "unpacked, the workbook has {size:count} MB; the limit is {limit:count} MB (--max-unpacked).",
)
TOO_MANY_PARTS = text("workbook.too_many_parts", "the file has {parts:count} parts; {limit:count} is the limit.")

#: More than the 10,000 sheets that somebody may have, with a drawing and its relations each.
MOST_PARTS = 50_000

_TRICKS = re.compile(r"(?:^|/)\.{1,2}(?:/|$)|^/|\\|^[A-Za-z]:|[\x00-\x1f]")
_DOCTYPE = re.compile(rb"<!DOCTYPE", re.IGNORECASE)

#: What reading an entry of a broken archive raises.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
    struct.error,
)


class Damaged(Exception):
    """What keeps a workbook from being read, in a sentence."""

    def __init__(self, says: Sentence) -> None:
        super().__init__(says)
        self.says = says

    def __str__(self) -> str:
        return say(self.says)


class Package:
    """A workbook file opened for reading its parts. Raises :class:`Damaged`."""

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self.path = path
        self.limits = limits or Limits()
        _check_file(path)
        try:
            self.archive = zipfile.ZipFile(path)
        except _BROKEN as error:
            raise Damaged(DAMAGED_ARCHIVE(reason=first_line(error))) from error
        self._names: dict[str, zipfile.ZipInfo] = {}
        try:
            self._check_entries()
        except Damaged:
            self.archive.close()
            raise

    def __enter__(self) -> Package:
        return self

    def __exit__(self, *_: object) -> None:
        self.archive.close()

    def _check_entries(self) -> None:
        entries = self.archive.infolist()
        if len(entries) > MOST_PARTS:
            raise Damaged(TOO_MANY_PARTS(parts=len(entries), limit=MOST_PARTS))
        for entry in entries:
            # What was cut off at a zero byte was another name in the file.
            name = entry.orig_filename
            if _TRICKS.search(name):
                raise Damaged(PART_OUTSIDE(part=shortened(name)))
            if entry.flag_bits & 0x1:
                raise Damaged(PART_LOCKED(part=shortened(name)))
            if name.casefold() in self._names:  # names of parts are the same in every case
                raise Damaged(PART_TWICE(part=shortened(name)))
            self._names[name.casefold()] = entry
        size = sum(entry.file_size for entry in entries)
        if size > self.limits.unpacked * MEGABYTE:
            raise Damaged(TOO_LARGE(size=size // MEGABYTE, limit=self.limits.unpacked))

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._names

    @property
    def is_signed(self) -> bool:
        """Whether somebody vouches for the file as it is."""
        return any(name.startswith("_xmlsignatures/") for name in self._names)

    def read(self, name: str) -> bytes:
        """A part's bytes. No more are unpacked than the archive says it has, which was added up before."""
        entry = self._names.get(name.casefold())
        if entry is None:
            raise Damaged(MISSING_PART(part=shortened(name)))
        try:
            # Asked for everything, zipfile unpacks two gigabytes of an entry that says it has a few bytes.
            with self.archive.open(entry) as opened:
                return opened.read(entry.file_size + 1)  # one more, so that an entry that says 0 is checked, too
        except _BROKEN as error:
            raise Damaged(DAMAGED_PART(part=shortened(name), reason=first_line(error))) from error

    def xml(self, name: str) -> bytes:
        """A part's XML in UTF-8, without anything that could make it grow."""
        content, _ = decoded(self.read(name), name)
        return _DECLARATION.sub(b"", content, count=1)

    def checked(self, name: str) -> bytes:
        """A part's XML as :meth:`xml` has it, seen to be whole, for a reader that is less strict."""
        content = self.xml(name)
        try:
            expat.ParserCreate("utf-8").Parse(content, True)
        except (expat.ExpatError, ValueError) as error:
            raise Damaged(DAMAGED_PART(part=shortened(name), reason=first_line(error))) from error
        return content

    def tree(self, name: str) -> ElementTree.Element:
        """A part's XML, its names without namespaces: two generations of the format use different ones."""
        content = self.xml(name)
        try:
            root = ElementTree.fromstring(content, parser=ElementTree.XMLParser(encoding="utf-8"))
        except (ElementTree.ParseError, ValueError) as error:
            raise Damaged(DAMAGED_PART(part=shortened(name), reason=first_line(error))) from error
        for element in root.iter():
            element.tag = local(element.tag)
        return root

    def relations(self, name: str) -> list[tuple[str, str, str]]:
        """What a part refers to inside the file: identifier, the last word of the type, the part's name."""
        folder, _, file = name.rpartition("/")
        holder = f"{folder}/_rels/{file}.rels" if folder else f"_rels/{file}.rels"
        if holder not in self:
            return []
        return [
            (relation.get("Id", ""), relation.get("Type", "").rpartition("/")[2], _target(folder, relation))
            for relation in self.tree(holder).iter("Relationship")
            if relation.get("TargetMode") != "External"
        ]

    def copy_to(self, target: Path | IO[bytes], changed: Mapping[str, Callable[[bytes], bytes]]) -> None:
        """The file again, with parts passed through functions; all others keep every byte, and their order."""
        with zipfile.ZipFile(target, "w") as made:
            made.comment = self.archive.comment
            for entry in self.archive.infolist():
                content = self.read(entry.orig_filename)
                if change := changed.get(entry.orig_filename.casefold()):
                    content = change(content)
                # Writing notes in the entry where it now stands.
                copied = copy.copy(entry)
                made.writestr(copied, content)
                # Writing gives rights to what has none; the directory at the end is not written yet.
                copied.external_attr = entry.external_attr


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise Damaged(FOLDER())
        if path.exists() and not path.is_file():
            raise Damaged(NO_PLAIN_FILE())
        with path.open("rb") as file:
            start = file.read(8)
    except FileNotFoundError:
        raise Damaged(NO_FILE()) from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise Damaged(NO_ACCESS(reason=getattr(error, "strerror", None) or first_line(error))) from error
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise Damaged(OLD_OR_LOCKED())
    if not start.startswith(b"PK"):
        raise Damaged(NOT_XLSX())


def _target(folder: str, relation: ElementTree.Element) -> str:
    target = unquote(relation.get("Target", ""))
    if target.startswith("/"):
        return posixpath.normpath(target.lstrip("/"))
    return posixpath.normpath(posixpath.join(folder, target))


_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
#: What XML is written in; in all of them each text has one way to stand in bytes.
_KNOWN = re.compile(r"utf-8|utf-16-[bl]e|us-ascii|ascii|iso-8859-\d+|windows-125\d")
_DECLARATION = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<\?xml\s[^>]*\?>")
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*\sencoding\s*=\s*["']([\w.:-]+)["']""")


def decoded(content: bytes, name: str) -> tuple[bytes, str]:
    """A part's XML in UTF-8, and the encoding that it has in the file, to which it can be brought back."""
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)
    if encoding is None:
        declared = _ENCODING.match(content.removeprefix(b"\xef\xbb\xbf"))
        encoding = declared[1].decode().lower() if declared else "utf-8"
    if encoding != "utf-8":
        try:
            if not _KNOWN.fullmatch(encoding):  # Python has some that do not lead back, and some that are none
                raise LookupError(f"unknown encoding: {encoding}")
            content = content.decode(encoding).encode()
        except (LookupError, UnicodeError) as error:
            raise Damaged(DAMAGED_PART(part=shortened(name), reason=first_line(error))) from error
    if _DOCTYPE.search(content):
        raise Damaged(DECLARES(part=shortened(name)))
    return content, encoding


def encoded(content: bytes, encoding: str) -> bytes:
    """XML in UTF-8 as a part in its own encoding holds it."""
    if encoding == "utf-8":
        return content
    return content.decode().encode(encoding, "xmlcharrefreplace")


def local(tag: str) -> str:
    """An element's name without its namespace."""
    return tag.rpartition("}")[2]


def shortened(name: str) -> str:
    """A name from a file as a line can show it."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in name)
    return shown if len(shown) <= 100 else f"{shown[:99]}…"


def first_line(error: BaseException) -> str:
    """What an exception says, in one line."""
    lines = str(error).strip().splitlines()
    return shortened(lines[0]) if lines else type(error).__name__

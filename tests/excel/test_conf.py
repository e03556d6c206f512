"""The configuration file as VBA reads it: values in a row, two at a time, in the code page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_udfs.excel.conf import INTERPRETER, MODULES, fits, read, untried, written

OURS = {INTERPRETER: r"C:\Users\Jürgen\kpi\Scripts\python.exe", MODULES: "kpi_udfs.hosts.xlwings_udfs"}
LINES = [f'"{name}","{value}"' for name, value in OURS.items()]


def text(*lines: str, encoding: str = "cp1252") -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode(encoding)


def test_a_new_file() -> None:
    content = written(b"", OURS, 1252)
    assert content == text(*LINES)
    assert b"J\xfcrgen" in content  # one byte, as VBA reads it
    assert read(content, 1252).odd_lines == ()
    assert {name: read(content, 1252).value(name.lower()) for name in OURS} == OURS


def test_other_lines_stay_byte_for_byte_behind_ours() -> None:
    others = [b'"LICENSE_KEY","abc=="', b"# Ada's remark", b'"PYTHONPATH","C:\\caf\xe9"', b"\x81\x8d"]
    content = b"\r\n".join([*others[:2], b'"interpreter_win","C:\\old\\python.exe"', b"", *others[2:]])
    assert written(content, OURS, 1252) == text(*LINES) + b"".join(line + b"\r\n" for line in others)
    assert written(written(content, OURS, 1252), {}, 1252) == b"".join(line + b"\r\n" for line in others)


def test_twice_is_once() -> None:
    content = written(text('"A","B"', "x"), OURS, 1252)
    assert written(content, OURS, 1252) == content


@pytest.mark.parametrize(
    ("mark", "encoding"), [(b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")]
)
def test_what_an_editor_saved_as_unicode_is_put_right(mark: bytes, encoding: str) -> None:
    saved = mark + text(LINES[0], '"PYTHONPATH","C:\\Jürgen"', encoding=encoding)
    assert read(saved, 1252).value(INTERPRETER) is None
    assert written(saved, OURS, 1252) == text(*LINES, '"PYTHONPATH","C:\\Jürgen"')


def test_japanese_windows() -> None:
    content = written(b"", {INTERPRETER: r"C:\Users\表示\python.exe"}, 932)
    assert b"\x95\x5c" in content  # a sign whose second byte is a backslash
    assert read(content, 932).value(INTERPRETER) == r"C:\Users\表示\python.exe"
    assert read(content, 1252).value(INTERPRETER) != r"C:\Users\表示\python.exe"


def test_what_the_code_page_lacks() -> None:
    assert fits("C:\\Jürgen", 1252)
    assert not fits("C:\\日本", 1252)
    assert not fits("C:\\Jürgen", 999)  # a code page that nobody knows
    with pytest.raises(UnicodeEncodeError):
        written(b"", {INTERPRETER: "C:\\日本"}, 1252)
    assert untried("C:\\日本", 65001)
    assert not untried("C:\\plain", 65001)
    assert not untried("C:\\Jürgen", 1252)


@pytest.mark.parametrize(
    ("content", "value", "odd"),
    [
        (b'"A","1"\r\n"K","2"\r\n', "2", ()),
        (b'"A","1"\n"K","2"', "2", ()),
        (b"A,1\r\nK, 2 \r\n", "2", ()),
        (b'"A","1"\r\n"k","2"\r\n"K","3"\r\n', "2", ()),
        (b'"A","1"\r\n\r\n"K","2"\r\n', None, (2,)),  # from here on, names and values have changed places
        (b'"A","1"\r\n\r\n\r\n"K","2"\r\n', "2", (2, 3)),  # and changed back
        (b'"A"\r\n"K","2"\r\n', None, (1,)),
        (b'"A","1","x"\r\n"K","2"\r\n', None, (1,)),
        (b'"K","C:\\a, b"\r\n', "C:\\a, b", ()),
        (b'"A","1"\r\n\x1a"K","2"\r\n', None, ()),  # the end of a file, once upon a time
        (b'"K",\r\n', "", ()),
        (b'"A","1"\r\n"K"', None, (2,)),
    ],
)
def test_what_vba_finds(content: bytes, value: str | None, odd: tuple[int, ...]) -> None:
    assert read(content, 1252).value("K") == value
    assert read(content, 1252).odd_lines == odd


NAMES = st.text(st.characters(codec="cp1252", exclude_characters='"\r\n\x1a\x1c\x1d\x1e\x0b\x0c\x85'), min_size=1)


@given(st.dictionaries(NAMES, NAMES, max_size=5), st.binary(max_size=60))
def test_our_settings_are_found_whatever_else_is_in_the_file(others: dict[str, str], junk: bytes) -> None:
    content = text(*(f'"{name}","{value}"' for name, value in others.items())) + junk.replace(b"\x1a", b"")
    made = written(content, OURS, 1252)
    assert {name: read(made, 1252).value(name) for name in OURS} == OURS
    assert written(made, OURS, 1252) == made

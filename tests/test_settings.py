"""Configuration files: what is read, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kpi_udfs import calls, settings
from kpi_udfs.errors import ConfigError
from kpi_udfs.registry import KPIS


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("KPI_UDFS_CONFIG", str(tmp_path))
    settings.forget()
    return tmp_path


def problems(folder: Path, name: str, content: str | bytes) -> list[str]:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        settings.load()
    assert all(str(problem).startswith(f"{file}:") for problem in caught.value.problems)
    return [str(problem).removeprefix(f"{file}:").strip() for problem in caught.value.problems]


def test_each_file_is_found_on_its_own(folder: Path) -> None:
    (folder / "settings.yaml").write_text("schema: kpi_udfs.settings/1\nlanguage: de_CH\ntimezone: Europe/Zurich\n")
    loaded = settings.load()
    assert (loaded.language, loaded.timezone, loaded.date_system) == ("de_CH", "Europe/Zurich", 1900)
    assert loaded.outcomes["won"] == "won"  # still from the packaged file


def test_all_problems_at_once_with_line_and_nearest_word(folder: Path) -> None:
    told = problems(
        folder,
        "settings.yaml",
        "schema: kpi_udfs.settings/1\nlangage: de\nlanguage: klingon\ntimezone: Europe/Berln\ndate_system: 1905\n",
    )
    assert told == [
        '2: unknown key "langage". Did you mean "language"?',
        '3: "klingon" is no language; write for example de, de_CH, fr, it, id or en_GB',
        '4: "Europe/Berln" is no time zone; write for example Europe/Berlin',
        "5: date_system is 1900 or 1904, not 1905",
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("settings.yaml", "language: de\n", ["1: the line schema: kpi_udfs.settings/1 is missing"]),
        ("settings.yaml", "schema: other/9\n", ["1: the schema should be kpi_udfs.settings/1, not other/9"]),
        ("settings.yaml", "- a\n- b\n", ["1: the file should begin with schema: kpi_udfs.settings/1 and hold entries of the form key: value"]),
        ("settings.yaml", "schema: kpi_udfs.settings/1\nlanguage: de\nlanguage: fr\n",
         ['3: the key "language" stands here a second time']),
        ("settings.yaml", "schema: kpi_udfs.settings/1\n\tlanguage: de\n",
         ["2: a tab stands here; indent with spaces"]),
        ("outcomes.yaml", "# nothing\n",
         ["1: the file should begin with schema: kpi_udfs.outcomes/1 and hold entries of the form key: value"]),
        ("settings.yaml", "schema: [a]\n", ["1: the schema should be kpi_udfs.settings/1, not a list"]),
        ("settings.yaml", "schema: kpi_udfs.settings/1\nlanguage: [de]\ntimezone: [UTC]\n",
         ["2: language takes one value, not a list", "3: timezone takes one value, not a list"]),
        ("settings.yaml", "schema: kpi_udfs.settings/1\ntimezone: Europe\n",
         ['2: "Europe" is no time zone; write for example Europe/Berlin']),
        ("stages.yaml", "schema: kpi_udfs.stages/1\nstages:\n  - {id: a, names: [b], [x]: y}\n",
         ['3: unknown key "…". Known are: id, names.']),
        ("stages.yaml", "schema: kpi_udfs.stages/1\nstages:\n  - {id: a, id: b, names: [c]}\n", ["3: a key stands here twice"]),
        ("stages.yaml", "schema: kpi_udfs.stages/1\nstages:\n  - {id: a, names: [x]}\n  - {id: a, names: [x]}\n",
         ['4: the stage "a" stands here a second time']),
        ("settings.yaml", b"language: \xff\n", ["1: the file is not UTF-8 text; save it with the encoding UTF-8"]),
        ("settings.yaml", "a: &x 1\nb: *x\n", ["1: anchors and aliases (&name, *name) are not used in this file; put a text that begins with & or * in quotes"]),
        ("settings.yaml", "#" * 1_000_001, ["the file is larger than 256,000 bytes"]),
        ("settings.yaml", "a: " + "[" * 5000 + "]" * 5000, ["1: the file is nested too deeply"]),
        ("outcomes.yaml", "schema: kpi_udfs.outcomes/1\nwon: [done]\nlost: [Done]\n",
         ['3: "Done" can\'t mean won and lost']),
        ("outcomes.yaml", "schema: kpi_udfs.outcomes/1\nwon: done\n", ["2: this should be a list of words"]),
        ("stages.yaml", "schema: kpi_udfs.stages/1\nstages:\n  - {id: a, names: [x]}\n  - {id: b, names: [X]}\n",
         ['4: "X" already names the stage a']),
        ("stages.yaml", "schema: kpi_udfs.stages/1\nstages:\n  - {id: a, nams: [x]}\n",
         ['3: unknown key "nams". Did you mean "names"?', "3: a stage has an id and names"]),
    ],
)  # fmt: skip
def test_mistakes(folder: Path, name: str, content: str | bytes, expected: list[str]) -> None:
    assert problems(folder, name, content) == expected


@pytest.mark.parametrize("nothing", ["", "null", "~", '""'])
def test_nothing_given_is_no_language(folder: Path, nothing: str) -> None:
    (folder / "settings.yaml").write_text(f"schema: kpi_udfs.settings/1\nlanguage: {nothing}\n")
    assert settings.load().language is None


@pytest.mark.parametrize("name", ["missing", "x" * 5000])
def test_a_folder_that_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("KPI_UDFS_CONFIG", str(folder / name))
    settings.forget()
    answer = calls.answer(KPIS["COST_PER_LEAD"], [1200, 40], calls.context_now())
    assert answer.cell.code == "#VALUE!"
    assert "configuration can't be used" in answer.explanation


def test_what_explains_says_that_the_configuration_is_wrong(folder: Path) -> None:
    (folder / "settings.yaml").write_text("schema: kpi_udfs.settings/1\nlangage: de\n")
    settings.forget()
    for name in ("KPI_EXPLAIN", "KPI_DEFINITION", "KPI_VERSION"):
        said = calls.call(KPIS[name], ["WIN_RATIO", ["won", "lost"]], calls.context_now())
        assert said.startswith("#VALUE!: The configuration can't be used: "), name
        assert 'settings.yaml:2: unknown key "langage"' in said


def test_an_invalid_file_shows_in_the_cell_and_its_repair_is_noticed(folder: Path) -> None:
    file = folder / "settings.yaml"
    file.write_text("langage: de\n")
    settings.forget()
    answer = calls.answer(KPIS["COST_PER_LEAD"], [1200, 40], calls.context_now())
    assert answer.cell.code == "#VALUE!"
    assert f"{file}:1: unknown key" in answer.explanation
    file.write_text("schema: kpi_udfs.settings/1\nlanguage: de\n")
    settings.forget()
    assert calls.call(KPIS["COST_PER_LEAD"], ["1.200", 40], calls.context_now()) == 30.0


def test_a_changed_file_is_noticed_by_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "settings.yaml"
    file.write_text("schema: kpi_udfs.settings/1\nlanguage: de\n")
    settings.forget()
    assert settings.current().language == "de"
    file.write_text("schema: kpi_udfs.settings/1\nlanguage: fr_FR\n")
    now = settings.time.monotonic()
    monkeypatch.setattr(settings.time, "monotonic", lambda: now + 2)
    assert settings.current().language == "fr_FR"


def test_the_environment_sets_the_language(language: Any) -> None:
    language("id")
    assert settings.current().language == "id"
    language("xx_nowhere")
    with pytest.raises(ConfigError, match='KPI_UDFS_LANGUAGE: "xx_nowhere" is no language'):
        settings.current()


def test_the_fingerprint_differs_where_settings_differ(folder: Path) -> None:
    before = settings.load().fingerprint
    (folder / "settings.yaml").write_text("schema: kpi_udfs.settings/1\ntimezone: Asia/Jakarta\n")
    assert settings.load().fingerprint != before
    assert settings.load().fingerprint == settings.load().fingerprint


def test_every_language_has_words_for_every_outcome_and_stage() -> None:
    """The words our own template uses in each language are understood."""
    from kpi_udfs.messages import say
    from kpi_udfs.workbooks.recipes import recipes

    recipes()
    from kpi_udfs.messages import CATALOG, LANGUAGES

    loaded = settings.load()
    for locale in LANGUAGES:
        for outcome in ("won", "lost", "open"):
            word = say(CATALOG[f"sales_funnel.outcome.{outcome}"], locale)
            assert loaded.outcomes[word.casefold()] == outcome, (locale, word)
        for stage in ("lead", "mql", "sql", "opportunity", "customer"):
            header = settings.fold(say(CATALOG[f"sales_funnel.column.{stage}"], locale))
            assert header in dict(loaded.stages)[stage], (locale, header)


def test_no_header_stands_for_two_columns_and_every_language_has_its_own() -> None:
    columns = settings.load().columns
    names = [name for _, known in columns for name in known]
    assert len(names) == len(set(names))
    first_touch = dict(columns)["first_touch"]
    assert {"first contact", "erstkontakt", "premier contact", "primo contatto", "kontak pertama"} <= set(first_touch)


def test_columns_are_read_like_stages(folder: Path) -> None:
    file = folder / "columns.yaml"
    file.write_text(
        "schema: kpi_udfs.columns/1\ncolumns:\n  - {id: rep, names: [Owner]}\n  - {id: team, names: [owner]}\n"
        "  - {id: rep, name: [x]}\n"
    )
    with pytest.raises(ConfigError) as raised:
        settings.load()
    told = str(raised.value)
    assert f'{file}:4: "owner" already names the column rep' in told
    assert f'{file}:5: unknown key "name". Did you mean "names"?' in told
    assert f"{file}:5: a column has an id and names" in told

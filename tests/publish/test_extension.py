"""The extension for LibreOffice, part by part."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import pytest

import kpi_udfs
from kpi_udfs.libreoffice.bundle import NEEDS, extension
from kpi_udfs.messages import LANGUAGES, say
from kpi_udfs.publish import libreoffice
from kpi_udfs.registry import KPIS
from kpi_udfs.settings import packaged

_OOR = "{http://openoffice.org/2001/registry}"
_XML = "{http://www.w3.org/XML/1998/namespace}"
_LANGUAGES = {"en-US" if language == "en" else language: language for language in LANGUAGES}


@pytest.fixture(scope="module")
def content() -> bytes:
    return extension()


@pytest.fixture(scope="module")
def files(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len({name.casefold() for name in names}) == len(names), "Windows knows no case"
        return {name: archive.read(name) for name in names}


# --------------------------------------------------------------------------------- what Calc reads


def test_every_file_for_calc_is_named_and_there(files: dict[str, bytes]) -> None:
    manifest = ElementTree.fromstring(files["META-INF/manifest.xml"])
    named = [entry.attrib["{http://openoffice.org/2001/manifest}full-path"] for entry in manifest]
    assert sorted(named) == ["CalcAddIns.xcu", "addin.components", "types.rdb"]
    components = ElementTree.fromstring(files["addin.components"])
    uris = [node.attrib["uri"] for node in components.iter() if "uri" in node.attrib]
    assert uris == ["./kpi_udfs_addin.py"]
    assert {*named, "kpi_udfs_addin.py"} <= files.keys()


def test_the_list_of_extensions_shows_it_in_every_language(files: dict[str, bytes]) -> None:
    root = ElementTree.fromstring(files["description.xml"])
    space = "{http://openoffice.org/extensions/description/2006}"
    names = {node.attrib["lang"]: node.text for node in root.iter(f"{space}name")}
    assert names == {shown: say(libreoffice.NAME, language) for shown, language in _LANGUAGES.items()}
    about = {
        node.attrib["lang"]: node.attrib["{http://www.w3.org/1999/xlink}href"] for node in root.iter(f"{space}src")
    }
    assert {language: files[place].decode().strip() for language, place in about.items()} == {
        shown: say(libreoffice.ABOUT, language) for shown, language in _LANGUAGES.items()
    }
    (identifier,) = root.iter(f"{space}identifier")
    assert identifier.attrib["value"] == "org.kpiudfs.calc"
    (needs,) = root.iter("{http://libreoffice.org/extensions/description/2011}LibreOffice-minimal-version")
    assert needs.attrib["value"] == "25.2"


def test_names_and_help_in_every_language(files: dict[str, bytes]) -> None:
    root = ElementTree.fromstring(files["CalcAddIns.xcu"])
    (functions,) = [node for node in root.iter("node") if node.attrib[f"{_OOR}name"] == "AddInFunctions"]
    nodes = {node.attrib[f"{_OOR}name"]: node for node in functions}
    assert list(nodes) == [libreoffice.method_name(spec) for spec in KPIS.values()]
    for spec in KPIS.values():
        node = nodes[libreoffice.method_name(spec)]
        assert told(node, "DisplayName") == {"en-US": spec.name}
        assert told(node, "CompatibilityName") == {"en-US": spec.name}, "the name in .xlsx files"
        assert told(node, "Description") == {shown: say(spec.tooltip, lang) for shown, lang in _LANGUAGES.items()}
        (group,) = [child for child in node if child.attrib[f"{_OOR}name"] == "Parameters"]
        assert len(group) == len(spec.params)
        for param, shown in zip(spec.params, group, strict=True):
            assert told(shown, "DisplayName") == {"en-US": param.name}
            assert told(shown, "Description") == {name: say(param.help, lang) for name, lang in _LANGUAGES.items()}


def told(node: ElementTree.Element, name: str) -> dict[str, str | None]:
    """The values of a property, by language."""
    (prop,) = [child for child in node if child.tag == "prop" and child.attrib[f"{_OOR}name"] == name]
    values = list(prop)
    found = {value.attrib[f"{_XML}lang"]: value.text for value in values}
    assert len(found) == len(values)
    return found


def test_the_add_in_names_each_function(files: dict[str, bytes]) -> None:
    source = files["kpi_udfs_addin.py"].decode()
    assert "@" not in source.replace("@\n", ""), "a mark that nothing took the place of"
    assigned = {
        node.targets[0].id: node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert ast.literal_eval(assigned["FUNCTIONS"]) == {
        libreoffice.method_name(spec): (spec.name, spec.gives_block, libreoffice.is_told(spec))
        for spec in KPIS.values()
    }


# ------------------------------------------------------------------------------- the Python inside


def test_the_python_is_pure_and_runs_on_the_oldest_python(files: dict[str, bytes]) -> None:
    inside = [PurePosixPath(name) for name in files if name.startswith("python/")]
    assert not [place for place in inside if place.suffix in (".so", ".pyd", ".pyc", ".dll", ".dylib", ".exe")]
    assert not [place for place in inside if ".." in place.parts or "__pycache__" in place.parts]
    python = [name for name in files if name.endswith(".py")]
    assert len(python) > 100
    for name in python:
        ast.parse(files[name], name, feature_version=(3, 10))


def test_what_the_functions_need_is_inside_and_nothing_for_other_programs(files: dict[str, bytes]) -> None:
    tops = {name.split("/")[1] for name in files if name.startswith("python/")}
    packages = {top for top in tops if not top.endswith(".dist-info")}
    assert packages == {"_yaml", "babel", "kpi_udfs", "narwhals", "platformdirs", "tzdata", "yaml"}
    ours = {name.removeprefix("python/kpi_udfs/") for name in files if name.startswith("python/kpi_udfs/")}
    assert {"calls.py", "hosts/libreoffice.py", "config/outcomes.yaml", "locale/de.json"} <= ours
    assert {name for name in ours if name.startswith("hosts/")} == {
        "hosts/__init__.py", "hosts/libreoffice.py", "hosts/mistakes.py",
    }  # fmt: skip
    assert not {"cli", "excel", "publish", "workbooks"} & {name.split("/")[0] for name in ours}
    for language in LANGUAGES[1:]:
        assert json.loads(files[f"python/kpi_udfs/locale/{language}.json"])


def test_every_package_brings_its_licence(files: dict[str, bytes]) -> None:
    told = [name for name in files if PurePosixPath(name).name.upper().startswith(("LICENSE", "LICENCE", "COPYING"))]
    for package in (*NEEDS, "kpi_udfs"):
        folder = f"python/{package.lower()}-"
        assert [name for name in told if name.startswith(folder)], package
        (about,) = [name for name in files if name.startswith(folder) and name.endswith("/METADATA")]
        assert f"name: {package.lower()}" in files[about].decode().lower()


def test_it_answers_with_nothing_but_its_own_python(files: dict[str, bytes], tmp_path: Path) -> None:
    """As LibreOffice's Python runs it: isolated, without what is installed here."""
    for name, what in files.items():
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(what)
    asked = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from kpi_udfs.hosts.libreoffice import Door\n"
        "door = Door(sys.argv[2])\n"
        "print(door.answer('COST_PER_LEAD', (1200.0, 40.0)), door.answer('KPI_DEFINITION', ('WIN_RATIO', 'de')))\n"
        "print(door.answer('WIN_RATIO_BY', ((('won',),), (('Ada',),)))[0][0])\n"
        "print(sorted({m.__file__ for m in sys.modules.values() if 'site-packages' in str(getattr(m, '__file__', ''))}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", asked, str(tmp_path / "python"), str(tmp_path / "profile")],
        env={**os.environ, "HOME": str(tmp_path), "PYTHONUTF8": "1"}, cwd=tmp_path,
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    cost, missing, foreign = done.stdout.splitlines()
    assert cost.startswith("30.0 ")
    assert say(KPIS["WIN_RATIO"].definition, "de") in cost
    assert "libreoffice install --with-pandas" in missing
    assert foreign == "[]"


# ------------------------------------------------------------------------------------------ bytes


def test_the_same_installation_gives_the_same_bytes(content: bytes, tmp_path: Path) -> None:
    """Installed in another folder, at another time, on a computer that speaks German."""
    package = Path(kpi_udfs.__file__ or "").parent
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, tmp_path / "kpi_udfs", copy_function=shutil.copy, ignore=skip)
    if not (tmp_path / "kpi_udfs" / "config").is_dir():  # a checkout, where it lies beside the package
        shutil.copytree(packaged("config"), tmp_path / "config", copy_function=shutil.copy)
    written = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import hashlib, kpi_udfs\nfrom kpi_udfs.libreoffice.bundle import extension\n"
        f"assert kpi_udfs.__file__.startswith({str(tmp_path)!r})\n"
        "print(hashlib.sha256(extension()).hexdigest())"
    )
    environment = {**os.environ, "TZ": "Pacific/Auckland", "KPI_UDFS_LANGUAGE": "de", "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", written], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    assert done.stdout.strip() == hashlib.sha256(content).hexdigest()

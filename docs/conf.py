"""The documentation site: Sphinx over the Markdown pages as they lie here, readable without it too."""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

from sphinx.application import Sphinx

project = "kpi_udfs"
author = "The kpi_udfs authors"
copyright = author
release = metadata.version("kpi_udfs")
extensions = ["myst_parser"]
# Headings that a page links to within itself.
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"kpi_udfs {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False

_LINK_DOWN = re.compile(r"\[([^\]]+)\]\((\w[\w/]*)\.md\)")


def _chapters(app: Sphinx, docname: str, source: list[str]) -> None:
    """The pages that an index links to are its chapters; the Markdown needs no directive for it."""
    if docname.rpartition("/")[2] == "index":
        entries = "\n".join(f"{title} <{page}>" for title, page in _LINK_DOWN.findall(source[0]))
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"


def _page_language(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Each page names its own language, so that it is read aloud and hyphenated as such."""
    folder, slash, _ = pagename.partition("/")
    if slash:
        context["language"] = folder


def setup(app: Sphinx) -> None:
    app.connect("source-read", _chapters)
    app.connect("html-page-context", _page_language)

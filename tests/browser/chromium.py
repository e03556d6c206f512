"""A real headless Chromium that opens a page and says what it saw."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NO_CHROMIUM = "These tests need Chromium: .ci/run installs it from Debian."
#: What a copy of the page tells about itself. A page of ours runs no script; in the copy the rule is taken out.
_MEASURES = """
addEventListener("load", () => {
  if (OPEN) document.querySelectorAll("details").forEach(one => one.open = true);
  const shade = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3)
      .map(part => part / 255).map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = one => {
    for (; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = [...document.body.querySelectorAll("*")].filter(one => one.checkVisibility() &&
    [...one.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim()));
  const contrasts = texts.map(one => {
    const [dark, light] = [shade(getComputedStyle(one).color), shade(behind(one))].sort((a, b) => a - b);
    return (light + .05) / (dark + .05);
  });
  const told = one => `${one.tagName} ${one.className}: ${one.textContent.slice(0, 40)}`;
  parent.postMessage(JSON.stringify({
    window: innerWidth,
    page: document.documentElement.scrollWidth,
    wide: texts.filter(one => !one.closest(".scroll, caption")
      && one.getBoundingClientRect().right > innerWidth + .5).map(told),
    scrolling: [...document.querySelectorAll(".scroll")].filter(one => one.scrollWidth > one.clientWidth).length,
    faint: texts.filter((_, at) => contrasts[at] < 4.5).map(told),
    small: texts.filter(one => parseFloat(getComputedStyle(one).fontSize) < 12).map(told),
    back: getComputedStyle(document.body).backgroundColor,
    first: texts.filter(one => one.getBoundingClientRect().bottom < innerHeight).map(one => one.textContent),
    open: document.querySelectorAll("details[open]").length,
    milliseconds: performance.now(),
  }), "*");
});
"""
#: The window around the page: Chromium's own is never narrower than 500 pixels.
_FRAME = """<!DOCTYPE html><html style="color-scheme: light dark"><title></title>
<script>addEventListener("message", event => document.title = event.data)</script>
<iframe src="FILE" style="width: WIDTHpx; height: 844px; border: 0"></iframe></html>
"""


class Chromium:
    """The browser, with nothing of whoever runs the tests."""

    def __init__(self, folder: Path) -> None:
        self.program, self.folder = installed(), folder
        self.number = 0

    def measured(self, page: str, *, width: int = 360, dark: bool = False, opened: bool = False) -> dict[str, Any]:
        """What the page is like in a window of that width."""
        copy = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
        assert copy != page
        script = f"<script>{_MEASURES.replace('OPEN', str(opened).lower())}</script>"
        file = self.folder / f"copy{self.number}.html"
        file.write_text(copy.replace("</head>", f"{script}</head>"), encoding="utf-8")
        frame = _FRAME.replace("FILE", file.name).replace("WIDTH", str(width))
        done = self.run(frame, "--dump-dom", width=width + 100, dark=dark)
        title = re.search("<title>(.*?)</title>", done.stdout, re.DOTALL)
        assert title, done.stderr
        return dict(json.loads(html.unescape(title[1])))

    def complaints(self, page: str) -> list[str]:
        """What the browser writes on its console when it opens the page as it is."""
        done = self.run(page, "--dump-dom", "--enable-logging=stderr")
        return [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    def printed(self, page: str, *, dark: bool = False) -> bytes:
        """The page as a PDF, without the moment it was made."""
        file = self.folder / "printed.pdf"
        self.run(page, "--no-pdf-header-footer", f"--print-to-pdf={file}", dark=dark)
        return re.sub(rb"/(CreationDate|ModDate) \([^)]*\)", b"", file.read_bytes())

    def run(
        self, page: str, *arguments: str, width: int = 390, height: int = 844, dark: bool = False
    ) -> subprocess.CompletedProcess[str]:
        self.number += 1
        file, profile = self.folder / f"page{self.number}.html", self.folder / f"profile{self.number}"
        file.write_text(page, encoding="utf-8")
        try:
            return subprocess.run(
                [
                    self.program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--hide-scrollbars", f"--user-data-dir={profile}", f"--window-size={width},{height}",
                    f"--blink-settings=preferredColorScheme={0 if dark else 1}", *arguments, file.as_uri(),
                ],
                capture_output=True, text=True, encoding="utf-8", timeout=120, check=True,
            )  # fmt: skip
        finally:
            shutil.rmtree(profile, ignore_errors=True)


def installed() -> str:
    """The Chromium of this machine. Where the tests decide about a change, it has to be there."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if program := shutil.which(name):
            return program
    if os.environ.get("CI") == "true":
        raise RuntimeError(NO_CHROMIUM)
    pytest.skip(NO_CHROMIUM)

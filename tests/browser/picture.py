"""Makes the picture of a timeline that the documentation shows: ``python -m tests.browser.picture``.

It runs the suite of the page that shows it, and takes the picture of what the browser makes of the timeline.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.docs.pages import ROOT, File, projects
from tests.isolation import ONLY_OURS

from .chromium import browser, found

SHOWN = ROOT / "docs" / "how-to" / "see-what-happened-when.md"
PICTURE = SHOWN.with_suffix("") / "timeline.png"
WIDTH = 900
MARGIN = 8


def run(folder: Path) -> Path:
    """Run the suite of the page; returns the timeline."""
    [project] = projects(SHOWN)
    for step in project.steps:
        if isinstance(step, File):
            (folder / step.name).write_text(step.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-n3", "--fixture-worker"]
    command.append("--fixture-worker-timeline=timeline.html")
    environment = {**os.environ, **ONLY_OURS, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return folder / "timeline.html"


def main() -> None:
    command = found()
    assert command is not None, "there is no Chromium"
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        browser(command, Path(folder) / "profile") as running,
    ):
        timeline = run(Path(folder))
        page = running.page()
        page.resize(WIDTH, 1600)
        page.prefer("light")
        page.open(timeline)
        # What is for the hand is left out of a picture.
        page.run("document.querySelectorAll('#tools, #keys').forEach(each => each.remove())")
        top, bottom = (
            page.run(f"document.querySelector('{part}').getBoundingClientRect().{side}")
            for part, side in ((".legend", "top"), (".picture", "bottom"))
        )
        clip = {"x": 0, "y": top - MARGIN, "width": WIDTH, "scale": 1}
        clip["height"] = bottom - top + 2 * MARGIN
        PICTURE.write_bytes(page.picture(clip=clip))


if __name__ == "__main__":
    main()

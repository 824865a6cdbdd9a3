"""Configuration of the documentation: sphinx-build -W -b html docs docs/_build/html."""

import subprocess
import sys
from importlib.metadata import version as _version
from pathlib import Path

project = "pytest-xdist-fixtureworker"
project_copyright = "the pytest-xdist-fixtureworker developers"
release = version = _version(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build", "newsfragments", "**/.pytest_cache"]
nitpicky = True
nitpick_ignore = [("py:class", "pytest.Config"), ("py:exc", "pytest.UsageError")]
# Python's and pytest's objects stay without links, so that a build needs no network.
nitpick_ignore_regex = [("py:.*", r"(pytest|collections|typing)\..*")]

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
autodoc_typehints = "none"
autodoc_member_order = "bysource"
maximum_signature_line_length = 80

html_theme = "furo"
html_title = project
pygments_dark_style = "github-dark"  # Furo's own underlines the names of modules
html_static_path = ["_static"]
html_css_files = ["style.css"]

# A button copies what is typed, not the prompt and what is printed.
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .gp, .go"


def _with_next_release(_app, page, source):
    """Put what is in newsfragments, as towncrier shows it, into the page of the changelog."""
    if page != "changelog":
        return
    draft = subprocess.run(
        [sys.executable, "-m", "towncrier", "build", "--draft", "--date", "not released yet"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    if draft.returncode:
        raise RuntimeError(draft.stderr)
    source[0] = source[0].replace("<!-- next release -->", draft.stdout)


def setup(app):
    app.connect("source-read", _with_next_release)

"""Configuration of the documentation: sphinx-build -W -b html docs docs/_build/html."""

from importlib.metadata import version as _version

project = "pytest-xdist-fixtureworker"
project_copyright = "the pytest-xdist-fixtureworker developers"
release = version = _version(project)

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "newsfragments", "**/.pytest_cache"]
nitpicky = True
nitpick_ignore = [("py:class", "pytest.Config"), ("py:exc", "pytest.UsageError")]
# Python's and pytest's objects stay without links, so that a build needs no network.
nitpick_ignore_regex = [("py:.*", r"(pytest|collections|typing)\..*")]

myst_heading_anchors = 3
autodoc_typehints = "none"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = project

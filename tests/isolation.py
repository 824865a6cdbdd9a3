"""Keeps the plugins that are installed to be tested with ours out of all other tests.

They come with the extra ``test``, and pytest loads what is installed; some change the order of tests,
or all that a run prints. The run of these tests itself is kept free of them in pyproject.toml.
"""

from __future__ import annotations

#: With these variables, pytest loads xdist and this plugin, by the names of their entry points, and
#: no other plugin that is installed. More ``-p`` load more.
ONLY_OURS = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_ADDOPTS": "-p xdist -p xdist_fixtureworker",
}

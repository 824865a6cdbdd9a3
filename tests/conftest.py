"""For all tests: pytest's own ``pytester`` fixture, which runs pytest in a subprocess."""

pytest_plugins = ["pytester"]

"""The server of pytest-httpserver, one for all test workers."""

import urllib.request

import pytest


@pytest.fixture
def mock(make_httpserver, request):
    """Paths of this test on the server that all tests use."""
    return Mock(make_httpserver, request.node.name)


class Mock:
    def __init__(self, server, name):
        self.server = server
        self.prefix = "/" + "".join(filter(str.isalnum, name))

    def expect(self, path, data):
        """Answer requests of this test with ``data``."""
        self.server.expect_request(self.prefix + path).respond_with_json(data)

    def get(self, path):
        with urllib.request.urlopen(self.server.url_for(self.prefix + path)) as response:
            return response.read()

    def requests(self):
        """The paths that this test has asked for."""
        paths = (request.path for request, response in self.server.log)
        return [path for path in paths if path.startswith(self.prefix + "/")]

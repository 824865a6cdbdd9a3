import json

import pytest


@pytest.mark.parametrize("number", range(12))
def test_answer(mock, number):
    mock.expect("/number", {"number": number})
    assert json.loads(mock.get("/number")) == {"number": number}
    assert mock.requests() == [mock.prefix + "/number"]


def test_one_server(mock):
    assert mock.server.is_running()

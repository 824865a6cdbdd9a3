"""``attrs(...)`` and the records that come of it."""

from __future__ import annotations

import copy
import pickle
from types import SimpleNamespace
from typing import Any

import pytest

from xdist_fixtureworker import attrs
from xdist_fixtureworker.declared import attributes
from xdist_fixtureworker.declared.attributes import AttributeRecord, Attributes, take

SERVER = SimpleNamespace(
    url="http://here",
    port=80,
    config=SimpleNamespace(host="here", limits=SimpleNamespace(low=1, high=9)),
)


def record(*names: str) -> Any:
    return take(SERVER, "server", attrs(*names))


def test_names() -> None:
    assert attrs("url", "config.host", "url") == Attributes(("url", "config.host"))


@pytest.mark.parametrize("name", ["", ".", "url.", "a b", "url()", "1", "a..b", None, 1, ("url",)])
def test_not_a_name(name: Any) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        attrs("port", name)
    assert str(excinfo.value) == attributes.not_an_attribute(name)


def test_no_name() -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        attrs()
    assert str(excinfo.value) == attributes.no_attributes()


@pytest.mark.parametrize("names", [("config", "config.host"), ("config.host", "config")])
def test_one_within_another(names: tuple[str, str]) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        attrs(*names)
    assert str(excinfo.value) == attributes.attribute_within_another("config.host", "config")


def test_names_that_only_start_alike() -> None:
    assert attrs("config", "configuration.host").names == ("config", "configuration.host")


def test_attributes() -> None:
    taken = record("url", "config.host", "config.limits.high")
    assert taken.url == "http://here"
    assert taken.config.host == "here"
    assert taken.config.limits.high == 9
    assert vars(taken) == {"url": "http://here", "config": taken.config}
    assert "url" in dir(taken)


def test_read_once() -> None:
    class Counter:
        reads = 0

        @property
        def next(self) -> int:
            self.reads += 1
            return self.reads

    counter = Counter()
    taken = take(counter, "counter", attrs("next"))
    assert (taken.next, taken.next, counter.reads) == (1, 1, 1)


def test_an_attribute_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="most"):
        record("config.limits.most")


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))]
)
def test_a_copy_is_the_same(again: Any) -> None:
    taken = record("url", "config.host")
    copied = again(taken)
    assert type(copied) is AttributeRecord
    assert repr(copied) == repr(taken)
    with pytest.raises(AttributeError) as excinfo:
        _ = copied.config.port
    assert str(excinfo.value) == attributes.not_shared(
        "server", "config.port", ("url", "config.host")
    )


def test_repr() -> None:
    assert repr(record("url", "config.host")) == (
        "<server: url='http://here', config=<server.config: host='here'>>"
    )


def test_what_is_not_shared() -> None:
    taken = record("url", "config.host")
    assert not hasattr(taken, "port")
    with pytest.raises(AttributeError) as excinfo:
        _ = taken.port
    assert str(excinfo.value) == attributes.not_shared("server", "port", ("url", "config.host"))


def test_read_only() -> None:
    taken = record("url", "config.host")
    with pytest.raises(AttributeError) as excinfo:
        taken.url = "http://there"
    assert str(excinfo.value) == attributes.record_is_read_only("server", "url")
    with pytest.raises(AttributeError) as excinfo:
        del taken.config.host
    assert str(excinfo.value) == attributes.record_is_read_only("server", "config.host")
    assert (taken.url, taken.config.host) == ("http://here", "here")

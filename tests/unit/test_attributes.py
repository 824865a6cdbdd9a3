"""``attrs(...)`` and the records that come of it."""

from __future__ import annotations

import copy
import pickle
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import pytest

from xdist_fixtureworker import attrs
from xdist_fixtureworker.declared import attributes
from xdist_fixtureworker.declared.attributes import (
    AttributeRecord,
    Attributes,
    CannotTakeError,
    Computed,
    take,
)
from xdist_fixtureworker.declared.decorator import Declaration
from xdist_fixtureworker.errors import CannotShareError
from xdist_fixtureworker.sharing.values import cannot_read, function_raised, share
from xdist_fixtureworker.wire.culprit import find_culprit
from xdist_fixtureworker.wire.messages import Inline
from xdist_fixtureworker.wire.pickles import unpack

SERVER = SimpleNamespace(
    url="http://here",
    port=80,
    config=SimpleNamespace(host="here", limits=SimpleNamespace(low=1, high=9)),
)


def record(*names: str) -> Any:
    return take(SERVER, "server", attrs(*names))


def test_names() -> None:
    assert attrs("url", "config.host", "url") == Attributes(("url", "config.host"))


@pytest.mark.parametrize("name", ["", ".", "url.", "a b", "()", "1", "a..b", None, 1, ("url",)])
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
    with pytest.raises(CannotTakeError) as excinfo:
        record("url", "config.limits.most", "config.host")
    assert excinfo.value.name == "config.limits.most"
    assert isinstance(excinfo.value.__cause__, AttributeError)


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


# --- calls and items


class Container:
    """As testcontainers has them."""

    ports = {"http": (80, 8080), "it's": (1,)}  # noqa: RUF012  # not changed

    def __init__(self) -> None:
        self.calls: list[str] = []

    def get_connection_url(self) -> str:
        self.calls.append("url")
        return "redis://here"

    def get_exposed_port(self, port: int, protocol: str = "tcp") -> int:
        self.calls.append(f"{port}/{protocol}")
        return {6379: 32768}[port]

    def itself(self) -> Container:
        self.calls.append("itself")
        return self

    def __call__(self) -> str:
        return "called"


def contained(*names: str) -> Any:
    return take(Container(), "redis", attrs(*names))


CALLS = ("get_connection_url()", "get_exposed_port(6379)", "get_exposed_port(6379, protocol='udp')")


def test_calls() -> None:
    container = Container()
    taken: Any = take(container, "redis", attrs(*CALLS))
    for _ in range(2):
        assert taken.get_connection_url() == container.get_connection_url()
        assert taken.get_exposed_port(6379) == container.get_exposed_port(6379)
        assert taken.get_exposed_port(6379, protocol="udp") == 32768
    assert container.calls.count("6379/udp") == 1
    assert callable(taken.get_exposed_port)
    assert not callable(taken)


@pytest.mark.parametrize(
    ("use", "name"),
    [
        (lambda r: r.get_exposed_port(80), "get_exposed_port(80)"),
        (lambda r: r.get_exposed_port(), "get_exposed_port()"),
        (lambda r: r.get_exposed_port(port=6379), "get_exposed_port(port=6379)"),
        (lambda r: r.get_exposed_port(6379.0), "get_exposed_port(6379.0)"),
        (lambda r: r.get_connection_url("x"), "get_connection_url('x')"),
        (lambda r: r["http"], "['http']"),
        (list, "[0]"),
    ],
)
def test_other_arguments_and_items(use: Any, name: str) -> None:
    with pytest.raises(LookupError) as excinfo:
        use(contained(*CALLS))
    assert str(excinfo.value) == attributes.not_shared("redis", name, CALLS)


def test_one_and_true_are_not_the_same_argument() -> None:
    class Switches:
        def state(self, which: object) -> str:
            return repr(which)

    taken: Any = take(Switches(), "switches", attrs("state(1)", "state(True)"))
    assert (taken.state(1), taken.state(True)) == ("1", "True")


def test_items() -> None:
    taken: Any = take([7, {"a": {"b": 8}}, 9], "rows", attrs("[0]", "[1]['a'][\"b\"]", "[-1]"))
    assert (taken[0], taken[1]["a"]["b"], taken[-1]) == (7, 8, 9)
    with pytest.raises(LookupError) as excinfo:
        taken[1]["c"]
    assert str(excinfo.value) == attributes.not_shared(
        "rows", "[1]['c']", ("[0]", "[1]['a']['b']", "[-1]")
    )
    with pytest.raises(TypeError) as told:
        taken[0] = 1
    assert str(told.value) == attributes.record_is_read_only("rows", "[0]")
    with pytest.raises(TypeError):
        del taken[1]["a"]
    assert repr(taken) == "<rows: [0]=7, [1]=<rows[1]: ['a']=<rows[1]['a']: ['b']=8>>, [-1]=9>"


def test_all_of_that_together() -> None:
    container = Container()
    names = ("itself().ports['http'][1]", "itself().itself().get_exposed_port(6379)", "itself()()")
    taken: Any = take(container, "redis", attrs(*names, 'ports["it\'s"]'))
    assert taken.itself().ports["http"][1] == 8080
    assert taken.itself().itself().get_exposed_port(6379) == 32768
    assert taken.itself()() == "called"
    assert taken.ports["it's"] == (1,)
    assert container.calls == ["itself", "itself", "6379/tcp"]  # each once


def test_a_copy_of_calls_and_items() -> None:
    taken = contained(*CALLS, "ports['http']")
    copied = pickle.loads(pickle.dumps(taken))
    assert repr(copied) == repr(taken)
    assert copied.get_exposed_port(6379) == 32768
    assert copied.ports["http"] == (80, 8080)


def test_the_same_in_other_words() -> None:
    wanted = attrs("port( 80,kind = 'a', also=-1 )", 'port(80, also=-1, kind="a")', "x [ 'a' ]")
    assert wanted.names == ("port(80, also=-1, kind='a')", "x['a']")


@pytest.mark.parametrize(
    "name",
    [
        *("port(number)", "port(f())", "port(*[1])", "port(**{})", "port(a=1, a=2)", "port({1})"),
        *("port(set())", "[", "[]", "[1:2]", "[key]", "[1] + [2]", "a if b else c", "a, b", "a;b"),
        *("port(x for x in y)", "a\0", "lambda: 1"),
    ],
)
def test_neither_a_call_nor_an_item(name: str) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        attrs(name)
    assert str(excinfo.value) == attributes.not_an_attribute(name)


@pytest.mark.parametrize(
    ("name", "method"), [("_close()", "_close"), ("a()['b'].__exit__(None)", "__exit__")]
)
def test_a_private_method(name: str, method: str) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        attrs("port", name)
    assert str(excinfo.value) == attributes.private_method(name, method)


@pytest.mark.parametrize(
    ("outer", "within"),
    [("ports", "ports['a']"), ("port", "port(1)"), ("port(1)", "port(1).x"), ("[0]", "[0][1]")],
)
def test_a_call_or_an_item_within_another(outer: str, within: str) -> None:
    with pytest.raises(pytest.UsageError) as excinfo:
        attrs(within, outer)
    assert str(excinfo.value) == attributes.attribute_within_another(within, outer)


@pytest.mark.parametrize(
    ("wanted", "name", "cause"),
    [
        (("get_connection_url()", "get_exposed_port(80)"), "get_exposed_port(80)", KeyError),
        (("ports['https'][0]",), "ports['https']", KeyError),
        (("get_connection_url(1)",), "get_connection_url(1)", TypeError),
        (("itself().stop()",), "itself().stop", AttributeError),
    ],
)
def test_what_raises(wanted: tuple[str, ...], name: str, cause: type[Exception]) -> None:
    with pytest.raises(CannotTakeError) as excinfo:
        contained(*wanted)
    assert excinfo.value.name == name
    assert type(excinfo.value.__cause__) is cause


def test_what_cannot_be_pickled_is_found() -> None:
    taken = take({"a": [print, lambda: None]}, "odd", attrs("['a'][0]", "['a'][1]"))
    found = find_culprit(taken)
    assert found is not None
    assert found.path == "the value['a'][1]"


def test_what_a_function_returns_is_sent() -> None:
    declaration = Declaration("server", "conftest.py:7", share=Computed(attrgetter("url")))
    packed = share(declaration, SERVER)
    assert isinstance(packed, Inline)
    assert unpack(packed.data) == "http://here"


def test_a_function_that_raises() -> None:
    def address_of(server: Any) -> Any:
        return server.address

    error = share(Declaration("server", "conftest.py:7", share=Computed(address_of)), SERVER)
    assert isinstance(error, CannotShareError)
    cause = "AttributeError: 'types.SimpleNamespace' object has no attribute 'address'"
    assert str(error) == function_raised("server", "conftest.py:7", "address_of", cause)


def test_a_method_that_raises() -> None:
    wanted = attrs("get_exposed_port(80)")
    error = share(Declaration("redis", "conftest.py:7", share=wanted), Container())
    assert isinstance(error, CannotShareError)
    of = f"{__name__}.Container"
    told = cannot_read("redis", "conftest.py:7", "'get_exposed_port(80)'", of, "KeyError: 80")
    assert str(error) == told

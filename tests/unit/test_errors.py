"""Every message, in full."""

from __future__ import annotations

import ast
import inspect
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import xdist_fixtureworker
from xdist_fixtureworker import errors, settings
from xdist_fixtureworker.controller import calls as calls_under_way
from xdist_fixtureworker.controller import (
    changed_values,
    earlier_runs,
    other_hosts,
    promotion_check,
    python_versions,
    relay,
    repeated_failures,
    reporting,
    start_failures,
    versions,
)
from xdist_fixtureworker.controller import lanes as fixture_worker_lanes
from xdist_fixtureworker.controller.timeline import page, recorder
from xdist_fixtureworker.controller.warm_start import able, pool, start, wanted
from xdist_fixtureworker.declared import attributes, decorator, guard_marks, guards, promotion
from xdist_fixtureworker.fixture_worker import (
    answers as fixture_worker_answers,
)
from xdist_fixtureworker.fixture_worker import (
    finalizing,
    foreign,
    forked,
    items,
    lookup,
    other_lanes,
    out_of_reach,
    reports,
    running,
    surprises,
)
from xdist_fixtureworker.rules import debugger, guard_plugin, promotable, refused, worker_id
from xdist_fixtureworker.rules.not_promotable import Refusal
from xdist_fixtureworker.sharing import (
    arguments,
    calls,
    exchange,
    handles,
    host,
    in_process,
    lanes,
    performing,
    proxy,
    remedies,
    returning,
    turns,
    values,
)
from xdist_fixtureworker.sharing import pool as shared_pool
from xdist_fixtureworker.test_worker import answers as test_worker_answers
from xdist_fixtureworker.test_worker import asking, forking, naming, nearer
from xdist_fixtureworker.wire.messages import Instance, Needed


def died_message(reason: str, *fixture: str) -> str:
    error = errors.FixtureWorkerDiedError(reason)
    return str(pickle.loads(pickle.dumps(error.before(*fixture) if fixture else error)))


def died_call_message(reason: str, what: str) -> str:
    error = errors.FixtureWorkerDiedError(reason).before_call(what)
    return str(pickle.loads(pickle.dumps(error)))


MESSAGES: list[tuple[Callable[..., str], tuple[object, ...], str]] = [
    (
        start.forked,
        (4,),
        "warm workers: 4 processes, forked in the place of new interpreters",
    ),
    (start.forked, (1,), "warm workers: 1 process, forked in the place of a new interpreter"),
    (start.none, ("of that",), "warm workers: none, because of that"),
    (start.not_distributed, (), "tests are not distributed (-n)"),
    (
        start.no_program,
        (),
        "pytest was not started by its command, but by other code in this process",
    ),
    (start.too_late, (), "this plugin was loaded too late (by a conftest, or pytest_plugins)"),
    (
        start.cannot_import,
        ("slow", ModuleNotFoundError("No module named 'slow'")),
        "warm workers: cannot import slow: ModuleNotFoundError: No module named 'slow'",
    ),
    (
        wanted.other_specs,
        (["ssh=there", "popen//python=pypy"],),
        "--tx asks for other workers than this Python can fork: ssh=there popen//python=pypy",
    ),
    (pool.cannot_fork, (), "the system refused to fork"),
    (
        pool.variables_changed,
        (["PYTHONHASHSEED", "PYTHONUTF8"],),
        "a conftest or a plugin has changed what Python starts with: PYTHONHASHSEED, PYTHONUTF8",
    ),
    (able.other_system, (), "only Linux has what that takes"),
    (
        able.python_options,
        ("-O",),
        "Python was started with -O, which workers are started without",
    ),
    (able.traced, ("coverage",), "this process is traced or profiled (coverage)"),
    (able.traced, (None,), "this process is traced or profiled (by an unknown module)"),
    (able.threads, ("pump, 2 of a library",), "this process has threads: pump, 2 of a library"),
    (
        able.open_file,
        (3, "/tmp/log"),
        "a plugin holds a file open: descriptor 3, /tmp/log",
    ),
    (able.no_ctypes, (), "this Python has no ctypes"),
    (
        able.no_prctl,
        (),
        "this Linux does not let a process change which environment others see (PR_SET_MM_MAP)",
    ),
    (
        able.no_create_io,
        ("3.0",),
        "execnet 3.0 starts processes in another way than its versions so far",
    ),
    (
        other_hosts.of_one_host,
        ({"root (conftest.py:3)": "a path", "url (conftest.py:7)": "'localhost'"}, {"gw3", "gw1"}),
        "test workers on other hosts (gw1, gw3) were sent what means something else there: a path "
        "in root (conftest.py:3), 'localhost' in url (conftest.py:7).\n"
        "Files of this host are not there, and 'localhost' is another host: return what tests "
        "need of a file, and an address that all hosts can reach.",
    ),
    (
        recorder.unknown_kind,
        ("t.svg",),
        "--fixture-worker-timeline=t.svg: the name of the file says what is written, a page or "
        "trace events.\n"
        "Let it end in .html, which any browser shows, or in .json, which Perfetto opens.",
    ),
    (
        recorder.no_directory,
        ("out/t.html", "/suite/out"),
        "--fixture-worker-timeline=out/t.html: there is no directory /suite/out.\n"
        "Make it, or name a file in one that is there.",
    ),
    (
        recorder.is_directory,
        ("out.html",),
        "--fixture-worker-timeline=out.html: this is a directory.\n"
        "Name a file, such as timeline.html.",
    ),
    (
        recorder.not_writable,
        ("t.html",),
        "--fixture-worker-timeline=t.html: this cannot be written, for want of permission.\n"
        "Name a file in a directory that this user may write to.",
    ),
    (
        recorder.cannot_write,
        ("/suite/t.html", "No space left on device"),
        "timeline: cannot write /suite/t.html: No space left on device",
    ),
    (
        page.no_fixture_worker,
        (),
        "This run had no fixture worker: each process set up its fixtures for itself, within the "
        "first test that uses them.",
    ),
    (
        page.nothing_set_up,
        (),
        "No test asked for a global fixture, so nothing was set up in the fixture worker.",
    ),
    (page.no_waits, (), "No test worker waited for a global fixture."),
    (
        page.estimates,
        (),
        "These are estimates, for the same tests on the same workers, as if there were a core for "
        "whatever happens at once, and as far as arguments tell which fixture depends on which.",
    ),
    (
        changed_values.changed_in_test_workers,
        ("rows (conftest.py:3)", "gw0, gw1"),
        "the value of the global fixture rows (conftest.py:3) was changed in test workers (gw0, "
        "gw1), where each has a copy: neither the fixture nor other workers see that.\n"
        "Write what tests add to files or to a server, or collect it in a session fixture of each "
        "test worker.",
    ),
    (
        changed_values.changed_in_fixture_worker,
        ("registry (conftest.py:3)",),
        "the value of the global fixture registry (conftest.py:3) was changed in the fixture worker "
        "after it was sent: tests have it as it was.\n"
        "Have the fixture that changes it return it, and tests use that one.",
    ),
    (
        test_worker_answers.set_up_failed,
        ("server", "conftest.py:7", "ConnectionError: no server"),
        "the set-up of the global fixture 'server' (conftest.py:7) failed: ConnectionError: no "
        "server",
    ),
    (
        repeated_failures.shown_in_full,
        ("it failed: ValueError: no.", "test_it.py::test_a"),
        "it failed: ValueError: no; shown in full at test_it.py::test_a",
    ),
    (
        forking.asked_in_fork,
        ("url", "conftest.py:7"),
        "the global fixture 'url' (conftest.py:7) is asked for in a forked process, which has no "
        "connection to the fixture worker.\n"
        "Ask for it before the fork: as an argument of the test, or of a fixture that the test "
        "names. What was fetched before is there after it, too.",
    ),
    (
        out_of_reach.out_of_reach,
        ("outer", "conftest.py:7", "inner", "conftest.py:3"),
        "the set-up of the global fixture 'outer' (conftest.py:7) asks for 'inner' (conftest.py:3) "
        "by getfixturevalue(), and so without the parameter that the test may have for it.\n"
        "Name 'inner' as an argument of 'outer': then the parameter is sent with the test's "
        "request.",
    ),
    (
        nearer.nearer,
        ("url", "conftest.py:7", "host", "an override (test_it.py:3) that has parameters"),
        "the global fixture 'url' (conftest.py:7) depends on 'host', for which this test has "
        "an override (test_it.py:3) that has parameters.\n"
        "That does not reach it: a global fixture is set up once for all tests, from where it is "
        "defined.\n"
        "Parametrize 'host' indirectly where 'url' can see it, or override 'url' beside it.",
    ),
    (
        settings.unknown_treatment_of_strays,
        ("murder",),
        "the ini setting fixture_worker_strays is 'murder'.\n"
        "It says what is done about processes that outlive the worker that started them: report, "
        "kill or ignore.",
    ),
    (
        values.cannot_pickle,
        (
            "'engine' (conftest.py:7)",
            "_thread.lock",
            "the value.pool.lock",
            "sqlalchemy.engine.base.Engine",
            "TypeError: cannot pickle '_thread.lock' object",
            "Return a URL.",
        ),
        "a _thread.lock cannot be sent to the test workers: the value.pool.lock of the global fixture\n"
        "'engine' (conftest.py:7), a sqlalchemy.engine.base.Engine (TypeError: cannot pickle '_thread.lock'\n"
        "object).\n"
        "Return a URL.",
    ),
    (
        values.cannot_pickle,
        ("'e' (conftest.py:7)", "Engine", "the value", "", "TypeError: no", "Return a URL."),
        "an Engine cannot be sent to the test workers: the value of the global fixture 'e' (conftest.py:7)\n"
        "(TypeError: no).\n"
        "Return a URL.",
    ),
    (
        remedies.return_what_it_takes,
        ("engine", False, True),
        "Return what the tests need to make their own: a URL, a path, connection parameters; "
        "and let a session fixture of the test workers connect with them. Where the object must "
        'stay as it is, share=attrs("url", "port") sends these attributes of it.',
    ),
    (
        remedies.return_what_it_takes,
        ("engine", True, True),
        "Return what the tests need to make their own: a URL, a path, connection parameters; "
        "and let a session fixture of the test workers connect with them. Where the object must "
        "stay as it is, engine: attrs(url, port) in global_fixtures sends these attributes of it.",
    ),
    (
        remedies.return_what_it_takes,
        ("lock", True, False),
        "Return what the tests need to make their own: a URL, a path, connection parameters; "
        "and let a session fixture of the test workers connect with them.",
    ),
    (
        remedies.return_these,
        ("pair", False, ["the value[1]", "the value[2]"]),
        "These parts of it can be sent: the value[1], the value[2].\n"
        "Return only those of them that the tests need: the rest can stay in a variable of the "
        "fixture, until its finalizer.",
    ),
    (
        remedies.return_these,
        ("pair", True, ["the value[1]"]),
        "These parts of it can be sent: the value[1].\n"
        "Remove 'pair' from global_fixtures, and write a global fixture that depends on it and "
        "returns only what can be sent and the tests need.",
    ),
    (
        remedies.share_these,
        (["the value.url"],),
        "These attributes can be sent: the value.url.\n"
        "Leave the other out of attrs(), or name an attribute of it there that is plain data, as "
        'in attrs("server.port").',
    ),
    (
        remedies.keep_the_factory,
        (),
        "A function can be sent if it stands at the top level of a module: move it there, without "
        "what it takes from the fixture around it.",
    ),
    (
        remedies.call_in_a_session_fixture,
        (),
        "A method takes its object along. Return what it takes to make the object, and call the "
        "method in a session fixture of the test workers.",
    ),
    (
        remedies.return_a_list,
        (),
        "It runs in one process, once. Return a list of what comes out of it.",
    ),
    (
        remedies.return_a_copy,
        (),
        "It shows what another object has. Return a copy: bytes(...), list(...) or dict(...).",
    ),
    (
        remedies.define_in_a_module,
        (),
        "Define its class at the top level of a module that the test workers can import, not "
        "inside a function.",
    ),
    (
        remedies.one_name_for_each_conftest,
        (),
        "It stands in one of several conftest.py that are imported by one name, each in the place "
        "of the one before. Run pytest with --import-mode=importlib, by which they have different "
        "names, or move it into a module.",
    ),
    (
        remedies.make_it_in_a_loop,
        (),
        "It belongs to the event loop of the process that made it. Return what it takes to make "
        "one, and let a fixture of the test workers make it in their loop.",
    ),
    (
        remedies.give_an_authkey,
        (),
        "The authentication string of a manager does not leave its process. Start the manager "
        'with one of your own (authkey=b"..."), return its address and that string, and let a '
        "session fixture of the test workers connect() another manager to it.",
    ),
    (
        remedies.inherited_only,
        (),
        "It is shared with the children of the process that made it only, which the test workers "
        "are not. Use a manager with an address and an authkey of its own, or lock a file whose "
        "path the fixture returns.",
    ),
    (remedies.import_it, (), "Import the module where it is used."),
    (
        remedies.mock_in_the_tests,
        (),
        "A mock notes what is done with it in its own process: make it where the tests run.",
    ),
    (
        remedies.open_it_in_the_tests,
        (),
        "Return its path, and let a fixture of the test workers open it.",
    ),
    (
        remedies.keep_it_ordinary,
        ("factory", False),
        "Or keep it an ordinary session fixture, of which each test worker makes its own.",
    ),
    (
        remedies.keep_it_ordinary,
        ("factory", True),
        "Or remove 'factory' from global_fixtures: as an ordinary session fixture, each test "
        "worker makes its own.",
    ),
    (
        values.cannot_read,
        ("server", "conftest.py:7", "'port(80)'", "containers.Redis", "KeyError: 80"),
        "'port(80)' of the global fixture 'server' (conftest.py:7) cannot be read to be sent to the test\n"
        "workers: its value is a containers.Redis (KeyError: 80).\n"
        "Share what it has, and what it can do, right after its set-up.",
    ),
    (
        values.function_raised,
        ("server", "conftest.py:7", "address_of", "AttributeError: no attribute 'url'"),
        "share=address_of of the global fixture 'server' (conftest.py:7) raised an error when it was called\n"
        "with the value, to make what is sent to the test workers (AttributeError: no attribute 'url').\n"
        "It is called once, right after the set-up.",
    ),
    (
        values.too_large,
        ("dump", "conftest.py:7", 2_146_435_072),
        "the value of the global fixture 'dump' (conftest.py:7) is too large to be sent to the test workers:\n"
        "it has more than 2146435072 bytes when pickled.\n"
        "Have it mapped by them: give the ini setting fixture_worker_mapped_from a size in the place of off.",
    ),
    (
        values.cannot_write,
        (
            "rows",
            "conftest.py:7",
            "/tmp/pytest-fixtureworker-5f0c/1",
            "[Errno 28] No space left on device",
        ),
        "the value of the global fixture 'rows' (conftest.py:7) is large, so the test workers are to map it,\n"
        "but it cannot be written to /tmp/pytest-fixtureworker-5f0c/1 ([Errno 28] No space left on device).\n"
        "Make room there, or set TMPDIR to a directory that has room.",
    ),
    (
        test_worker_answers.cannot_fetch,
        (
            "rows",
            "conftest.py:7",
            "gw2",
            "/tmp/pytest-fixtureworker-5f0c/1",
            "the fixture worker ended.",
        ),
        "the value of the global fixture 'rows' (conftest.py:7) is in /tmp/pytest-fixtureworker-5f0c/1,\n"
        "which test worker gw2 cannot map, and it cannot be fetched from the fixture worker (the fixture\n"
        "worker ended).\n"
        "The file stays until the run ends, unless something else removes it. A test worker on another\n"
        "machine cannot map it, and needs the fixture worker.",
    ),
    (
        finalizing.value_is_gone,
        ("rows", "/tmp/pytest-fixtureworker-5f0c/1"),
        "the value of the global fixture 'rows', which recover= is called with, was in "
        "/tmp/pytest-fixtureworker-5f0c/1, which was removed.",
    ),
    (
        settings.bad_size,
        ("fixture_worker_mapped_from", "big"),
        "the ini setting fixture_worker_mapped_from is 'big', which is not a size.\n"
        "Write a number of bytes, or one with a unit, such as 500 KB or 2 MB; off, or 0, maps nothing.",
    ),
    (
        test_worker_answers.cannot_unpickle,
        ("config", "conftest.py:7", "gw2", "AttributeError: no attribute 'Config'"),
        "the value of the global fixture 'config' (conftest.py:7) was sent by the fixture worker but cannot\n"
        "be unpickled in test worker gw2 (AttributeError: no attribute 'Config').\n"
        "Its class must be importable there by the same name: define it in a module that both import, or\n"
        "return plain data.",
    ),
    (
        test_worker_answers.not_importable_there,
        ("config", "conftest.py:7", "gw2", "ModuleNotFoundError: No module named 'shop'"),
        "the value of the global fixture 'config' (conftest.py:7) was sent by the fixture worker but cannot\n"
        "be unpickled in test worker gw2, which is on another host (ModuleNotFoundError: No module named\n"
        "'shop').\n"
        "Install there, too, what the suite imports, or have it copied (--rsyncdir).",
    ),
    (
        test_worker_answers.cannot_unpickle,
        ("e", "conftest.py:7", "gw2", "TypeError: __init__() missing 1 argument"),
        "the value of the global fixture 'e' (conftest.py:7) was sent by the fixture worker but cannot be\n"
        "unpickled in test worker gw2 (TypeError: __init__() missing 1 argument).\n"
        "Its class does not come back from its own pickle: give it a __reduce__ that returns what it takes\n"
        "to make it again, or return plain data.",
    ),
    (
        test_worker_answers.cannot_unpickle,
        ("c", "a/conftest.py:7", "gw2", "ImportError: the module 'conftest' is b here, not a"),
        "the value of the global fixture 'c' (a/conftest.py:7) was sent by the fixture worker but cannot be\n"
        "unpickled in test worker gw2 (ImportError: the module 'conftest' is b here, not a).\n"
        "Several conftest.py are imported by one name, each in the place of the one before. Run pytest with\n"
        "--import-mode=importlib, by which they have different names, or move the class into a module.",
    ),
    (
        test_worker_answers.cannot_unpickle,
        ("d", "conftest.py:7", "gw2", "multiprocessing.context.AuthenticationError: rejected"),
        "the value of the global fixture 'd' (conftest.py:7) was sent by the fixture worker but cannot be\n"
        "unpickled in test worker gw2 (multiprocessing.context.AuthenticationError: rejected).\n"
        "The authentication string of a manager does not leave its process. Start the manager with one of\n"
        'your own (authkey=b"..."), return its address and that string, and let a session fixture of the\n'
        "test workers connect() another manager to it.",
    ),
    (
        naming.cannot_pickle_parameter,
        ("tables", "conftest.py:7", "engine", "TypeError: cannot pickle it"),
        "the indirect parameter of 'engine' that the global fixture 'tables' (conftest.py:7) "
        "depends on cannot be sent to the fixture worker (TypeError: cannot pickle it).\n"
        "Parametrize with plain data, or put the parameters into the definition of 'engine' "
        "(params=...): those are not sent.",
    ),
    (
        lookup.other_parameter,
        ("tables", "conftest.py:7", "engine", 2, "'alpha'", "'beta'"),
        "the global fixture 'tables' (conftest.py:7) needs params[2] of 'engine', which is 'alpha' "
        "in the test worker and 'beta' in the fixture worker.\n"
        "Probably these params are a set, whose order differs between processes, or are computed "
        "in each process. Sort them, or write a list of what is the same in every process.",
    ),
    (
        lookup.other_parameter,
        ("tables", "conftest.py:7", "tables", 0, "", None),
        "the global fixture 'tables' (conftest.py:7) needs params[0] of 'tables', which is no "
        "plain data in the test worker and missing in the fixture worker.\n"
        "Probably these params are a set, whose order differs between processes, or are computed "
        "in each process. Sort them, or write a list of what is the same in every process.",
    ),
    (
        lookup.other_parameter,
        ("tables", "conftest.py:7", "tables", 0, "(1, 2)", ""),
        "the global fixture 'tables' (conftest.py:7) needs params[0] of 'tables', which is (1, 2) "
        "in the test worker and no plain data in the fixture worker.\n"
        "Probably these params are a set, whose order differs between processes, or are computed "
        "in each process. Sort them, or write a list of what is the same in every process.",
    ),
    (
        reports.set_up_broke,
        ("tables", "Traceback (most recent call last):\nRuntimeError: no"),
        "the global fixture 'tables' could not be set up, because an exception came up around it "
        "in the fixture worker, in a hook for instance:\n"
        "Traceback (most recent call last):\nRuntimeError: no",
    ),
    (
        reports.finalizer_broke,
        ("tables", "conftest.py:7", "Traceback (most recent call last):\nRuntimeError: no"),
        "an exception came up around the finalizer of the fixture 'tables' (conftest.py:7) in the "
        "fixture worker, in a hook for instance. The finalizer itself was run.\n"
        "Traceback (most recent call last):\nRuntimeError: no",
    ),
    (
        surprises.raised,
        (
            "TimeoutError: too long",
            "/suite/conftest.py:7 (in on_alarm)",
            surprises.between_fixtures(),
        ),
        "TimeoutError: too long\n"
        "This was raised at /suite/conftest.py:7 (in on_alarm) in the fixture worker while it ran "
        "no fixture; probably by a signal handler or a timer that a set-up has left. Nothing was "
        "ended by it.\n"
        "Take it back before the set-up ends, for instance with signal.alarm(0).",
    ),
    (
        items.in_hook,
        ("pytest_report_to_serializable", "conftest.py::global fixture tables"),
        "by a hook pytest_report_to_serializable for conftest.py::global fixture tables; the "
        "report is as pytest makes it.",
    ),
    (
        items.named,
        ("set-up", "tables", "conftest.py:7"),
        "the set-up of the global fixture 'tables' (conftest.py:7)",
    ),
    (
        surprises.between_fixtures,
        (),
        "while it ran no fixture; probably by a signal handler or a timer that a set-up has left. "
        "Nothing was ended by it.\n"
        "Take it back before the set-up ends, for instance with signal.alarm(0).",
    ),
    (
        reports.not_shown,
        (2980,),
        "2980 exceptions more that led to this one are not shown",
    ),
    (
        forked.left,
        (8, 7, ValueError("no"), 1),
        "fixture worker: process 8, which a global fixture forked in process 7, raised ValueError "
        "there instead of ending. It was ended with exit status 1, so that nothing is finalized "
        "twice.\nEnd it with os._exit() where it has done its work.\n",
    ),
    (
        forked.left,
        (8, 7, None, 1),
        "fixture worker: process 8, which a global fixture forked in process 7, returned there "
        "instead of ending. It was ended with exit status 1, so that nothing is finalized twice.\n"
        "End it with os._exit() where it has done its work.\n",
    ),
    (
        died_message,
        ("its process 7 was killed by signal 9",),
        "the fixture worker ended before the global fixture was set up: its process 7 was killed "
        "by signal 9.\n"
        "The end of the report says what is known of it.",
    ),
    (
        died_message,
        ("its process 7 was killed by signal 9", "tables", "conftest.py:7"),
        "the fixture worker ended before the global fixture 'tables' (conftest.py:7) was set up: "
        "its process 7 was killed by signal 9.\n"
        "The end of the report says what is known of it.",
    ),
    (
        start_failures.ended_too_early,
        ("EOFError: expected 1 bytes, got 0",),
        "its process ended, or was killed, before pytest could be started in it (EOFError: expected "
        "1 bytes, got 0)",
    ),
    (
        start_failures.did_not_start,
        ("", "", "its process 7 was killed by signal 9", ""),
        "the fixture worker could not start.\nits process 7 was killed by signal 9",
    ),
    (
        start_failures.did_not_start,
        ("conftest.py:3", "ValueError: no", "Traceback\n  frame\nValueError: no", "Do this."),
        "the fixture worker could not start: ValueError: no (conftest.py:3).\n"
        "Do this.\n"
        "Traceback\n  frame\nValueError: no",
    ),
    (
        start_failures.hook_does_not_expect_it,
        ("conftest.py:3", "ValueError: no", "fixtureworker", True),
        'pytest_configure_node failed for the fixture worker, whose node.gateway.id is "fixtureworker": '
        "ValueError: no (conftest.py:3).\n"
        "Code that computes with the id can return for that one. Where it cannot be changed, the ini "
        "setting fixture_worker_id = gw99 gives the fixture worker a number.",
    ),
    (
        start_failures.hook_does_not_expect_it,
        ("plugin.py:9", "OSError: no", "gw99", False),
        'pytest_configure_node failed for the fixture worker, whose node.gateway.id is "gw99": '
        "OSError: no (plugin.py:9).\n"
        "Do there what the fixture worker needs as well, or return for that id.",
    ),
    (
        start_failures.worker_id_is_taken,
        ("gw1", 2),
        "the ini setting fixture_worker_id is gw1, which is the id of a test worker as well: there "
        "are 2.\n"
        "Choose another one, with a number that no test worker comes to: gw99.",
    ),
    (
        settings.bad_worker_id,
        ("g w",),
        "the ini setting fixture_worker_id is 'g w', which cannot be the id of a worker.\n"
        "Write letters and digits, such as gw99; the default is fixtureworker.",
    ),
    (
        worker_id.worker_id_hint,
        ("KeyError: 'fixtureworker'",),
        '\nThe worker id of the fixture worker is "fixtureworker", not "gw" and a number. '
        "Code that computes with it can ask xdist_fixtureworker.is_fixture_worker(config) first; "
        "where there is no config, os.environ['PYTEST_XDIST_WORKER'] is \"fixtureworker\". "
        "Where the code cannot be changed, the ini setting fixture_worker_id = gw99 gives it a "
        "number.",
    ),
    (worker_id.worker_id_hint, ("KeyError: 'fixtureworker'", None, "gw99"), ""),
    (worker_id.worker_id_hint, ("RuntimeError: fixtureworker",), ""),
    (worker_id.worker_id_hint, ("ValueError: something else",), ""),
    (worker_id.worker_id_hint, ("",), ""),
    (
        debugger.no_terminal,
        ("--trace",),
        "--trace needs the terminal, which no worker has: run pytest with -n0",
    ),
    (
        versions.threads_are_replaced,
        ("gevent.thread",),
        "--fixture-worker cannot work in a process whose threads are replaced: those of the "
        "controller are of gevent.thread, as after gevent.monkey.patch_all() in a conftest.py.\n"
        'Replace them where tests run only, if "PYTEST_XDIST_WORKER" in os.environ, or use '
        "--no-fixture-worker: global fixtures then run once per test worker.",
    ),
    (
        versions.version_unfit,
        (
            "pytest",
            "10.0.1",
            "9.2",
            ["_pytest.fixtures.FixtureDef.argnames", "_pytest.scope.Scope"],
        ),
        "--fixture-worker cannot work with pytest 10.0.1, which lacks what it needs: "
        "_pytest.fixtures.FixtureDef.argnames, _pytest.scope.Scope. "
        "The newest pytest that it was tested with is 9.2.\n"
        "Upgrade pytest-xdist-fixtureworker, install 'pytest==9.2.*', or use "
        "--no-fixture-worker: global fixtures then run once per test worker.",
    ),
    (
        python_versions.mixed_pythons,
        ("3.11", "3.13", "gw1"),
        "--fixture-worker needs one Python version for all workers: the controller and the "
        "fixture worker run Python 3.11, test worker gw1 runs 3.13.\n"
        "Values travel as pickles, which different versions need not understand. "
        "Run pytest once per version, or use --no-fixture-worker.",
    ),
    (
        foreign.exceeds_timeout,
        (items.named("set-up", "tables", "conftest.py:7"), 2.5),
        "the set-up of the global fixture 'tables' (conftest.py:7) took longer than the 2.5 s of "
        "fixture_worker_timeout.\n"
        "The stacks of all threads of the fixture worker at that time are shown below. If it only "
        "needs longer, raise the limit.",
    ),
    (
        foreign.hangs,
        (items.named("finalizer", "tables", "conftest.py:7"), "thread MainThread:\n  File ..."),
        "the finalizer of the global fixture 'tables' (conftest.py:7) hangs: it took longer than "
        "fixture_worker_timeout, and no exception reaches it, as in a call into C code.\n"
        "Nothing else can be set up or finalized. Use a time-out of the library that it calls.\n"
        "Stacks of the fixture worker:\n"
        "thread MainThread:\n  File ...",
    ),
    (
        relay.starts_too_slowly,
        (),
        "its start took longer than fixture_worker_timeout: what is loaded there, a conftest or a "
        "plugin, does not come to an end",
    ),
    (
        relay.says_nothing_more,
        ("the set-up of tables (conftest.py:7)",),
        "the set-up of tables (conftest.py:7) hangs: it took longer than fixture_worker_timeout, "
        "and no thread of the fixture worker runs, as in a call into C code that keeps the "
        "interpreter's lock.\n"
        "Nothing else can be set up or finalized. Use a time-out of the library that it calls.",
    ),
    (
        running.already_finalized,
        ("tables", "conftest.py:3"),
        "a finalizer asks for the fixture 'tables' (conftest.py:3), which is finalized already.\n"
        "Let the fixture with that finalizer name 'tables' as an argument: then it goes first.",
    ),
    (
        settings.bad_timeout,
        ("the ini setting fixture_worker_timeout", "'soon'"),
        "the ini setting fixture_worker_timeout is 'soon', which is not a number of seconds.\n"
        "Write a number such as 60 or 2.5; 0, or nothing, is no limit.",
    ),
    (
        decorator.recover_not_callable,
        ("tables", "conftest.py:7", 3),
        "@global_fixture(recover=3) on 'tables' (conftest.py:7): recover is a function that takes "
        "the fixture's value.\n"
        "Give it the function itself, without calling it.",
    ),
    (
        decorator.narrower_scope,
        ("tables", "conftest.py:7", "module"),
        "@global_fixture on the module-scoped fixture 'tables' (conftest.py:7): a global fixture "
        "lives as long as the test run.\n"
        'Write @pytest.fixture(scope="session") below it, or @global_fixture alone.',
    ),
    (
        decorator.dynamic_scope,
        ("tables", "conftest.py:7"),
        "@global_fixture on the fixture 'tables' (conftest.py:7), whose scope a function decides: "
        "a global fixture lives as long as the test run.\n"
        'Write scope="session" instead of the function.',
    ),
    (
        decorator.on_class,
        ("Tables", "conftest.py:7"),
        "@global_fixture on the class 'Tables' (conftest.py:7): only functions can be fixtures.\n"
        "Decorate a function that returns an instance of the class.",
    ),
    (
        decorator.not_a_function,
        ("'tables'",),
        "@global_fixture got 'tables', which is neither a function nor a pytest fixture.\n"
        "Options go in by name: @global_fixture(autouse=True).",
    ),
    (
        decorator.unknown_argument,
        ("sharing", ("share", "env", "params")),
        "@global_fixture got an unknown argument 'sharing'.\nIt takes: share, env, params.",
    ),
    (
        decorator.unknown_argument,
        ("scope", ("share", "env", "params")),
        "@global_fixture takes no scope: a global fixture lives as long as the test run, and "
        "as a session fixture where tests are not distributed.\n"
        "Leave scope out.",
    ),
    (
        decorator.unknown_share,
        ("tables", "conftest.py:7", "Copy"),
        "@global_fixture(share='Copy') on 'tables' (conftest.py:7): this way of sharing does not "
        "exist.\n"
        "Leave share out and return connection details instead of a live object, or share some "
        'attributes of the object: share=attrs("url", "port"), or what a function makes of it: '
        'share=function, or all of it: share="proxy".',
    ),
    (
        attributes.no_attributes,
        (),
        "attrs() without names would share nothing.\n"
        'Name the attributes that the tests need: attrs("url", "config.port").',
    ),
    (
        attributes.not_an_attribute,
        ("port(number)",),
        "attrs('port(number)'): this cannot be an attribute, an item, or a call of a method.\n"
        "They go in as texts, one by one, with literals as arguments and in brackets: "
        """attrs("url", "config.port", "get_port(80)", "['key']").""",
    ),
    (
        attributes.private_method,
        ("config._read()", "_read"),
        "attrs('config._read()'): '_read' is private, as its name begins with an underscore, and "
        "is not called.\n"
        "Name a method that is meant to be called from outside of its class.",
    ),
    (
        attributes.attribute_within_another,
        ("config.port", "config"),
        "attrs() got 'config', which is the whole object, and 'config.port', which is a part of "
        "it.\nRemove one of the two.",
    ),
    (
        attributes.not_shared,
        ("server", "config.password", ("url", "config.port")),
        "'config.password' of the global fixture 'server' is not shared with the test workers; "
        "shared are: url, config.port.\n"
        "If it is plain data, add it where the fixture is made global: in "
        '@global_fixture(share=attrs("url", "config.port", "config.password")), or in '
        "global_fixtures: server: attrs(url, config.port, config.password). "
        'Of a method, what a call returns is shared, as by "get_port(80)".',
    ),
    (
        attributes.record_is_read_only,
        ("server", "port"),
        "'port' of the global fixture 'server' cannot be changed here: test workers have a "
        "read-only record, and the object itself is in the fixture worker.\n"
        "Change it in the fixture, or in another global fixture that depends on it.",
    ),
    (
        promotion.unknown_promotion,
        ("httpbin: attr(url)", "global_fixtures"),
        "global_fixtures: 'httpbin: attr(url)' is not understood.\n"
        "Write the name of a session fixture, or a pattern such as docker_*, alone or with the "
        "attributes of it that are shared: docker_services, or httpbin: attrs(url, host); or httpbin: proxy, with writable(mode) for "
        "attributes that tests may set; and with env, or env(NAME, OTHER), if it sets environment "
        "variables that tests need; and with marks(a, b(1)) for its set-up; and with eager, to be set "
        "up before a test asks; and with lane(name), to be set up in one lane with others.",
    ),
    (
        fixture_worker_answers.failed_untold,
        ("tables", "conftest.py:7", "ValueError: no"),
        "eager global fixture tables (conftest.py:7) could not be set up, and no test asked for "
        "it: ValueError: no",
    ),
    (
        promotion.wrong_promotion,
        ("httpbin: attrs()", "global_fixtures", "attrs() without names would share nothing."),
        "global_fixtures: 'httpbin: attrs()' is not right: attrs() without names would share "
        "nothing.",
    ),
    (
        decorator.wrong_writable,
        ("pool", "conftest.py:7", "a.b"),
        "@global_fixture(writable='a.b') on 'pool' (conftest.py:7): writable names attributes of an "
        "object that is shared by proxy.\n"
        'Write share="proxy", writable=("mode", "level").',
    ),
    (
        decorator.wrong_lane,
        ("tables", "conftest.py:7", 3),
        "@global_fixture(lane=3) on 'tables' (conftest.py:7): a lane has a name.\n"
        'Write the same text at all fixtures that belong together: lane="network".',
    ),
    (
        settings.bad_lanes,
        ("none",),
        "--fixture-worker-lanes (ini setting fixture_worker_lanes) is none, which is no number of "
        "processes.\n"
        "Write a number from 1 on: so many fixture workers set up side by side at most.",
    ),
    (
        fixture_worker_lanes.lanes_wait,
        (
            [
                Needed(1, Instance((), "b", "", "", 0, ()), "conftest.py:9", "a (conftest.py:3)"),
                Needed(1, Instance((), "a", "", "", 0, ()), "conftest.py:3", "b (conftest.py:9)"),
            ],
        ),
        "fixture workers wait for each other: the set-up of a (conftest.py:3) waits for 'b' "
        "(conftest.py:9), and the set-up of b (conftest.py:9) waits for 'a' (conftest.py:3).\n"
        "Name what they need as arguments, or give all of them the same lane: "
        '@global_fixture(lane="..."). Then one fixture worker sets them up.',
    ),
    (
        other_lanes.cannot_unpickle,
        ("tables", "conftest.py:7", "ImportError: no"),
        "the value of the global fixture 'tables' (conftest.py:7) was sent by another fixture "
        "worker but\n"
        "cannot be unpickled here (ImportError: no).\n"
        "Its class must be importable there by the same name. Or give both fixtures the same lane:\n"
        '@global_fixture(lane="...").',
    ),
    (
        decorator.proxy_with_recover,
        ("pool", "conftest.py:7"),
        "the global fixture 'pool' (conftest.py:7) has a recover= function and is shared by proxy: "
        "when the fixture worker has died there is no copy of the value to recover with.\n"
        "Return what recover= needs from another global fixture, on which 'pool' depends, and give "
        "that one the function.",
    ),
    (
        calls_under_way.waits_for,
        ("pool.next() (conftest.py:7)", "gw0", "gw1 (test_it.py::test)"),
        "pool.next() (conftest.py:7), asked for by gw0, held by gw1 (test_it.py::test)",
    ),
    (
        relay.run_is_over,
        (),
        "the fixture worker has finalized all fixtures, and their objects are gone.",
    ),
    (
        relay.around_set_up,
        ("tables", "conftest.py:7"),
        "the look-up of the global fixture tables (conftest.py:7), or hooks around its set-up",
    ),
    (
        relay.no_thread_runs,
        (),
        "there is no answer within fixture_worker_timeout, and no thread of the fixture worker "
        "runs, as in a call into C code that keeps the interpreter's lock.",
    ),
    (
        died_call_message,
        ("killed by SIGKILL", "pool.next() (conftest.py:7)"),
        "the fixture worker ended before there was an answer to pool.next() (conftest.py:7): killed "
        "by SIGKILL.\n"
        "The end of the report says what is known of it.",
    ),
    (
        arguments.is_callback,
        ("pool.next() (conftest.py:7)", "test_it.<locals>.<lambda>"),
        "the function 'test_it.<locals>.<lambda>' cannot be an argument of pool.next() "
        "(conftest.py:7): it belongs to this test worker, and the fixture worker cannot call it.\n"
        "Send plain data, or write a method that does it there.",
    ),
    (
        arguments.cannot_pickle_arguments,
        ("pool.next() (conftest.py:7)", "TypeError: cannot pickle '_thread.lock' object"),
        "the arguments of pool.next() (conftest.py:7) cannot be sent to the fixture worker (TypeError:\n"
        "cannot pickle '_thread.lock' object).\n"
        "Send plain data, or what its method needs to make the object there.",
    ),
    (
        arguments.arguments_too_large,
        ("pool.next() (conftest.py:7)", 3, 2),
        "the arguments of pool.next() (conftest.py:7) are too large to be sent: 3 bytes when "
        "pickled, of 2 at most.\n"
        "Write them to a file and send the path.",
    ),
    (exchange.connection_lost, (), "the connection to the controller is lost"),
    (
        calls.is_forked,
        ("pool.next() (conftest.py:7)",),
        "pool.next() (conftest.py:7) is asked for in a forked process, which has no connection to "
        "the fixture worker.\n"
        "Do it before the fork, or in the process of the test.",
    ),
    (
        calls.cannot_unpickle_result,
        ("pool.next() (conftest.py:7)", "ModuleNotFoundError: No module named 'shop'"),
        "the result of pool.next() (conftest.py:7) was sent by the fixture worker, but cannot be unpickled\n"
        "in the test worker (ModuleNotFoundError: No module named 'shop').\n"
        "Its class must be importable there by the same name: define it in a module that both import, or\n"
        "return plain data.",
    ),
    (
        handles.is_private,
        ("pool", "_items"),
        "'_items' of pool is private: its name begins with an underscore.",
    ),
    (
        handles.not_writable,
        ("pool", "mode"),
        "'mode' of pool cannot be set from a test: the object is shared by all tests.\n"
        'If that is meant, name it where the fixture is made global: writable=("mode",).',
    ),
    (
        host.is_lost,
        ("pool.next() (conftest.py:7)",),
        "the connection to the fixture worker was lost before there was an answer to pool.next() "
        "(conftest.py:7).\n"
        "It may have been done, or not.",
    ),
    (
        host.is_finalized,
        ("pool.next() (conftest.py:7)",),
        "pool.next() (conftest.py:7) comes too late: its fixture has been finalized.",
    ),
    (
        in_process.cannot_unpickle_here,
        ("pool", "conftest.py:7", "TypeError: no"),
        "the value of the global fixture 'pool' (conftest.py:7) can be pickled, but not unpickled "
        "again (TypeError: no), as a test worker has to (fixture_worker_copies).\n"
        'Return plain data, or share the object itself: share="proxy".',
    ),
    (
        shared_pool.all_taken,
        (2.5, "gw0 (test_it.py::test)"),
        "no item of the pool was free within 2.5 s: gw0 (test_it.py::test) had them.",
    ),
    (
        shared_pool.nothing_like_that,
        ({"role": "admin", "n": 1},),
        "no item of the pool has role='admin', n=1.",
    ),
    (shared_pool.nothing_like_that, ({},), "the pool has no items."),
    (shared_pool.makes_another, (), "the making of another item"),
    (shared_pool.not_waited_for, (), "nobody waits for an item any more."),
    (
        shared_pool.closed_by_test,
        (),
        "close() disposes of the items of a pool, which other tests use.\n"
        "Call it in the finalizer of the fixture that made the pool.",
    ),
    (
        lanes.holder,
        ("gw0", "test_it.py::test (call)"),
        "gw0 (test_it.py::test)",
    ),
    (
        performing.is_gone,
        ("pool.next() (conftest.py:7)",),
        "pool.next() (conftest.py:7): there is no such live object any more.",
    ),
    (
        performing.argument_is_gone,
        (),
        "a live object among the arguments is not there any more.",
    ),
    (
        performing.cannot_unpickle_arguments,
        ("pool.next() (conftest.py:7)", "ModuleNotFoundError: No module named 'shop'"),
        "the arguments of pool.next() (conftest.py:7) were sent by the test, but cannot be unpickled "
        "in the fixture worker (ModuleNotFoundError: No module named 'shop').\n"
        "Their classes must be importable there by the same name: define them in a module that both "
        "import, or use plain data.",
    ),
    (
        proxy.not_deletable,
        ("pool", "mode"),
        "'mode' of pool cannot be deleted from a test: the object is shared by all tests.",
    ),
    (
        proxy.cannot_pickle_proxy,
        ("<proxy of shop.Pool in the fixture worker: pool (conftest.py:7)>",),
        "<proxy of shop.Pool in the fixture worker: pool (conftest.py:7)> cannot be copied or "
        "pickled.\n"
        "It can be an argument of another proxy's method, where it arrives as the object itself.",
    ),
    (
        returning.is_module,
        ("pool.os (conftest.py:7)", "os"),
        "pool.os (conftest.py:7) is the module 'os', which is used where it is imported.\n"
        "Write a method that does with it what the test needs.",
    ),
    (
        returning.is_async,
        ("pool.next() (conftest.py:7)",),
        "pool.next() (conftest.py:7) is asynchronous: what it returns can be awaited in the event "
        "loop of its own process only, not in a test.\n"
        "Write a method that awaits it there, as with asyncio.run(...), and returns what comes out "
        "of it.",
    ),
    (
        returning.ends_process,
        ("pool.next() (conftest.py:7)", "SystemExit: 3"),
        "pool.next() (conftest.py:7) raised what ends a process, so this stands in for it: "
        "SystemExit: 3",
    ),
    (
        returning.cannot_be_sent,
        ("pool.next() (conftest.py:7)", "shop.EmptyError: no"),
        "pool.next() (conftest.py:7) raised an exception that cannot be sent: shop.EmptyError: no",
    ),
    (
        returning.result_too_large,
        ("pool.next() (conftest.py:7)", 3, 2),
        "the result of pool.next() (conftest.py:7) is too large to be sent: 3 bytes when pickled, of "
        "2 at most.\n"
        "Write it to a file and return the path.",
    ),
    (
        turns.takes_too_long,
        ("pool.next() (conftest.py:7)", 2.5, "  here"),
        "pool.next() (conftest.py:7) took longer than the 2.5 s of fixture_worker_timeout.\n"
        "Until it ends, nothing else can be done with that object. Where it is:\n"
        "  here",
    ),
    (
        turns.is_busy,
        ("pool.next() (conftest.py:7)", "pool.size (conftest.py:7)", "gw0 (test_it.py::test)"),
        "pool.next() (conftest.py:7) cannot begin: pool.size (conftest.py:7) of gw0 "
        "(test_it.py::test) took longer than fixture_worker_timeout, and has not ended yet.",
    ),
    (
        turns.still_held,
        ("exclusive use of pool (conftest.py:7)", 2.5, "gw0 (test_it.py::test)"),
        "no exclusive use of pool (conftest.py:7) within 2.5 s: gw0 (test_it.py::test) had it all "
        "the time.",
    ),
    (
        promotable.no_such_session_fixture,
        ("tabels", "--global-fixture", ("tables", "labels")),
        "--global-fixture: there is no session fixture 'tabels'. Did you mean tables or labels?\n"
        "pytest --fixtures lists all. A plugin that is not loaded has none.",
    ),
    (
        promotable.no_such_session_fixture,
        ("tabels", "global_fixtures", ()),
        "global_fixtures: there is no session fixture 'tabels'.\n"
        "pytest --fixtures lists all. A plugin that is not loaded has none.",
    ),
    (
        promotable.pattern_refused,
        ("*_id", "global_fixtures", "worker_id", "xdist/plugin.py:7", "it is about its process"),
        "global_fixtures: the pattern '*_id' fits the fixture 'worker_id' (xdist/plugin.py:7), which "
        "cannot be global: it is about its process.\n"
        "Write a pattern that does not fit it, or the names one by one.",
    ),
    (
        promotable.pattern_fits,
        ("wheel_*", "global_fixtures", ("wheel_a", "wheel_b")),
        "global_fixtures: wheel_* is wheel_a, wheel_b",
    ),
    (
        promotable.not_collected,
        ("tabels", "global_fixtures", ("tables", "labels")),
        "global_fixtures: there is no session fixture 'tabels' in what was collected.\n"
        "Did you mean tables or labels?",
    ),
    (
        promotable.promotion_of_narrower,
        ("tables", "global_fixtures", ("module-scoped (a.py:7)", "function-scoped (b.py:8)")),
        "global_fixtures: the fixture 'tables' cannot be global, because a global fixture lives as "
        "long as the test run. It is module-scoped (a.py:7) and function-scoped (b.py:8).\n"
        "Name the session fixture that does the work for it, or give it that scope.",
    ),
    (
        promotable.promotion_refused,
        ("loop", "global_fixtures", "plugin.py:7", "it belongs to one process", "Leave it there"),
        "global_fixtures: the fixture 'loop' (plugin.py:7) cannot be global: it belongs to one "
        "process.\n"
        "Remove it there. Leave it there.",
    ),
    (
        refused.declared_refused,
        ("loop", "conftest.py:7", Refusal("_pytest", "it belongs to one process", "Leave it")),
        "@global_fixture: the fixture 'loop' (conftest.py:7) cannot be global, as it is one of "
        "pytest, or takes its place: it belongs to one process.\n"
        'Write @pytest.fixture(scope="session"), or give it another name if it is another thing. '
        "Leave it.",
    ),
    (
        refused.depends_on_refused,
        (
            "seeded",
            "conftest.py:7",
            ("setup", "blocker (through plain)"),
            Refusal("plugin", "it is special", "Leave it", (), "what it writes is lost"),
        ),
        "global fixture seeded (conftest.py:7) depends on setup, blocker (through plain) of "
        "plugin: what it writes is lost.\n"
        "If tests need it, make seeded an ordinary session fixture, which each test worker sets "
        "up.",
    ),
    (
        promotion_check.ran_once_per_worker,
        ("broker, database",),
        "global fixtures ran once per test worker: broker, database\n"
        "With --fixture-worker, they run once per test run.",
    ),
    (
        promotion_check.had_another_value,
        ("project (conftest.py:3)",),
        "session fixture project (conftest.py:3) had another value in the fixture worker, where a "
        "global fixture depends on it, than in the test workers, where tests use it.\n"
        "In global_fixtures, project would be one value for all.",
    ),
    (
        earlier_runs.damaged_file,
        ("x.json.damaged",),
        "the file in which a run notes what is set up is damaged; it is now x.json.damaged",
    ),
    (
        reporting.killed_at_end,
        (9,),
        "all is finalized, but the process of the fixture worker did not end by itself: it was "
        "killed by signal 9.\n"
        "A hook pytest_sessionfinish or pytest_unconfigure in it, a thread or an atexit handler "
        "does not come to its end.",
    ),
    (
        reporting.changed_elsewhere,
        ("login", "conftest.py:7", ("A", "B"), (), False),
        "global fixture login (conftest.py:7) changed A, B in os.environ of the fixture worker "
        "only.\nIf tests need it, @global_fixture(env=True) changes it in the test workers too",
    ),
    (
        reporting.changed_elsewhere,
        ("login", "conftest.py:7", ("A",), ("config.token",), True),
        "global fixture login (conftest.py:7) changed A in os.environ, config.token of the fixture "
        "worker only.\nIf tests need it, 'login: env' in global_fixtures changes the variables in "
        "the test workers too; return the rest, and let a session fixture of the test workers, "
        "which depends on login, put it there",
    ),
    (
        reporting.is_silent,
        ("prepare", "conftest.py:7"),
        "global fixture prepare (conftest.py:7) is autouse and has no value: what it changes in "
        "its own process, no test sees.\n"
        "If tests need that, make it an ordinary session fixture",
    ),
    (reporting.silenced_by, ("login", True), "'login: env()' says that they do not"),
    (reporting.silenced_by, ("login", False), "env=False says that they do not"),
    (
        decorator.arguments_on_fixture,
        ("tables", "conftest.py:7", ("autouse", "ids")),
        "@global_fixture(autouse, ids) on top of @pytest.fixture, on 'tables' (conftest.py:7): "
        "these arguments belong to the fixture.\n"
        "Give them to @pytest.fixture, or use @global_fixture alone.",
    ),
    (
        decorator.mark_of_tests,
        ("usefixtures", "tables", "conftest.py:7"),
        "@pytest.mark.usefixtures on the global fixture 'tables' (conftest.py:7) has no effect: it "
        "says something about tests.\n"
        "Give the fixture their names as arguments.",
    ),
    (
        asking.marks_do_not_hold,
        (("timeout(900)",), "server", "conftest.py:7"),
        "The mark of this test, timeout(900), does not hold for the set-up of the global fixture "
        "'server' (conftest.py:7), whichever test asks first.\n"
        "If the set-up needs it, write @pytest.mark.timeout(900) above @global_fixture, or "
        "'server: marks(timeout(900))' in global_fixtures.",
    ),
    (
        decorator.already_global,
        ("tables", "conftest.py:7"),
        "@global_fixture twice on 'tables' (conftest.py:7).\nRemove one of the two.",
    ),
    (
        decorator.instance_method,
        ("tables", "test_it.py:7"),
        "the global fixture 'tables' (test_it.py:7) is an instance method: it outlives every "
        "instance of its test class.\n"
        "Make it a class method, with @global_fixture above @classmethod, or move it out of the "
        "class.",
    ),
    (
        guard_marks.guard_arguments,
        ("parallel_only", "conftest.py:7"),
        "@pytest.mark.parallel_only with arguments (conftest.py:7): a guard takes none.\n"
        "Write @pytest.mark.parallel_only alone.",
    ),
    (
        guards.both_guards,
        ("tables", "conftest.py:7"),
        "both guards, parallel_only and serial_only, on the fixture 'tables' (conftest.py:7): no "
        "run has such a fixture.\n"
        "Remove one of the two; two fixtures that differ in their guards need a function each.",
    ),
    (
        guards.guarded_twice,
        ("tables", "conftest.py:7", "conftest.py:11"),
        "two guarded definitions of the fixture 'tables' have the same function name "
        "(conftest.py:7 and conftest.py:11): Python keeps only the second, so that no run has the "
        "first.\n"
        'Give the functions different names, and both of them name="tables".',
    ),
    (
        guard_plugin.guard_below_fixture,
        ("serial_only", "tables", "conftest.py:7"),
        "@pytest.mark.serial_only below @pytest.fixture, on 'tables' (conftest.py:7), has no "
        "effect: pytest takes it for a mark of a test.\n"
        "Put it above @pytest.fixture.",
    ),
    (
        guard_plugin.guard_too_early,
        ("serial_only", "tables", "plugin.py:7"),
        "@pytest.mark.serial_only on the fixture 'tables' (plugin.py:7) has no effect: the module "
        "was imported before pytest loaded xdist_fixtureworker.\n"
        "Write 'from xdist_fixtureworker import serial_only' in it, and @serial_only.",
    ),
    (
        guards.guards_unfit,
        ("parallel_only", "tables", "conftest.py:7", "99.0"),
        "@parallel_only on the fixture 'tables' (conftest.py:7) cannot be obeyed: pytest 99.0 has "
        "no FixtureManager._register_fixture any more, by which definitions are kept out.\n"
        "Install an earlier pytest, or a later pytest-xdist-fixtureworker.",
    ),
    (
        guard_plugin.guarded_fixture,
        ("tables", "conftest.py:7", "parallel_only"),
        "needs the fixture 'tables' (conftest.py:7), which is parallel_only: run pytest with -n, "
        "as in -n2",
    ),
    (
        guard_plugin.guarded_test,
        ("serial_only",),
        "the test is serial_only: run pytest without -n, or with -n0",
    ),
    (
        guard_plugin.skipped_by_guard,
        (1, "parallel_only"),
        "1 test was skipped by the guard parallel_only.\nRun pytest with -n, as in -n2.",
    ),
    (
        guard_plugin.skipped_by_guard,
        (3, "serial_only"),
        "3 tests were skipped by the guard serial_only.\nRun pytest without -n, or with -n0.",
    ),
    (guard_plugin.way_to_run, ("parallel_only",), "with -n, as in -n2"),
]


@pytest.mark.parametrize(("message", "arguments", "text"), MESSAGES)
def test_message(message: Callable[..., str], arguments: tuple[object, ...], text: str) -> None:
    assert message(*arguments) == text


def messages_of_the_package() -> set[tuple[str, str]]:
    """Module and name of each function in a section "messages"."""
    root = Path(xdist_fixtureworker.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        _, _, section = text.partition("\n# --- messages\n")
        name = ".".join(("xdist_fixtureworker", *path.relative_to(root).with_suffix("").parts))
        found |= {
            (name, node.name)
            for node in ast.parse(section).body
            if isinstance(node, ast.FunctionDef)
        }
    return found


def test_every_message_is_quoted_here() -> None:
    quoted = {(message.__module__, message.__name__) for message, _, _ in MESSAGES}
    not_in_sections = {
        (__name__, "died_message"),
        (__name__, "died_call_message"),
        (worker_id.__name__, "worker_id_hint"),
    }
    assert quoted - not_in_sections == messages_of_the_package()


def test_all_run_time_errors_have_one_base() -> None:
    classes = {
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if cls.__module__ in {errors.__name__, "xdist_fixtureworker"}
    }
    not_ours = {cls for cls in classes if not issubclass(cls, errors.FixtureWorkerError)}
    assert not_ours == {errors.RemoteTraceback}
    assert len(classes) > 2


def test_remote_traceback() -> None:
    assert str(errors.RemoteTraceback("a\nb")) == "in the fixture worker:\na\nb"

"""Exceptions and their wording; used by every process.

``pytest.UsageError`` is for what the user wrote wrongly. What goes wrong at run time is a
:class:`FixtureWorkerError`. Each text says what happened, where, why, and what to do next.
"""

from __future__ import annotations

from .roles import FIXTURE_WORKER_ID


class FixtureWorkerError(Exception):
    """Base of all errors that this plugin raises at run time, in any process."""


class ProtocolError(FixtureWorkerError):
    """A message that does not follow :mod:`xdist_fixtureworker.protocol`; a bug of ours."""


class FixtureWorkerDiedError(FixtureWorkerError):
    """Raised in a test worker: the fixture worker ended before it could answer."""


class SetUpError(FixtureWorkerError):
    """Raised in a test worker: the set-up of a global fixture failed with an exception that
    cannot be sent, so this one stands in for it."""


class CannotShareError(FixtureWorkerError):
    """Raised for the tests that need it: the value of a global fixture cannot be pickled in
    the fixture worker, or not be unpickled in the test worker."""


class RemoteTraceback(Exception):
    """The ``__cause__`` of an exception that was raised in the fixture worker: its traceback
    there, as text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"in the fixture worker:\n{self.text}"


def cannot_pickle(  # noqa: PLR0917  # all of one kind
    fixture: str, where: str, type_name: str, cause: str, culprit: str | None, promoted: bool
) -> str:
    remedy = 'share=attrs("url", "port")'
    if promoted:
        remedy = f"{fixture}: attrs(url, port) in global_fixtures"
    place = f"{culprit} is what pickle refuses" if culprit else "pickle refuses it"
    return (
        f"the value of the global fixture '{fixture}' ({where}) cannot be sent to the test "
        f"workers: it is a {type_name}, and {place} ({cause}).\n"
        f"Return what the tests need to make their own: a URL, a path, connection parameters; "
        f"and let a session fixture of the test workers connect with them. Where the object must "
        f"stay as it is, {remedy} sends these attributes of it."
    )


def cannot_read(fixture: str, where: str, type_name: str, cause: str) -> str:
    return (
        f"an attribute of the global fixture '{fixture}' ({where}) cannot be read to be sent to "
        f"the test workers: its value is a {type_name} ({cause}).\n"
        f"Share attributes that it has when it is set up."
    )


def too_large(fixture: str, where: str, size: int, limit: int) -> str:
    return (
        f"the value of the global fixture '{fixture}' ({where}) is too large to be sent to the "
        f"test workers: {size} bytes when pickled, of {limit} at most.\n"
        f"Write it to a file below tmp_path_factory and return the path."
    )


def cannot_unpickle(fixture: str, where: str, worker: str, cause: str) -> str:
    return (
        f"the value of the global fixture '{fixture}' ({where}) was sent by the fixture worker "
        f"but cannot be unpickled in test worker {worker} ({cause}).\n"
        f"Its class must be importable there by the same name: define it in a module that both "
        f"import, or return plain data."
    )


def cannot_pickle_parameter(fixture: str, where: str, parameter: str, cause: str) -> str:
    return (
        f"the indirect parameter of '{parameter}' that the global fixture '{fixture}' ({where}) "
        f"depends on cannot be sent to the fixture worker ({cause}).\n"
        f"Parametrize with plain data, or put the parameters into the definition of "
        f"'{parameter}' (params=...): those are not sent."
    )


def other_parameter(  # noqa: PLR0917  # all of one kind
    fixture: str, where: str, parameter: str, index: int, ours: str, theirs: str | None
) -> str:
    nothing = "no plain data"
    found = "missing" if theirs is None else theirs or nothing
    return (
        f"the global fixture '{fixture}' ({where}) needs params[{index}] of '{parameter}', which "
        f"is {ours or nothing} in the test worker and {found} in the fixture worker.\n"
        f"Probably these params are a set, whose order differs between processes, or are computed "
        f"in each process. Sort them, or write a list of what is the same in every process."
    )


def set_up_broke(fixture: str, traceback: str) -> str:
    return (
        f"the global fixture '{fixture}' could not be set up, because an exception came up around "
        f"it in the fixture worker, in a hook for instance:\n{traceback}"
    )


def already_finalized(fixture: str, where: str) -> str:
    return (
        f"a finalizer asks for the fixture '{fixture}' ({where}), which is finalized already.\n"
        f"Let the fixture with that finalizer name '{fixture}' as an argument: then it goes first."
    )


def timed_out(what: str, fixture: str, where: str, seconds: float) -> str:
    return (
        f"the {what} of the global fixture '{fixture}' ({where}) took longer than the "
        f"{seconds:g} s of fixture_worker_timeout.\n"
        f"The stacks of all threads of the fixture worker at that time are shown below. If it only "
        f"needs longer, raise the limit."
    )


def hanging(what: str, fixture: str, where: str, stacks: str) -> str:
    return (
        f"the {what} of the global fixture '{fixture}' ({where}) hangs: it took longer than "
        f"fixture_worker_timeout, and no exception reaches it, as in a call into C code.\n"
        f"Nothing else can be set up or finalized. Use a time-out of the library that it calls.\n"
        f"Stacks of the fixture worker:\n{stacks}"
    )


def silent(activity: str) -> str:
    return (
        f"{activity} hangs: it took longer than fixture_worker_timeout, and no thread of the "
        f"fixture worker runs, as in a call into C code that keeps the interpreter's lock.\n"
        f"Nothing else can be set up or finalized. Use a time-out of the library that it calls."
    )


def fixture_worker_died(reason: str) -> str:
    return (
        f"the fixture worker ended before this global fixture was set up: {reason}.\n"
        f"The end of the report says what is known of it."
    )


def fixture_worker_did_not_start(reason: str) -> str:
    return f"the fixture worker could not start.\n{reason.rstrip()}{worker_id_hint(reason)}"


def worker_id_hint(text: str) -> str:
    """A remedy for code that computes with the worker id; empty where ``text`` shows none."""
    if FIXTURE_WORKER_ID not in text or not ("ValueError" in text or "KeyError" in text):
        return ""
    return (
        f'\nThe worker id of the fixture worker is "{FIXTURE_WORKER_ID}", not "gw" and a number. '
        f"Code that computes with it can ask xdist_fixtureworker.is_fixture_worker(config) first."
    )


def version_unfit(distribution: str, version: str, newest: str, missing: list[str]) -> str:
    return (
        f"--fixture-worker cannot work with {distribution} {version}, which lacks what it needs: "
        f"{', '.join(missing)}. The newest {distribution} that it was tested with is {newest}.\n"
        f"Upgrade pytest-xdist-fixtureworker, install '{distribution}=={newest}.*', or use "
        f"--no-fixture-worker: global fixtures then run once per test worker."
    )


def mixed_pythons(ours: str, theirs: str, worker: str) -> str:
    return (
        f"--fixture-worker needs one Python version for all workers: the controller and the "
        f"fixture worker run Python {ours}, test worker {worker} runs {theirs}.\n"
        f"Values travel as pickles, which different versions need not understand. "
        f"Run pytest once per version, or use --no-fixture-worker."
    )


def bad_timeout(setting: str, shown: str) -> str:
    return (
        f"the ini setting {setting} is {shown}, which is not a number of seconds.\n"
        f"Write a number such as 60 or 2.5; 0, or nothing, is no limit."
    )


def narrower_scope(name: str, where: str, scope: str) -> str:
    return (
        f"@global_fixture on the {scope}-scoped fixture '{name}' ({where}): a global fixture lives "
        f"as long as the test run.\n"
        f'Write @pytest.fixture(scope="session") below it, or @global_fixture alone.'
    )


def dynamic_scope(name: str, where: str) -> str:
    return (
        f"@global_fixture on the fixture '{name}' ({where}), whose scope a function decides: a "
        f"global fixture lives as long as the test run.\n"
        f'Write scope="session" instead of the function.'
    )


def on_class(name: str, where: str) -> str:
    return (
        f"@global_fixture on the class '{name}' ({where}): only functions can be fixtures.\n"
        f"Decorate a function that returns an instance of the class."
    )


def not_a_function(what: str) -> str:
    return (
        f"@global_fixture got {what}, which is neither a function nor a pytest fixture.\n"
        f"Options go in by name: @global_fixture(autouse=True)."
    )


def unknown_argument(argument: str, known: tuple[str, ...]) -> str:
    if argument == "scope":
        return (
            "@global_fixture takes no scope: a global fixture lives as long as the test run, and "
            "as a session fixture where tests are not distributed.\n"
            "Leave scope out."
        )
    return f"@global_fixture got an unknown argument '{argument}'.\nIt takes: {', '.join(known)}."


def unknown_share(name: str, where: str, share: object) -> str:
    later = "comes with a later version" if share == "proxy" else "does not exist"
    return (
        f"@global_fixture(share={share!r}) on '{name}' ({where}): this way of sharing {later}.\n"
        f"Leave share out and return connection details instead of a live object, or share some "
        f'attributes of the object: share=attrs("url", "port").'
    )


def no_attributes() -> str:
    return (
        "attrs() without names would share nothing.\n"
        'Name the attributes that the tests need: attrs("url", "config.port").'
    )


def not_an_attribute(name: object) -> str:
    return (
        f"attrs({name!r}): this cannot be the name of an attribute.\n"
        f'Names go in as texts, one by one, with dots for attributes of attributes: attrs("url", '
        f'"config.port").'
    )


def attribute_within_another(name: str, outer: str) -> str:
    return (
        f"attrs() got '{outer}', which is the whole object, and '{name}', which is an attribute of "
        f"it.\nRemove one of the two."
    )


def not_shared(fixture: str, name: str, names: tuple[str, ...]) -> str:
    more = (*names, name)
    quoted = ", ".join(f'"{each}"' for each in more)
    return (
        f"'{name}' of the global fixture '{fixture}' is not shared with the test workers; shared "
        f"are: {', '.join(names)}.\n"
        f"If it is plain data, add it where the fixture is made global: in "
        f"@global_fixture(share=attrs({quoted})), or in global_fixtures: "
        f"{fixture}: attrs({', '.join(more)}). Methods can be called in the fixture worker only."
    )


def record_is_read_only(fixture: str, name: str) -> str:
    return (
        f"'{name}' of the global fixture '{fixture}' cannot be changed here: test workers have a "
        f"read-only record, and the object itself is in the fixture worker.\n"
        f"Change it in the fixture, or in another global fixture that depends on it."
    )


def unknown_promotion(line: str, source: str) -> str:
    return (
        f"{source}: '{line}' is not understood.\n"
        f"Write the name of a session fixture, alone or with the attributes of it that are shared: "
        f"docker_services, or httpbin: attrs(url, host)"
    )


def wrong_promotion(line: str, source: str, cause: str) -> str:
    return f"{source}: '{line}' is not right: {cause}"


def promotion_by_proxy(line: str, source: str) -> str:
    return (
        f"{source}: '{line}' asks for share=\"proxy\", which comes with a later version.\n"
        f"Until then, share the attributes that the tests need, as in httpbin: attrs(url, host), "
        f"or leave the fixture out: each test worker then sets it up for itself."
    )


def no_such_session_fixture(name: str, source: str, near: tuple[str, ...]) -> str:
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return (
        f"{source}: there is no session fixture '{name}'.{meant}\n"
        f"pytest --fixtures lists all. A plugin that is not loaded has none."
    )


def not_collected(name: str, source: str, near: tuple[str, ...]) -> str:
    return (
        f"{source}: there is no session fixture '{name}' in what was collected; did you mean "
        f"{' or '.join(near)}?"
    )


def promotion_of_narrower(name: str, source: str, scopes: tuple[str, ...]) -> str:
    return (
        f"{source}: the fixture '{name}' cannot be global, because a global fixture lives as long "
        f"as the test run. It is {' and '.join(scopes)}.\n"
        f"Name the session fixture that does the work for it, or give it that scope."
    )


def promotion_refused(name: str, source: str, where: str, reason: str, instead: str) -> str:
    return (
        f"{source}: the fixture '{name}' ({where}) cannot be global: {reason}.\n"
        f"Remove it there. {instead}."
    )


def recover_not_callable(name: str, where: str, recover: object) -> str:
    return (
        f"@global_fixture(recover={recover!r}) on '{name}' ({where}): recover is a function that "
        f"takes the fixture's value.\n"
        f"Give it the function itself, without calling it."
    )


def arguments_on_fixture(name: str, where: str, arguments: tuple[str, ...]) -> str:
    return (
        f"@global_fixture({', '.join(arguments)}) on top of @pytest.fixture, on '{name}' "
        f"({where}): these arguments belong to the fixture.\n"
        f"Give them to @pytest.fixture, or use @global_fixture alone."
    )


def already_global(name: str, where: str) -> str:
    return f"@global_fixture twice on '{name}' ({where}).\nRemove one of the two."


def instance_method(name: str, where: str) -> str:
    return (
        f"the global fixture '{name}' ({where}) is an instance method: it outlives every instance "
        f"of its test class.\n"
        f"Make it a class method, with @global_fixture above @classmethod, or move it out of the "
        f"class."
    )


def unknown_treatment_of_strays(value: str) -> str:
    return (
        f"the ini setting fixture_worker_strays is '{value}'.\n"
        f"It says what is done about processes that outlive the worker that started them: report, "
        f"kill or ignore."
    )


def guard_arguments(guard: str, where: str) -> str:
    return (
        f"@pytest.mark.{guard} with arguments ({where}): a guard takes none.\n"
        f"Write @pytest.mark.{guard} alone."
    )


def both_guards(name: str, where: str) -> str:
    return (
        f"both guards, parallel_only and serial_only, on the fixture '{name}' ({where}): no run "
        f"has such a fixture.\n"
        f"Remove one of the two; two fixtures that differ in their guards need a function each."
    )


def guarded_twice(name: str, first: str, second: str) -> str:
    return (
        f"two guarded definitions of the fixture '{name}' have the same function name ({first} and "
        f"{second}): Python keeps only the second, so that no run has the first.\n"
        f'Give the functions different names, and both of them name="{name}".'
    )


def guard_below_fixture(guard: str, name: str, where: str) -> str:
    return (
        f"@pytest.mark.{guard} below @pytest.fixture, on '{name}' ({where}), has no effect: pytest "
        f"takes it for a mark of a test.\n"
        f"Put it above @pytest.fixture."
    )


def guard_too_early(guard: str, name: str, where: str) -> str:
    return (
        f"@pytest.mark.{guard} on the fixture '{name}' ({where}) has no effect: the module was "
        f"imported before pytest loaded xdist_fixtureworker.\n"
        f"Write 'from xdist_fixtureworker import {guard}' in it, and @{guard}."
    )


def guards_unfit(guard: str, name: str, where: str, version: str) -> str:
    return (
        f"@{guard} on the fixture '{name}' ({where}) cannot be obeyed: pytest {version} has no "
        f"FixtureManager._register_fixture any more, by which definitions are kept out.\n"
        f"Install an earlier pytest, or a later pytest-xdist-fixtureworker."
    )


def guarded_fixture(name: str, where: str, guard: str) -> str:
    return f"needs the fixture '{name}' ({where}), which is {guard}: run pytest {way_to_run(guard)}"


def guarded_test(guard: str) -> str:
    return f"the test is {guard}: run pytest {way_to_run(guard)}"


def skipped_by_guard(count: int, guard: str) -> str:
    tests = "1 test was" if count == 1 else f"{count} tests were"
    return f"{tests} skipped by the guard {guard}: run pytest {way_to_run(guard)}"


def way_to_run(guard: str) -> str:
    return "with -n, as in -n2" if guard == "parallel_only" else "without -n, or with -n0"

"""Drives a headless Chromium by its DevTools protocol, over two pipes.

Selenium needs a driver of the very version of the browser; Playwright brings 165 MB, and cannot be
installed beside httpbin, which other tests use. What is needed here is a page, keys and pictures.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ..suite import NEVER_HANG

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FROM, _TO = 3, 4  # the descriptors that it reads commands from, and writes answers to
_KEYS = {"+": 187, "-": 189, "0": 48}
_NAMED_KEYS = {
    "Tab": 9,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}


def found() -> str | None:
    """The browser's command, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """A tab of the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)

    def open(self, file: Path) -> None:
        """Show a file; returns when it is loaded."""
        self.call("Page.navigate", url=file.as_uri())
        self._browser.wait("Page.loadEventFired", self._session)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; of a promise, what comes of it."""
        options = {"awaitPromise": True, "returnByValue": True}
        result = self.call("Runtime.evaluate", expression=script, **options)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys, named as in KeyboardEvent.key."""
        for key in keys:
            code = _NAMED_KEYS.get(key) or _KEYS[key]
            common = {"key": key, "windowsVirtualKeyCode": code}
            text = {} if key in _NAMED_KEYS else {"text": key}
            self.call("Input.dispatchKeyEvent", type="keyDown", **common, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def prefer(self, scheme: str) -> None:
        """Prefer ``light`` or ``dark``."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def allow_scripts(self, allowed: bool) -> None:
        self.call("Emulation.setScriptExecutionDisabled", value=not allowed)

    def picture(self, **options: Any) -> bytes:
        """What is to be seen, as PNG; options are those of ``Page.captureScreenshot``."""
        return base64.b64decode(self.call("Page.captureScreenshot", **options)["data"])

    @property
    def complaints(self) -> list[str]:
        """What was said in the console, exceptions, and what the browser refused."""
        self.run("0")  # what was said before has come by then
        return [
            json.dumps(parameters)
            for method, parameters in self._browser.events(self._session)
            if method in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}
        ]


class Browser:
    """The browser, as long as it runs.

    :param commands: what it reads.
    :param answers: what it writes.
    """

    def __init__(self, commands: BinaryIO, answers: BinaryIO) -> None:
        self._commands = commands
        self._answers = answers
        self._number = 0
        self._events: list[tuple[str, str, dict[str, Any]]] = []

    def page(self) -> Page:
        """A new tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        return Page(self, attached["sessionId"])

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Have it do something, and wait for the result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._commands.write(json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            pass
        assert "error" not in answer, (method, answer)
        result: dict[str, Any] = answer["result"]
        return result

    def wait(self, method: str, session: str) -> None:
        """Wait for an event, which may have come."""
        while all(each[:2] != (session, method) for each in self._events):
            self._read()
        self._events = [each for each in self._events if each[:2] != (session, method)]

    def events(self, session: str) -> list[tuple[str, dict[str, Any]]]:
        """What has come of a tab."""
        return [(method, more) for of, method, more in self._events if of == session]

    def _read(self) -> dict[str, Any]:
        data = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser has ended"
            data += byte
        message: dict[str, Any] = json.loads(data)
        if "method" in message:
            event = message["method"], message["params"]
            self._events.append((message.get("sessionId", ""), *event))
        return message


@contextmanager
def browser(command: str, folder: Path) -> Iterator[Browser]:
    """A browser, with its files in a folder."""
    to_read, commands = os.pipe()
    answers, to_write = os.pipe()

    def hand_over() -> None:
        # Out of the way first: one of them may have the number that another is to get.
        first, second = os.dup(to_read), os.dup(to_write)
        os.dup2(first, _FROM)
        os.dup2(second, _TO)

    options = [
        *("--headless=new", "--remote-debugging-pipe", f"--user-data-dir={folder}"),
        *("--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars"),
        *("--disable-background-networking", "--disable-component-update"),
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ]
    process = subprocess.Popen(
        [command, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(_FROM, _TO),
        preexec_fn=hand_over,  # noqa: PLW1509  # it takes no lock
    )
    os.close(to_read)
    os.close(to_write)
    watchdog = threading.Timer(NEVER_HANG, process.kill)
    watchdog.start()
    try:
        with os.fdopen(commands, "wb", buffering=0) as to, os.fdopen(answers, "rb") as of:
            running = Browser(to, of)
            yield running
            running.call("Browser.close")
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()

# The loop inside the interpreter: read a request line, run the block with fresh globals, write one result line.
import builtins
import io
import json
import linecache
import math
import os
import posix
import random
import sys
import traceback
import types

from mem_agent_guest.functions import make_functions
from mem_agent_guest.memory_files import MemoryFiles, install
from mem_agent_guest.walls import raise_walls

FILE_NAME = "<python>"
LIBRARY = os.path.dirname(os.__file__) + "/"
NOISE = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type, types.GenericAlias)
LIMITS = {"value": 262144, "total": 524288, "printed": 65536, "error": 16384}


class Channel:
    """Lines of JSON over the two pipes; a call blocks until the core has answered."""

    def __init__(self):
        self._pending = b""
        self._read, self._write = posix.read, posix.write

    def send(self, message):
        line = json.dumps(message) + "\n"
        data = memoryview(line.encode("ascii"))
        while data:
            data = data[self._write(1, data[:65536]) :]

    def receive(self):
        parts = [self._pending]
        while b"\n" not in parts[-1]:
            chunk = self._read(0, 65536)
            if not chunk:
                return None
            parts.append(chunk)
        line, _, self._pending = b"".join(parts).partition(b"\n")
        return json.loads(line)

    def call(self, name, *arguments, **keywords):
        self.send({"type": "call", "name": name, "args": arguments, "kwargs": keywords})
        answer = self.receive()
        if answer is None:
            posix._exit(0)
        if answer["type"] == "return":
            return answer["value"]
        raise _exception(answer)


def _exception(answer):
    kind = getattr(builtins, answer["pythonType"], Exception)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = Exception
    if answer["errno"] is not None and issubclass(kind, OSError):
        return kind(answer["errno"], answer["message"])
    return kind(answer["message"])


class CappedText(io.StringIO):
    """What was printed, up to a limit; the rest is counted, not kept."""

    def __init__(self, limit):
        super().__init__()
        self._room, self._lost = limit, 0

    def write(self, text):
        kept = text[: self._room]
        self._room -= len(kept)
        self._lost += len(text) - len(kept)
        super().write(kept)
        return len(text)

    def text(self):
        return self.getvalue() + (f"… [{self._lost} characters left out]" if self._lost else "")


def cap(text, limit):
    return text if len(text) <= limit else f"{text[:limit]}… [{len(text) - limit} characters left out]"


def user_variables(namespace, injected):
    return {
        name: value
        for name, value in namespace.items()
        if isinstance(name, str)
        and not (name.startswith("__") and name.endswith("__"))
        and not isinstance(value, NOISE)
        and not (name in injected and value is injected[name])
    }


def describe(value):
    try:
        # A long text is cut before `repr`, so that its escapes never need a second copy of it.
        if type(value) is str and len(value) > LIMITS["value"]:
            return f"{value[: LIMITS['value']]!r}… [{len(value) - LIMITS['value']} characters left out]"
        return cap(repr(value), LIMITS["value"])
    except BaseException as error:
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"


def repr_of(variables):
    parts, room, left_out = [], LIMITS["total"], 0
    for name, value in variables.items():
        text = f"{name!r}: {describe(value)}"
        if len(text) > room:
            left_out += len(text) - room
            text = text[:room]
            parts.append(text) if text else None
            room = 0
        else:
            parts.append(text)
            room -= len(text)
    tail = f"… [{left_out} characters left out]" if left_out else ""
    return "{" + ", ".join(parts) + tail + "}"


def _finite(value):
    # JSON has no NaN; json.dumps has already shown that the value is a tree of plain things.
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def json_of(variables):
    result, room = {}, LIMITS["total"]
    for name, value in variables.items():
        try:
            text = json.dumps(value)
            if len(text) > room:
                continue
            result[name] = _finite(value)
            room -= len(text)
        except BaseException:
            # Not a JSON value (date, set, match, cycle): it is in the repr, that is where the model reads it.
            continue
    return result


def _public_frame(frame):
    # Where the standard library lies is the host's business.
    if frame.filename.startswith(LIBRARY):
        frame.filename = "/lib/python/" + frame.filename[len(LIBRARY) :]
    return frame


def _own_frames(report):
    while report is not None:
        report.stack = traceback.StackSummary.from_list([_public_frame(frame) for frame in report.stack if "mem_agent_guest" not in frame.filename])
        if report.__cause__ is not None:
            _own_frames(report.__cause__)
        report = report.__context__


def describe_error(error):
    try:
        report = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
        _own_frames(report)
        return cap("".join(report.format()).rstrip("\n"), LIMITS["error"])
    except BaseException:
        return type(error).__name__


def run_block(channel, files_state, code):
    functions = make_functions(channel.call)
    namespace = {"__name__": "__main__", "__builtins__": dict(builtins.__dict__), **functions}
    printed = CappedText(LIMITS["printed"])
    sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = printed
    sys.stdin = io.StringIO()
    sys.setrecursionlimit(1000)
    linecache.cache[FILE_NAME] = (len(code), None, code.splitlines(True), FILE_NAME)
    files_state._cwd = "/memory"
    error = error_type = None
    try:
        exec(compile(code, FILE_NAME, "exec", dont_inherit=True), namespace)
    except SystemExit as stop:
        if stop.code not in (None, 0):
            error, error_type = f"SystemExit: {cap(str(stop.code), 1000)}", "SystemExit"
    except BaseException as failure:
        error, error_type = describe_error(failure), type(failure).__name__
        failure.__traceback__ = None
    variables = user_variables(namespace, functions)
    result = {
        "type": "done",
        "repr": repr_of(variables),
        "json": json_of(variables),
        "error": error,
        "errorType": error_type,
        "printed": printed.text(),
    }
    variables.clear()
    namespace.clear()
    return result


def serve(channel=None, raise_more_walls=None):
    """Never returns before the core closes the pipe."""
    random.seed()
    channel = channel or Channel()
    files = MemoryFiles(channel.call)
    install(files)
    raise_walls()
    if raise_more_walls is not None:
        raise_more_walls()
    channel.send({"type": "ready"})
    while True:
        request = channel.receive()
        if request is None:
            return
        channel.send(run_block(channel, files, request["code"]))

# Where the system's own CPython starts as a sandbox: python3 -I -S -B cpython_main.py, behind the kernel's walls.
# The core's first line says how; then the lines are those of the WebAssembly guest. No setting opens a wall of the kernel.
import os
import sys
import time
import types

SHARED = ("walls", "memory_files", "functions", "runner")
ENVIRONMENT = {"HOME": "/memory", "PWD": "/memory", "USER": "agent", "LOGNAME": "agent", "PATH": "/", "LANG": "C.UTF-8"}
OPEN_FILES = 64
PEER_HAS_CLOSED = 0x2000


def load(name):
    full = f"mem_agent_guest.{name}"
    path = f"{os.path.dirname(os.path.realpath(__file__))}/{name}.py"
    module = sys.modules[full] = types.ModuleType(full)
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), f"<{full}>", "exec"), module.__dict__)
    return module


def end_with_core():
    """Where no process of ours could kill this one: a second process does, as soon as the core has closed the connection."""
    import select

    worker = os.fork()
    if worker == 0:
        return
    watched = select.poll()
    watched.register(0, PEER_HAS_CLOSED)
    watched.register(os.pidfd_open(worker), select.POLLIN)
    watched.poll()
    # The worker is a child that nobody has waited for, so its number is still its own.
    os.kill(worker, 9)
    os._exit(0)


def lower_limits(memory_bytes):
    import resource

    # Whatever the core was started with and did not know of.
    os.closerange(3, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 20))
    limits = {"AS": memory_bytes, "NPROC": 0, "NOFILE": OPEN_FILES, "CORE": 0, "FSIZE": 0}
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def forget_host(time_zone):
    os.environ.clear()
    os.environ.update(ENVIRONMENT, TZ=time_zone)
    time.tzset()
    sys.argv[:] = [""]
    sys.orig_argv[:] = [""]
    sys.executable = ""
    for name in ("_ctypes", "resource", "select"):
        sys.modules.pop(name, None)


def main():
    sys.modules["mem_agent_guest"] = types.ModuleType("mem_agent_guest")
    runner = [load(name) for name in SHARED][-1]
    channel = runner.Channel()
    settings = channel.receive()
    if settings is None:
        return
    if settings["endWithConnection"]:
        end_with_core()
    native_walls = load("native_walls")
    probe = load("probe") if settings["mode"] == "probe" else None
    # The control of the self-test alone runs without: it has no wall around it either.
    if settings["mode"] == "probe" and settings["bare"]:
        channel.send(probe.attack(settings["canaries"]))
        return
    lower_limits(settings["memoryBytes"])
    close_system_calls = load("system_calls").close_system_calls
    if not close_system_calls():
        sys.exit("the kernel took no filter of system calls")
    forget_host(settings["timeZone"])
    if probe is not None:
        channel.send(probe.attack(settings["canaries"]))
        return
    runner.serve(channel, native_walls.raise_native_walls)


main()

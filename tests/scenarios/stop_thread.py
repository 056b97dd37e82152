"""Stops one thread of a process, as in a driver that hangs: stop_thread.py PID NAME SECONDS

Signals stop whole processes, so it is ptrace(2) that stops the thread here. It is stopped while it runs: one that sleeps
holds nothing that anybody could wait for. Writes "stopped" once it is, and lets it go on after the time, or ends
with the process.
"""

import ctypes
import os
import sys
import time

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_CONT, PTRACE_DETACH = 0x4206, 0x4207, 7, 17
WAIT_FOR_ALL_THREADS = 0x40000000  # __WALL
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, thread):
    """Makes a request about the thread; raises OSError where the kernel refuses it."""
    if libc.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")


def thread_of(process, name):
    """Returns the id of the thread of this name."""
    for thread in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{thread}/comm") as comm:
            if comm.read().strip() == name:
                return int(thread)
    raise SystemExit(f"process {process} has no thread {name}")


def sleeps(thread):
    """Returns whether a stopped thread stands in a system call that waits for events, such as ppoll."""
    with open(f"/proc/{thread}/syscall") as call:
        return call.read().split()[0] in ("7", "271", "219", "232", "281")


def main():
    """Stops the thread and lets it go on."""
    thread = thread_of(sys.argv[1], sys.argv[2])
    ptrace(PTRACE_SEIZE, thread)
    while True:
        ptrace(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, WAIT_FOR_ALL_THREADS)
        if not sleeps(thread):
            break
        ptrace(PTRACE_CONT, thread)
        time.sleep(0.001)
    print("stopped", flush=True)
    end = time.monotonic() + float(sys.argv[3])
    while time.monotonic() < end:
        # The process may end, which its parent is not told before this thread has been waited for.
        if os.waitpid(thread, WAIT_FOR_ALL_THREADS | os.WNOHANG)[0] == thread:
            return
        time.sleep(0.01)
    ptrace(PTRACE_DETACH, thread)


main()

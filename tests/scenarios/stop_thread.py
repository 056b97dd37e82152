"""Stops threads of a process while all others go on: stop_thread.py PID SECONDS THREAD[:POINT]...

With a POINT (dataplane/os/stop_point.h) the thread of that name which comes by there first is stopped at that very
instruction; without one it is stopped wherever it is, as in a driver that hangs, but not while it sleeps, since a
sleeper holds nothing that anybody could wait for. Signals would stop the whole process, so ptrace(2) does it.

Writes "armed" once all are waited for, a line for each thread that is stopped, and then "stopped". All go on after the
time, or end with the process. If some thread does not come by within PATIENCE seconds, it says so and exits with 3. It
is for x86-64 alone.

With POINT*8 that thread alone walks on from there: it stops at the next eight points that it comes to, whichever they
are, for an eighth of the time at each. So what others do falls into each gap between two of its steps.

All threads are traced, since a breakpoint is for all of them. One that traps and is not wanted goes on at once: the
instruction that the breakpoint replaced is a nop, so there is nothing to make up for.
"""

import ctypes
import os
import signal
import sys
import time

import stop_points

PTRACE_PEEKUSER, PTRACE_CONT, PTRACE_DETACH = 3, 7, 17
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
TRACE_CLONE, EVENT_STOP = 8, 128
WAIT_FOR_ALL_THREADS = 0x40000000  # __WALL
INSTRUCTION_POINTER = 16 * 8  # in struct user
NOP, BREAKPOINT = b"\x90", b"\xcc"
FATAL = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
WAITING_CALLS = ("7", "271", "219", "232", "281")  # poll, ppoll, restart_syscall, epoll_wait, epoll_pwait
NOT_REACHED = 3

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, thread, address=None, data=None):
    """Makes a request about the thread; raises OSError where the kernel refuses it."""
    ctypes.set_errno(0)
    result = libc.ptrace(request, thread, address, data)
    if ctypes.get_errno() != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")
    return result


def read(path):
    """Returns the words of a file of /proc, none if its thread has ended."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []


class Target:
    """A thread that is to be stopped, by its name, and where."""

    def __init__(self, text):
        self.name, _, where = text.partition(":")
        self.point, _, stops = where.partition("*")
        self.stops = int(stops or 1)
        self.thread = None  # its id, once it is stopped

    def __str__(self):
        return f"{self.name} at {self.point}" if self.point else self.name


class Tracer:
    """All threads of a process, traced. Of that alone none of them stops."""

    def __init__(self, process, targets):
        self.process, self.targets = process, targets
        self.threads = set()
        self.names = {}  # by thread
        self.places = {}  # the name of the point, by its address
        self.ended = False
        # Blocked, so that it can be waited for: each stop of a thread is told by it.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        program = f"/proc/{process}/exe"
        with open(f"/proc/{process}/maps", encoding="ascii") as maps:
            path = os.readlink(program)
            self.base = next(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(path))
        self.memory = os.open(f"/proc/{process}/mem", os.O_RDWR)
        points = stop_points.stop_points(program)
        for point, places in points.items():
            self.places |= {self.base + place: point for place in places}
        for target in targets:
            if target.point and target.point not in points:
                raise SystemExit(f"the program has no stop point {target.point}")
        while self.seize():
            pass

    def seize(self):
        """Traces the threads that are not traced yet. Returns whether there were any."""
        found = False
        for thread in map(int, os.listdir(f"/proc/{self.process}/task")):
            if thread in self.threads:
                continue
            try:
                ptrace(PTRACE_SEIZE, thread, None, TRACE_CLONE)
            except OSError:
                continue  # It has ended, or is a worker of an io_uring, which never runs code of the process.
            self.threads.add(thread)
            found = True
        return found

    def write(self, places, old, new):
        for place in places:
            assert os.pread(self.memory, 1, place) == old, f"no {old!r} at {place:#x}"
            os.pwrite(self.memory, new, place)

    def name_of(self, thread):
        return " ".join(read(f"/proc/{self.process}/task/{thread}/comm"))

    # --- Events. -----------------------------------------------------------------------------------------------

    def serve(self, seconds, on_stop=None):
        """Lets threads that have stopped go on, for so long or until on_stop(thread, event, signal) keeps one."""
        end = time.monotonic() + seconds
        while not self.ended:
            kept = False
            while not self.ended:
                try:
                    thread, status = os.waitpid(-1, WAIT_FOR_ALL_THREADS | os.WNOHANG)
                except ChildProcessError:
                    self.ended = True
                    break
                if thread == 0:
                    break
                kept |= self.handle(thread, status, on_stop)
            left = end - time.monotonic()
            if kept or self.ended or left <= 0:
                return
            signal.sigtimedwait([signal.SIGCHLD], left)

    def handle(self, thread, status, on_stop):
        """Serves one event. Returns whether the thread stays stopped."""
        if not os.WIFSTOPPED(status):
            self.threads.discard(thread)
            self.ended |= thread == self.process
            return False
        self.threads.add(thread)
        event, number = status >> 16, os.WSTOPSIG(status)
        if on_stop is not None and on_stop(thread, event, number):
            return True
        if event == 0 and number in FATAL:
            place = ptrace(PTRACE_PEEKUSER, thread, INSTRUCTION_POINTER) - self.base
            print(f"{self.name_of(thread)} gets {signal.Signals(number).name} at {place:#x}", flush=True)
        forwarded = number if event == 0 and number != signal.SIGTRAP else 0
        self.let_go(PTRACE_CONT, thread, forwarded)
        return False

    def let_go(self, request, thread, number=0):
        try:
            ptrace(request, thread, None, number)
        except OSError:
            pass  # It was killed meanwhile.

    # --- Stopping. ---------------------------------------------------------------------------------------------

    def at_point(self, thread, event, number):
        """Keeps a thread that is wanted at the point that it has come to."""
        if event != 0 or number != signal.SIGTRAP:
            return False
        point = self.places.get(ptrace(PTRACE_PEEKUSER, thread, INSTRUCTION_POINTER) - 1)
        for target in self.targets:
            if target.thread is None and target.point == point and target.name == self.name_of(thread):
                target.thread = thread
                print(f"{target}", flush=True)
                return True
        return False

    def stop_at_points(self, patience):
        """Stops the targets that have a point. Returns whether all came by."""
        wanted = [target for target in self.targets if target.point]
        end = time.monotonic() + patience
        places = [place for place, point in self.places.items() if point in {target.point for target in wanted}]
        self.write(places, NOP, BREAKPOINT)
        print("armed", flush=True)
        try:
            while any(target.thread is None for target in wanted) and time.monotonic() < end and not self.ended:
                self.serve(end - time.monotonic(), self.at_point)
        finally:
            if not self.ended:
                self.write(places, BREAKPOINT, NOP)
        return all(target.thread is not None for target in wanted)

    def walk(self, target, seconds):
        """Lets a stopped target go on from point to point, with a stop at each for its part of the time."""
        arrived = []

        def is_next(thread, event, number):
            if thread != target.thread or event != 0 or number != signal.SIGTRAP:
                return False
            point = self.places.get(ptrace(PTRACE_PEEKUSER, thread, INSTRUCTION_POINTER) - 1)
            if point is not None:
                print(f"{target.name} at {point}", flush=True)
                arrived.append(point)
            return point is not None

        for _ in range(target.stops - 1):
            self.serve(seconds / target.stops)
            arrived.clear()
            if self.ended:
                return
            self.write(self.places, NOP, BREAKPOINT)
            self.let_go(PTRACE_CONT, target.thread)
            end = time.monotonic() + 1
            while not arrived and not self.ended and time.monotonic() < end:
                self.serve(end - time.monotonic(), is_next)
            if not self.ended:
                self.write(self.places, BREAKPOINT, NOP)
            if not arrived:
                target.thread = None  # It sleeps, and is let go like all others.
                return
        self.serve(seconds / target.stops)

    def interrupt(self, thread, seconds):
        """Stops the thread where it is. Returns whether it did within the time."""
        stopped = []

        def is_interrupted(other, event, _number):
            if other != thread or event != EVENT_STOP:
                return False
            stopped.append(thread)
            return True

        self.let_go(PTRACE_INTERRUPT, thread)
        end = time.monotonic() + seconds
        while not stopped and not self.ended and thread in self.threads and time.monotonic() < end:
            self.serve(end - time.monotonic(), is_interrupted)
        return bool(stopped)

    def stop_anywhere(self, target, patience):
        """Stops a target that has no point. Returns whether there was such a thread that was awake."""
        named = [thread for thread in self.threads if self.name_of(thread) == target.name]
        end = time.monotonic() + patience
        while named and time.monotonic() < end and not self.ended:
            if self.interrupt(named[0], 1):
                if read(f"/proc/{named[0]}/syscall")[:1] not in [[call] for call in WAITING_CALLS]:
                    target.thread = named[0]
                    print(f"{target}", flush=True)
                    return True
                self.let_go(PTRACE_CONT, named[0])
            self.serve(0.001)
        return False

    def end(self):
        """Lets all threads go. One that had trapped and was not served would be killed, so each is stopped once."""
        held = {target.thread for target in self.targets}
        for thread in sorted(self.threads):
            if self.ended:
                return
            if thread in held or self.interrupt(thread, 1):
                self.let_go(PTRACE_DETACH, thread)
                self.threads.discard(thread)


def main():
    """Stops the threads and lets them go on."""
    process, seconds = int(sys.argv[1]), float(sys.argv[2])
    patience = float(os.environ.get("PATIENCE", 10))
    targets = [Target(text) for text in sys.argv[3:]]
    tracer = Tracer(process, targets)
    reached = tracer.stop_at_points(patience)
    for target in targets:
        if not target.point and reached:
            reached = tracer.stop_anywhere(target, patience)
    if reached:
        print("stopped", flush=True)
        tracer.walk(targets[0], seconds)
    elif not tracer.ended:
        print("not reached: " + ", ".join(str(target) for target in targets if target.thread is None), flush=True)
    tracer.end()
    return 0 if reached else NOT_REACHED


if __name__ == "__main__":
    sys.exit(main())

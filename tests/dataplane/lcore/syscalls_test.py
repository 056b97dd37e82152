"""Shows with strace that a busy worker makes no system call between the lines `begin` and `end`, while packets flow.

usage: syscalls_test.py BUSY_WORKERS
"""
import re
import shutil
import subprocess
import sys
import tempfile


def main():
    if shutil.which("strace") is None:
        print("no strace here")
        return 77
    with tempfile.NamedTemporaryFile("r") as trace:
        command = ["strace", "-f", "-o", trace.name, sys.argv[1]]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=100)
        if run.returncode != 0:
            not_ours = "PTRACE" in run.stderr or "ptrace" in run.stderr
            print(run.stderr)
            return 77 if not_ours else 1
        lines = trace.read().splitlines()
    workers = re.findall(r"^worker (\d+)$", run.stdout, re.M)
    begin = next(i for i, line in enumerate(lines) if 'write(1, "begin' in line)
    end = next(i for i, line in enumerate(lines) if 'write(1, "end' in line)
    before = [line for line in lines[:begin] if line.split()[0] in workers]
    during = [line for line in lines[begin:end] if line.split()[0] in workers]
    print(f"{len(workers)} workers: {len(before)} calls until traffic flows, {len(during)} while it does")
    print("\n".join(during[:20]))
    # The calls before `begin` show that strace sees the workers at all.
    return 0 if len(workers) == 2 and before and not during else 1


sys.exit(main())

// Tests when the sends of an unmodified application return under `warp run`, and that nothing else about it changes.
#include "tools/run/run.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>

#include "tests/tools/child.h"
#include "tests/tools/run/run_gate_double.h"

namespace warp::tools {
namespace {

using Words = std::vector<std::string>;

class RunTest : public ::testing::Test {
 protected:
  std::string gate_path() const { return dir_.At("gate"); }
  Words Run(const Words& command) const {
    Words words{WARP_BINARY, "run", "--path", gate_path(), "--"};
    words.insert(words.end(), command.begin(), command.end());
    return words;
  }
  Words Shell(const std::string& script) const { return Run({"/bin/sh", "-c", script}); }
  Words Python(const std::string& script) const {
    return Run({"/usr/bin/python3", "-c", script, gate_path()});
  }
  Words Sends(const std::string& call, int count, int senders) const {
    return {RUN_SENDER,
            gate_path(),
            call,
            std::to_string(count),
            std::to_string(senders),
            dir_.At("notes." + call)};
  }

  // Expects that every payload came once. Returns how many sends came back before the gate was done with the payload.
  static int Early(const GateDouble& gate, const Words& sends, int total) {
    std::vector<uint64_t> returned(static_cast<size_t>(total));
    std::ifstream(sends.back(), std::ios::binary)
        .read(reinterpret_cast<char*>(returned.data()), total * 8);
    const std::map<uint64_t, uint64_t> taken = gate.taken();
    EXPECT_EQ(taken.size(), returned.size());
    EXPECT_EQ(gate.count(), returned.size());
    int early = 0;
    for (size_t i = 0; i < returned.size(); ++i) {
      const auto found = taken.find(i);
      early += found == taken.end() || returned[i] == 0 || returned[i] < found->second;
    }
    return early;
  }

  void ExpectExact(const std::string& call, int count, int senders) {
    SCOPED_TRACE(call);
    GateDouble gate(gate_path(), call == "packet" ? SOCK_SEQPACKET : SOCK_DGRAM);
    gate.HoldFor(200);
    const Words sends = Sends(call, count, senders);
    Child application(Run(sends));
    EXPECT_EQ(application.Wait(), 0) << application.err();
    EXPECT_EQ(Early(gate, sends, count * senders), 0);
  }

  TempDir dir_;
};

// --- send() returns when the payload was sent ---

TEST_F(RunTest, EverySendReturnsAfterItsPayload) {
  for (const char* call : {"send", "sendto", "sendmsg", "sendmmsg", "write", "writev", "packet"}) {
    ExpectExact(call, 150, 1);
  }
}

TEST_F(RunTest, SoDoThoseOfFiveThreads) {
  for (const char* call : {"send", "sendto", "shared", "packet"}) ExpectExact(call, 60, 5);
}

TEST_F(RunTest, SoDoThoseOfForkedProcessesWithOneSocket) { ExpectExact("forked", 60, 4); }

TEST_F(RunTest, SignalsNeitherLoseNorRepeatASend) { ExpectExact("signals", 300, 1); }

TEST_F(RunTest, WithoutItTheyReturnEarly) {
  GateDouble gate(gate_path());
  gate.HoldFor(200);
  const Words sends = Sends("send", 100, 1);
  Child application(sends);
  EXPECT_EQ(application.Wait(), 0);
  while (gate.count() < 100) ::usleep(1000);
  EXPECT_GT(Early(gate, sends, 100), 50);
}

TEST_F(RunTest, TheGateMayComeLater) {
  const Words sends = Sends("send", 20, 1);
  Child application(Run(sends));
  while (!std::ifstream(sends.back())) ::usleep(1000);
  GateDouble gate(gate_path());
  gate.HoldFor(200);
  EXPECT_EQ(application.Wait(), 0) << application.err();
  EXPECT_EQ(Early(gate, sends, 20), 0);
}

TEST_F(RunTest, AGateThatGoesAwayFailsTheSend) {
  for (const int type : {SOCK_DGRAM, SOCK_SEQPACKET}) {
    auto gate = std::make_unique<GateDouble>(gate_path(), type);
    gate->Hold();
    const std::string kind = type == SOCK_DGRAM ? "SOCK_DGRAM" : "SOCK_SEQPACKET";
    Child application(Python("import socket, sys\ns = socket.socket(socket.AF_UNIX, socket." +
                             kind + ")\ns.connect(sys.argv[1])\ns.send(b'x' * 8)"));
    gate->AwaitPayload();
    gate.reset();
    // Another gate starts at once at the same path, but it never had the payload.
    SCOPED_TRACE(kind);
    GateDouble successor(gate_path(), type);
    EXPECT_EQ(application.Wait(), 1);
    const std::string error =
        type == SOCK_DGRAM ? "ConnectionRefusedError" : "ConnectionResetError";
    EXPECT_NE(application.err().find(error), std::string::npos) << application.err();
  }
}

TEST_F(RunTest, NonBlockingSendsNeverWait) {
  GateDouble gate(gate_path());
  gate.Hold();
  Child application(Python(R"(
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
s.send(b'12345678', socket.MSG_DONTWAIT)
s.setblocking(False)
s.send(b'12345678')
print('returned')
)"));
  EXPECT_EQ(application.Wait(), 0) << application.err();
  EXPECT_EQ(application.out(), "returned\n");
}

TEST_F(RunTest, ASendTimeoutIsKept) {
  GateDouble gate(gate_path());
  gate.Hold();
  Child application(Python(R"(
import socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 0, 50000))
s.connect(sys.argv[1])
try:
    while True: s.send(b'12345678', socket.MSG_DONTWAIT)   # until its queue is full
except BlockingIOError: pass
try: s.send(b'12345678')
except BlockingIOError: print('timed out')
)"));
  EXPECT_EQ(application.Wait(), 0) << application.err();
  EXPECT_EQ(application.out(), "timed out\n");
}

TEST_F(RunTest, PayloadsHaveAtMost64KiB) {
  GateDouble gate(gate_path());
  Child application(Python(R"(
import errno, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
assert s.send(bytes(65536)) == 65536
assert s.sendmsg([bytes(65000), bytes(536)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, bytes(4))]) == 65536
for call in (lambda: s.send(bytes(65537)), lambda: s.sendmsg([bytes(65536), b'x'])):
    try: call()
    except OSError as e: print(errno.errorcode[e.errno])
)"));
  EXPECT_EQ(application.Wait(), 0) << application.err();
  EXPECT_EQ(application.out(), "EMSGSIZE\nEMSGSIZE\n");
  EXPECT_EQ(gate.count(), 2u);
  EXPECT_EQ(gate.largest(), 65536u);
}

TEST_F(RunTest, RelativeAndLinkedPathsAreTheGateToo) {
  GateDouble gate(gate_path());
  gate.HoldFor(20000);
  ::mkdir(dir_.At("sub").c_str(), 0700);
  ASSERT_EQ(::symlink(gate_path().c_str(), dir_.At("sub/link").c_str()), 0);
  Child application(Python(R"(
import os, socket, sys, time
os.chdir(os.path.dirname(sys.argv[1]) + '/sub')
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for path in ('link', '../gate', os.path.abspath('link')):
    before = time.monotonic()
    s.sendto(b'12345678', path)
    assert time.monotonic() - before >= 0.02, path
)"));
  EXPECT_EQ(application.Wait(), 0) << application.err();
  EXPECT_EQ(gate.count(), 3u);
}

// --- Nobody gets the supervisor's rights ---

// An application that gave up its rights may send to no socket that is closed to it: neither to the gate nor, beside a
// message for the gate, to any other.
TEST_F(RunTest, AnApplicationWithFewerRightsKeepsFewer) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, in order to give something up";
  GateDouble gate(gate_path());
  ASSERT_EQ(chmod(dir_.At("").c_str(), 0755), 0);
  const std::string script = R"(
import ctypes, errno, os, socket, sys
gate, closed = sys.argv[1], os.path.join(os.path.dirname(sys.argv[1]), 'closed')
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(closed)
receiver.setblocking(False)
os.chmod(closed, 0o600)
class Part(ctypes.Structure): _fields_ = [('base', ctypes.c_char_p), ('size', ctypes.c_size_t)]
class Message(ctypes.Structure): _fields_ = [
    ('name', ctypes.c_char_p), ('name_size', ctypes.c_uint32), ('parts', ctypes.POINTER(Part)),
    ('count', ctypes.c_size_t), ('control', ctypes.c_void_p), ('control_size', ctypes.c_size_t),
    ('flags', ctypes.c_int), ('padding', ctypes.c_int), ('sent', ctypes.c_uint)]
def send(*paths):
    messages = (Message * len(paths))()
    for message, path in zip(messages, paths):
        name = (socket.AF_UNIX).to_bytes(2, sys.byteorder) + path.encode() + b'\0'
        message.name, message.name_size = name, len(name)
        message.parts, message.count = ctypes.pointer(Part(b'12345678', 8)), 1
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sent = ctypes.CDLL(None, use_errno=True).sendmmsg(s.fileno(), messages, len(paths), 0)
    return sent if sent >= 0 else errno.errorcode[ctypes.get_errno()]
def received():
    try: return len(receiver.recv(100))
    except BlockingIOError: return 0
assert send(gate, closed, gate) in (1, 3)  # as root; under the supervisor it stops before the other
assert send(closed, gate) == 2 and received()
while received(): pass
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: the supervisor may look into it all the same
print(send(closed), send(gate, closed), send(closed, gate), send(gate), received())
)";
  const Words plain{"/usr/bin/python3", "-c", script, gate_path()};
  for (const mode_t mode : {0666, 0600}) {
    ASSERT_EQ(chmod(gate_path().c_str(), mode), 0);
    Child with(Run(plain));
    EXPECT_EQ(with.Wait(), 0) << with.err();
    EXPECT_EQ(with.out(),
              mode == 0666 ? "EACCES 1 EACCES 1 0\n" : "EACCES EACCES EACCES EACCES 0\n");
    unlink(dir_.At("closed").c_str());
  }
}

// --- Nothing else changes ---

// Programs must see the same files, pipes, sockets and errors with `warp run` as without.
TEST_F(RunTest, AllOtherCallsAreUntouched) {
  const std::string script = R"(
import errno, os, socket, sys, tempfile, threading
def attempt(name, call):
    try: print(name, call())
    except OSError as e: print(name, errno.errorcode[e.errno])
f = tempfile.TemporaryFile()
attempt('file', lambda: os.write(f.fileno(), b'x' * 100000))
attempt('writev', lambda: os.writev(f.fileno(), [b'a', b'', b'bc']))
attempt('size', lambda: os.fstat(f.fileno()).st_size)
r, w = os.pipe()
attempt('pipe', lambda: os.write(w, b'hello'))
attempt('read', lambda: os.read(r, 9))
os.set_blocking(w, False)
attempt('full', lambda: [os.write(w, bytes(65536)), os.write(w, b'x')])
os.close(r)
attempt('broken', lambda: os.write(w, b'x'))
attempt('closed', lambda: os.write(999, b'x'))
attempt('read-only', lambda: os.write(os.open('/dev/null', os.O_RDONLY), b'x'))
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
a.bind(('127.0.0.1', 0))
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
attempt('udp', lambda: b.sendto(b'x' * 1000, a.getsockname()))
attempt('got', lambda: len(a.recv(2000)))
attempt('large', lambda: b.sendto(b'x' * 70000, a.getsockname()))
attempt('unconnected', lambda: b.send(b'x'))
attempt('msg', lambda: b.sendmsg([b'ab', b'c'], [], 0, a.getsockname()))
t = socket.socket(); t.bind(('127.0.0.1', 0)); t.listen()
c = socket.create_connection(t.getsockname()); d, _ = t.accept()
attempt('tcp', lambda: c.send(b'x' * 5000))
d.close(); c.close()
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
    x, y = socket.socketpair(socket.AF_UNIX, kind)
    attempt('pair', lambda: [x.send(b'hi'), y.recv(5)])
    attempt('rights', lambda: [socket.send_fds(x, [b'f'], [0]), len(socket.recv_fds(y, 5, 1)[1])])
    y.close()
    attempt('gone', lambda: x.send(b'hi'))
attempt('nobody', lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', '/nowhere'))
threads = [threading.Thread(target=lambda: [os.write(f.fileno(), b'y') for _ in range(200)]) for _ in range(4)]
[x.start() for x in threads]; [x.join() for x in threads]
attempt('size', lambda: os.fstat(f.fileno()).st_size)
attempt('children', lambda: [os.waitpid(os.posix_spawn('/bin/sh', ['sh', '-c', f'exit {i}'], {}), 0)[1] for i in (0, 3)])
attempt('group', lambda: os.getpgid(0) == os.getpgid(int(sys.argv[2])))
attempt('session', lambda: os.getsid(0) == os.getsid(int(sys.argv[2])))
attempt('descriptors', lambda: os.listdir('/proc/self/fd'))
)";
  GateDouble gate(gate_path());
  const Words plain{"/usr/bin/python3", "-c", script, gate_path(), std::to_string(::getpid())};
  Child without(plain), with(Run(plain));
  EXPECT_EQ(without.Wait(), 0) << without.err();
  EXPECT_EQ(with.Wait(), 0) << with.err();
  EXPECT_EQ(with.out(), without.out());
  EXPECT_NE(with.out().find("session True"), std::string::npos) << with.out();
}

// When a gate refuses a payload, the program must see the same errors as without `warp run`, and no further signal.
TEST_F(RunTest, ErrorsOfAGateAreTheKernels) {
  for (const int type : {SOCK_DGRAM, SOCK_SEQPACKET}) {
    const std::string kind = type == SOCK_DGRAM ? "SOCK_DGRAM" : "SOCK_SEQPACKET";
    const std::string script = R"(
import errno, signal, socket, sys, os
signal.signal(signal.SIGPIPE, lambda *_: print('SIGPIPE'))
s = socket.socket(socket.AF_UNIX, socket.)" +
                               kind + R"()
def attempt(name, call):
    try: print(name, call())
    except OSError as e: print(name, errno.errorcode[e.errno])
attempt('unconnected', lambda: s.send(b'12345678'))
s.connect(sys.argv[1])
attempt('sent', lambda: s.send(b'12345678'))
attempt('urgent', lambda: s.send(b'12345678', socket.MSG_OOB))
s.shutdown(socket.SHUT_WR)
attempt('shut', lambda: s.send(b'12345678'))
attempt('written', lambda: os.write(s.fileno(), b'12345678'))
attempt('silent', lambda: s.send(b'12345678', socket.MSG_NOSIGNAL))
)";
    GateDouble gate(gate_path(), type);
    const Words plain{"/usr/bin/python3", "-c", script, gate_path()};
    Child without(plain);
    EXPECT_EQ(without.Wait(), 0) << without.err();
    Child with(Run(plain));
    EXPECT_EQ(with.Wait(), 0) << with.err();
    EXPECT_EQ(with.out(), without.out());
  }
}

TEST_F(RunTest, PassesOnHowItEnded) {
  const std::vector<std::pair<std::string, int>> ends = {
      {"exit 0", 0}, {"exit 7", 7}, {"kill -9 $$", 137}, {"kill -TERM $$", 143}};
  for (const auto& [script, status] : ends)
    EXPECT_EQ(Child(Shell(script)).Wait(), status) << script;
  Child missing(Run({"/nowhere/program"}));
  EXPECT_EQ(missing.Wait(), 127);
  EXPECT_EQ(missing.err(), "warp: cannot run /nowhere/program: No such file or directory\n");
  EXPECT_EQ(Child(Run({dir_.Write("no program", "")})).Wait(), 126);
}

TEST_F(RunTest, PassesOnInputAndOutput) {
  Child cat(Run({"/bin/cat", "-"}), "what came in\n");
  EXPECT_EQ(cat.Wait(), 0);
  EXPECT_EQ(cat.out(), "what came in\n");
  // Everything behind the first -- belongs to the application.
  Child echo(Run({"/bin/echo", "--", "--path"}));
  EXPECT_EQ(echo.Wait(), 0);
  EXPECT_EQ(echo.out(), "-- --path\n");
}

std::string AwaitLine(const Child& child) {
  while (child.out().find('\n') == std::string::npos) ::usleep(2000);
  return child.out();
}

TEST_F(RunTest, PassesOnSignals) {
  Child trap(Shell("trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.01; done"));
  AwaitLine(trap);
  ::kill(trap.pid(), SIGTERM);
  EXPECT_EQ(trap.Wait(), 5);
  EXPECT_EQ(trap.out(), "ready\ncaught\n");
}

TEST_F(RunTest, AKilledApplicationIsLetGoInMidSend) {
  GateDouble gate(gate_path());
  gate.Hold();
  Child application(Python(R"(
import os, socket, sys
print(os.getpid(), flush=True)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
s.send(b'12345678')
)"));
  const pid_t pid = std::stoi(AwaitLine(application));
  gate.AwaitPayload();
  ::kill(pid, SIGKILL);
  EXPECT_EQ(application.Wait(), 137);
}

// One of two processes is killed while it waits for room. The send of the other one goes on.
TEST_F(RunTest, AKilledChildIsLetGoAndOthersGoOn) {
  GateDouble gate(gate_path());
  gate.Hold();
  Child application(Python(R"(
import os, signal, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setblocking(False)
try:
    while True: s.sendto(b'12345678', sys.argv[1])
except BlockingIOError: pass
s.setblocking(True)
child = os.fork()
if child == 0: s.sendto(b'12345678', sys.argv[1])
time.sleep(0.3)
os.kill(child, signal.SIGKILL)
print(os.waitpid(child, 0)[1], flush=True)
s.sendto(b'12345678', sys.argv[1])
print('sent')
)"));
  EXPECT_EQ(AwaitLine(application), "9\n");
  gate.HoldFor(0);
  EXPECT_EQ(application.Wait(), 0) << application.err();
  EXPECT_EQ(application.out(), "9\nsent\n");
}

TEST_F(RunTest, WhatTheApplicationLeavesBehindGoesOn) {
  GateDouble gate(gate_path());
  gate.HoldFor(100);
  Child application(Python(R"(
import os, socket, sys, time
if os.fork(): os._exit(4)
os.setsid()
time.sleep(0.2)
f = os.open(sys.argv[1] + '.left', os.O_CREAT | os.O_WRONLY, 0o600)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
s.send(b'12345678')
os.write(f, b'written\n')
)"));
  EXPECT_EQ(application.Wait(), 4);
  const auto left = [&] {
    std::string line;
    std::getline(std::ifstream(gate_path() + ".left"), line);
    return line;
  };
  while (left().empty()) ::usleep(2000);
  EXPECT_EQ(left(), "written");
  EXPECT_EQ(gate.count(), 1u);
}

bool Lives(pid_t pid) {
  std::string state;
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  return stat >> state >> state >> state && state != "Z";
}

TEST_F(RunTest, KillingAnyOfTheThreeEndsTheApplication) {
  for (const bool front : {true, false}) {
    Child application(Shell("echo $$ $PPID; exec sleep 1000"));
    std::istringstream line(AwaitLine(application));
    pid_t pid = 0, supervisor = 0;
    line >> pid >> supervisor;
    ::kill(front ? application.pid() : supervisor, SIGKILL);
    EXPECT_EQ(application.Wait(), front ? -SIGKILL : 1);
    while (Lives(pid)) ::usleep(2000);
  }
}

// --- Which gate ---

constexpr char kConfig[] =
    "node: {private_key_file: k}\n"
    "ports: [{name: a, interface: a}]\n"
    "peers: [{name: b, public_key: \"XzZzrtzTC6AGpth5bNms/zutwrbczRj6Dyn/AjH+4HQ=\"}]\n"
    "tunnels:\n"
    "  - {name: video, id: 1, peer: b, gate: {unix: {path: gate}}}\n"
    "  - {name: deep, id: 2, peer: b, gate: {unix: {path: deep, queue: 8}}}\n"
    "  - {name: udp, id: 3, peer: b, gate: {loopback: {listen: \"127.0.0.1:9\"}}}\n";

TEST_F(RunTest, FindsTheGateByName) {
  const std::string config = dir_.Write("warpd.yaml", kConfig);
  const auto by_name = [&](const std::string& name, const Words& command) {
    Words words{WARP_BINARY, "run", "--gate", name, "--config", config, "--"};
    words.insert(words.end(), command.begin(), command.end());
    return words;
  };
  GateDouble gate(gate_path());
  gate.HoldFor(200);
  const Words sends = Sends("send", 50, 1);
  Child application(by_name("video", sends));
  EXPECT_EQ(application.Wait(), 0) << application.err();
  EXPECT_EQ(application.err(), "");
  EXPECT_EQ(Early(gate, sends, 50), 0);

  const auto complaint = [&](const std::string& name, int status) {
    Child child(by_name(name, {"/bin/true"}));
    EXPECT_EQ(child.Wait(), status);
    return child.err();
  };
  EXPECT_EQ(complaint("audio", 1), "warp: there is no tunnel \"audio\" in " + config + "\n");
  EXPECT_EQ(complaint("udp", 1), "warp: the gate of tunnel \"udp\" is no Unix socket\n");
  EXPECT_EQ(complaint("deep", 0),
            "warp: the gate takes 8 payloads at once (queue): sends return when it took theirs\n");
  Child nobody(
      {WARP_BINARY, "run", "--gate", "video", "--socket", dir_.At("s"), "--", "/bin/true"});
  EXPECT_EQ(nobody.Wait(), 1);
  EXPECT_EQ(nobody.err(),
            "warp: no daemon answers at " + dir_.At("s") + ": No such file or directory\n");
}

TEST_F(RunTest, SaysWhyItCannot) {
  Words nested = Run({WARP_BINARY, "run", "--path", "/x", "--", "/bin/true"});
  Child application(nested);
  EXPECT_EQ(application.Wait(), 1);
  EXPECT_EQ(application.err(),
            "warp: cannot supervise the application's sends: somebody supervises its system calls "
            "already (a container's, or another warp run)\n");
}

}  // namespace
}  // namespace warp::tools

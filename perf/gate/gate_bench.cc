// Measures gates from application to far application, through real sockets and ports within the process. README.md says
// how to read the figures.
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dataplane/os/boot_clock.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/os/socket_options.h"
#include "dataplane/os/unix_address.h"
#include "dataplane/wire/crypto/keys.h"
#include "perf/gate/gate_app.h"
#include "perf/gate/gate_pair.h"
#include "perf/must.h"

namespace warp::perf {
namespace {

using Json = nlohmann::ordered_json;

struct Case {
  std::string name;
  size_t tunnels = 1;
  size_t size = 1400;
  Batching out = Batching::kPlain, in = Batching::kPlain;
  uint32_t queue = 0;  // the length of a Unix gate's queue; 0: a loopback gate
};

constexpr const char* kColumns[] = {"offered_kpps",   "delivered_kpps",        "gbps",
                                    "control_out_ns", "control_completion_ns", "control_in_ns",
                                    "round_out_ns",   "round_completion_ns",   "round_in_ns"};

struct Settings {
  bool quick = false;
  bool busy = false, inline_worker = false;
  bool free = true, rounds = true;
  int control_cpu = 0, other_cpu = 1;
  std::string filter;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

wire::Endpoint Loopback(const os::UniqueFd& fd) {
  os::SocketAddress address;
  socklen_t size = os::SocketAddress::capacity();
  getsockname(fd.get(), address.get(), &size);
  return *address.ToEndpoint();
}

os::UniqueFd BoundUdp() {
  os::UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  os::SocketAddress any(wire::Endpoint{wire::IpAddress::V4({127, 0, 0, 1}), 0});
  if (bind(fd.get(), any.get(), any.size()) != 0) MustBeOk(absl::UnavailableError("no loopback"));
  os::EnlargeSocketBuffer(fd.get(), os::SocketBuffer::kReceive, 4 << 20);
  return fd;
}

// Opens the tunnels of a case, and the applications' sockets.
AppSockets OpenLoopback(GatePair& pair, size_t tunnels) {
  AppSockets sockets;
  std::vector<config::GateConfig> near(tunnels), far(tunnels);
  std::vector<os::UniqueFd> places;  // hold the gates' addresses until all are chosen
  for (size_t i = 0; i < tunnels; ++i) {
    const wire::Endpoint near_gate = Loopback(places.emplace_back(BoundUdp()));
    const wire::Endpoint far_gate = Loopback(places.emplace_back(BoundUdp()));
    sockets.far.push_back(BoundUdp());
    near[i].loopback = {.listen = near_gate, .deliver = std::nullopt};
    far[i].loopback = {.listen = far_gate, .deliver = Loopback(sockets.far.back())};
    os::UniqueFd sender(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    os::SocketAddress to(near_gate);
    if (connect(sender.get(), to.get(), to.size()) != 0)
      MustBeOk(absl::UnavailableError("connect"));
    sockets.near.push_back(std::move(sender));
  }
  places.clear();
  pair.Open(near, far);
  return sockets;
}

// Holds the files of Unix sockets, and removes them.
class SocketDirectory {
 public:
  SocketDirectory() {
    if (mkdtemp(path_) == nullptr) MustBeOk(absl::UnavailableError("no temporary directory"));
  }
  ~SocketDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string Path(absl::string_view name, size_t i) const {
    return absl::StrCat(path_, "/", name, i);
  }

 private:
  char path_[32] = "/tmp/warp-gates-XXXXXX";
};

AppSockets OpenUnix(GatePair& pair, const SocketDirectory& files, size_t tunnels, uint32_t queue) {
  AppSockets sockets;
  std::vector<config::GateConfig> near(tunnels), far(tunnels);
  for (size_t i = 0; i < tunnels; ++i) {
    near[i].unix_socket = {.path = files.Path("near", i), .queue = queue};
    far[i].unix_socket = {.path = files.Path("far", i), .deliver = files.Path("app", i)};
    os::UniqueFd& receiver =
        sockets.far.emplace_back(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const os::UnixAddress app = Must(os::UnixAddress::Of(files.Path("app", i)));
    if (bind(receiver.get(), app.get(), app.size()) != 0)
      MustBeOk(absl::UnavailableError("cannot bind a Unix socket"));
  }
  pair.Open(near, far);
  // How soon a sender sees that it must stop.
  const timeval patience{.tv_sec = 0, .tv_usec = 20000};
  for (size_t i = 0; i < tunnels; ++i) {
    os::UniqueFd& sender = sockets.near.emplace_back(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const os::UnixAddress gate = Must(os::UnixAddress::Of(files.Path("near", i)));
    setsockopt(sender.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(sender.get(), gate.get(), gate.size()) != 0)
      MustBeOk(absl::UnavailableError("cannot connect to a Unix gate"));
  }
  return sockets;
}

// Runs a case for `seconds` in the control thread.
void MeasureOnce(GatePair& pair, const Settings& settings, const Case& test, double seconds,
                 std::map<std::string, std::vector<double>>* samples) {
  const SocketDirectory files;
  const AppSockets sockets = test.queue > 0 ? OpenUnix(pair, files, test.tunnels, test.queue)
                                            : OpenLoopback(pair, test.tunnels);
  AppReceiver receiver(sockets, test.in, settings.other_cpu);
  AppSender sender(sockets, test.size, test.out, settings.other_cpu);
  std::atomic<bool> done{false};
  const auto turn_for = [&](double duration) {
    done = false;
    std::thread clock([&] {
      std::this_thread::sleep_for(std::chrono::duration<double>(duration));
      done = true;
    });
    pair.TurnUntil([&] { return done.load(); });
    clock.join();
  };
  turn_for(0.2);
  const ControlCost cost = pair.cost();
  const uint64_t from = pair.from_app(), to = pair.to_app(), got = receiver.received(),
                 bytes = receiver.bytes(), offered = sender.sent();
  const wire::Instant start = os::Now();
  turn_for(seconds);
  const double elapsed = std::chrono::duration<double>(os::Now() - start).count();
  const double out = static_cast<double>(pair.from_app() - from);
  const double in = static_cast<double>(pair.to_app() - to);
  const double delivered = static_cast<double>(receiver.received() - got);
  const auto add = [&](const char* key, double value) { (*samples)[key].push_back(value); };
  add("offered_kpps", static_cast<double>(sender.sent() - offered) / elapsed / 1e3);
  add("delivered_kpps", delivered / elapsed / 1e3);
  add("gbps", static_cast<double>(receiver.bytes() - bytes) * 8 / elapsed / 1e9);
  add("control_out_ns", static_cast<double>(pair.cost().out - cost.out) / std::max(out, 1.0));
  add("control_completion_ns",
      static_cast<double>(pair.cost().completions - cost.completions) / std::max(out, 1.0));
  add("control_in_ns", static_cast<double>(pair.cost().in - cost.in) / std::max(in, 1.0));
}

// Measures what the control thread spends on a payload if it never waits for one. Again and again, `kRound` payloads
// wait in the gate's socket, are taken, and come out at the other end. Meanwhile the application and the worker do
// their part on the other CPU.
void MeasureRounds(GatePair& pair, const Settings& settings, const Case& test, size_t rounds,
                   std::map<std::string, std::vector<double>>* samples) {
  constexpr size_t kRound = 1024;
  const AppSockets sockets = OpenLoopback(pair, test.tunnels);
  AppReceiver receiver(sockets, test.in, settings.other_cpu);
  ControlCost before = pair.cost();
  uint64_t from = pair.from_app(), to = pair.to_app();
  for (size_t round = 0; round < rounds; ++round) {
    if (round == rounds / 8) {  // the rounds until now have warmed the caches
      before = pair.cost();
      from = pair.from_app();
      to = pair.to_app();
    }
    std::thread([&] {
      SendRound(sockets, test.size, test.out, kRound, settings.other_cpu);
    }).join();
    const uint64_t expected = pair.to_app() + kRound;
    const wire::Instant end = os::Now() + std::chrono::milliseconds(50);
    pair.TurnUntil([&] { return pair.to_app() >= expected || os::Now() > end; });
  }
  const double out = static_cast<double>(pair.from_app() - from);
  const double in = static_cast<double>(pair.to_app() - to);
  (*samples)["round_out_ns"].push_back(static_cast<double>(pair.cost().out - before.out) / out);
  (*samples)["round_completion_ns"].push_back(
      static_cast<double>(pair.cost().completions - before.completions) / out);
  (*samples)["round_in_ns"].push_back(static_cast<double>(pair.cost().in - before.in) / in);
}

Json Percentiles(std::vector<uint64_t> times) {
  std::sort(times.begin(), times.end());
  if (times.empty()) return {};
  const auto at = [&](double p) {
    return static_cast<double>(times[std::min(
               times.size() - 1, static_cast<size_t>(p * static_cast<double>(times.size())))]) /
           1e3;
  };
  return {{"count", times.size()}, {"p50_us", at(0.5)}, {"p99_us", at(0.99)}, {"max_us", at(1)}};
}

Json Latency(GatePair& pair, const Settings& settings, size_t size, uint64_t interval_us,
             size_t count) {
  const AppSockets sockets = OpenLoopback(pair, 1);
  std::atomic<bool> done{false};
  std::vector<uint64_t> times;
  std::thread app([&] {
    ProbeLatency(sockets, size, 100, 0, settings.other_cpu);
    times = ProbeLatency(sockets, size, count, interval_us, settings.other_cpu);
    done = true;
  });
  pair.TurnUntil([&] { return done.load(); });
  app.join();
  return Percentiles(std::move(times));
}

int Main(const Settings& settings, const std::string& json_file) {
  GatePair pair({.control_cpu = settings.control_cpu,
                 .worker_cpu = settings.other_cpu,
                 .polling = settings.busy ? lcore::Polling::kBusy : lcore::Polling::kAdaptive,
                 .inline_worker = settings.inline_worker,
                 .spin = settings.busy});
  std::vector<Case> cases;
  for (const size_t size : {size_t{1400}, size_t{200}}) {
    for (const size_t tunnels : {size_t{1}, size_t{8}}) {
      for (const bool out : {false, true}) {
        for (const bool in : {false, true}) {
          if (out != in && tunnels > 1) continue;
          cases.push_back(
              {.name = absl::StrFormat("loopback_%s_to_%s_%d_%d", out ? "segments" : "plain",
                                       in ? "gro" : "plain", size, tunnels),
               .tunnels = tunnels,
               .size = size,
               .out = out ? Batching::kSegments : Batching::kPlain,
               .in = in ? Batching::kSegments : Batching::kPlain});
        }
      }
    }
  }
  for (const size_t size : {size_t{1400}, size_t{200}}) {
    for (const uint32_t queue : {1u, 64u}) {
      cases.push_back({.name = absl::StrFormat("unix_queue_%d_%d_1", queue, size),
                       .size = size,
                       .queue = queue});
    }
  }
  Json results;
  std::printf(
      "%-36s offered kpps, delivered kpps, Gb/s, control ns per payload out, completion, in; in "
      "rounds: out, completion, in\n",
      "");
  for (const Case& test : cases) {
    if (test.name.find(settings.filter) == std::string::npos) continue;
    std::map<std::string, std::vector<double>> samples;
    for (int i = 0; settings.free && i < (settings.quick ? 1 : 5); ++i)
      MeasureOnce(pair, settings, test, settings.quick ? 0.3 : 0.7, &samples);
    for (int i = 0; settings.rounds && test.queue == 0 && i < (settings.quick ? 1 : 5); ++i)
      MeasureRounds(pair, settings, test, settings.quick ? 64 : 200, &samples);
    Json& result = results[test.name];
    std::printf("%-36s", test.name.c_str());
    for (const char* key : kColumns) {
      const auto found = samples.find(key);
      if (found == samples.end()) continue;
      result[key] = Median(found->second);
      std::printf(" %9.*f", std::string(key) == "gbps" ? 2 : 0, result[key].get<double>());
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  for (const auto& [name, interval] :
       {std::pair<std::string, uint64_t>{"latency_back_to_back", 0}, {"latency_every_ms", 1000}}) {
    if (name.find(settings.filter) == std::string::npos) continue;
    Json& result = results[name];
    result = Latency(pair, settings, 200, interval, settings.quick ? 500 : 3000);
    std::printf("%-36s p50 %.1f us, p99 %.1f us, max %.1f us\n", name.c_str(),
                result["p50_us"].get<double>(), result["p99_us"].get<double>(),
                result["max_us"].get<double>());
  }
  if (!json_file.empty()) std::ofstream(json_file) << results.dump(2) << "\n";
  return 0;
}

}  // namespace
}  // namespace warp::perf

int main(int argc, char** argv) {
  warp::perf::Settings settings;
  std::string json;
  CLI::App app("Measures gates: application to far application, ports in-process.");
  app.add_flag("--quick", settings.quick, "one short sample each");
  app.add_flag("!--no-free", settings.free, "without the runs at full speed");
  app.add_flag("!--no-rounds", settings.rounds, "without the rounds");
  app.add_flag("--inline", settings.inline_worker, "no worker thread, as with `workers: 0`");
  app.add_flag("--busy", settings.busy, "the worker and the control thread never sleep");
  app.add_option("--filter", settings.filter, "only cases whose name contains this");
  app.add_option("--control-cpu", settings.control_cpu);
  app.add_option("--other-cpu", settings.other_cpu, "of the worker and the applications");
  app.add_option("--json", json, "also write the figures to this file");
  CLI11_PARSE(app, argc, argv);
  warp::perf::MustBeOk(warp::wire::InitCrypto());
  return warp::perf::Main(settings, json);
}

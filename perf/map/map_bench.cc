// Measures a map under a crowd of nodes: `map_bench --program build/map-server/warp-map --nodes 1000000`. The map and
// the crowd are two processes that talk over loopback. perf/README.md says how to read what it prints.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "perf/map/map_process.h"
#include "perf/map/node_crowd.h"

namespace warp::perf {
namespace {

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

std::string Load() {
  std::ifstream file("/proc/loadavg");
  std::string load;
  file >> load;
  return load;
}

// What happened in the wall's time and in the map's CPU time.
class Phase {
 public:
  explicit Phase(const MapProcess& map) : map_(map) {}
  void Report(const char* what, size_t count) const {
    const double wall = Seconds(Clock::now() - start_);
    const double cpu = map_.CpuSeconds() - cpu_;
    std::printf(
        "%-10s %9zu in %8.1f s: %9.0f a second; of the map's CPU %7.1f s: %6.1f us each, "
        "%9.0f a second of a core; load %s\n",
        what, count, wall, static_cast<double>(count) / wall, cpu,
        1e6 * cpu / static_cast<double>(count), static_cast<double>(count) / cpu, Load().c_str());
    std::fflush(stdout);
  }

 private:
  const MapProcess& map_;
  const Clock::time_point start_ = Clock::now();
  const double cpu_ = map_.CpuSeconds();
};

int Main(int argc, char** argv) {
  std::string program;
  size_t nodes = 100'000;
  int seconds = 10;
  size_t under_way = 256;
  CLI::App app;
  app.add_option("--program", program, "the warp-map to measure")->required();
  app.add_option("--nodes", nodes, "how many nodes, at most 4,000,000")
      ->check(CLI::Range(8, 4'000'000));
  app.add_option("--seconds", seconds, "how long each measurement goes on");
  app.add_option("--under-way", under_way, "messages that wait for their answers at a time");
  CLI11_PARSE(app, argc, argv);
  if (!wire::InitCrypto().ok()) return 1;

  MapProcess map(program);
  const size_t empty = map.Resident();
  NodeCrowd crowd(map.key(), map.endpoint(), nodes);
  const Phase registering(map);
  crowd.Register(std::min<size_t>(under_way, 400));  // more at once would be asked for cookies
  registering.Report("sessions", crowd.registered());
  std::printf("resident   %zu MiB (%zu MiB empty), %zu bytes a node\n", map.Resident() >> 20,
              empty >> 20, (map.Resident() - empty) / crowd.registered());

  const Phase refreshing(map);
  refreshing.Report("refreshes", crowd.Refresh(std::chrono::seconds(seconds), under_way, 0));
  const Phase looking(map);
  looking.Report("with looks", crowd.Refresh(std::chrono::seconds(seconds), under_way, under_way));
  std::vector<Clock::duration> times = crowd.lookups();
  std::sort(times.begin(), times.end());
  if (!times.empty()) {
    std::printf("look-ups   %zu: p50 %.3f ms, p99 %.3f ms\n", times.size(),
                1e3 * Seconds(times[times.size() / 2]),
                1e3 * Seconds(times[times.size() * 99 / 100]));
  }
  std::printf("sent again %zu; resident at the end %zu MiB\n", crowd.lost(), map.Resident() >> 20);
  return 0;
}

}  // namespace
}  // namespace warp::perf

int main(int argc, char** argv) { return warp::perf::Main(argc, argv); }

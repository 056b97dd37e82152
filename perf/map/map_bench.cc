// Measures a map under a crowd of nodes: `map_bench --program build/map-server/warp-map --nodes 1000000`. The map and
// the crowd are two processes that talk over loopback. perf/README.md says how to read what it prints.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "map-server/constants.h"
#include "perf/map/map_process.h"
#include "perf/map/node_crowd.h"
#include "perf/map/redis_process.h"

namespace warp::perf {
namespace {

constexpr size_t kSpare = 1024;
constexpr double kManyRefreshes = 100'000;  // a second
constexpr size_t kFirstStep = 64'000;       // nodes; the next has four times as many

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
  Phase(const MapProcess& map, const RedisProcess* redis) : map_(map), redis_(redis) {}
  void Report(const char* what, size_t count) const {
    const double wall = Seconds(Clock::now() - start_);
    const double cpu = map_.CpuSeconds() - cpu_;
    std::printf(
        "%-10s %9zu in %8.1f s: %9.0f a second; of the map's CPU %7.1f s: %6.1f us each, "
        "%9.0f a second of a core; load %s\n",
        what, count, wall, static_cast<double>(count) / wall, cpu,
        1e6 * cpu / static_cast<double>(count), static_cast<double>(count) / cpu, Load().c_str());
    if (redis_ != nullptr) {
      std::printf("           of redis's CPU: %6.1f us each\n",
                  1e6 * (redis_->CpuSeconds() - redis_cpu_) / static_cast<double>(count));
    }
    std::fflush(stdout);
  }

 private:
  const MapProcess& map_;
  const RedisProcess* const redis_;
  const Clock::time_point start_ = Clock::now();
  const double cpu_ = map_.CpuSeconds();
  const double redis_cpu_ = redis_ == nullptr ? 0 : redis_->CpuSeconds();
};

void ReportLookups(std::vector<Clock::duration> times) {
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  std::printf("look-ups   %zu: p50 %.3f ms, p99 %.3f ms, longest %.3f ms\n", times.size(),
              1e3 * Seconds(times[times.size() / 2]), 1e3 * Seconds(times[times.size() * 99 / 100]),
              1e3 * Seconds(times.back()));
}

// Offers the load to the map for so long, and tells what was answered, and how fast.
void MeasureOffered(const NodeCrowd::Load& load, int seconds, const MapProcess& map,
                    const RedisProcess* redis, NodeCrowd& crowd) {
  crowd.Settle();
  const Phase phase(map, redis);
  const NodeCrowd::Load answered = crowd.Offer(std::chrono::seconds(seconds), load);
  const auto say = [](const char* what, const NodeCrowd::Load& rates) {
    std::printf("%-10s %.0f refreshes, %.0f new sessions, %.0f look-ups a second\n", what,
                rates.refreshes, rates.sessions, rates.lookups);
  };
  say("offered", load);
  say("answered", answered);
  phase.Report("messages", static_cast<size_t>(seconds * (answered.refreshes + answered.sessions +
                                                          answered.lookups)));
  ReportLookups(crowd.TakeLookups());
}

int Main(int argc, char** argv) {
  std::string program;
  std::string redis_program;
  size_t nodes = 100'000;
  int seconds = 10;
  size_t under_way = 256;
  NodeCrowd::Load load{.refreshes = 30'000, .sessions = 1'000, .lookups = 500};
  CLI::App app;
  app.add_option("--program", program, "the warp-map to measure")->required();
  app.add_option("--redis", redis_program, "a redis-server that shall have what is registered");
  app.add_option("--nodes", nodes, "how many nodes, at most 4,000,000")
      ->check(CLI::Range(8, 4'000'000));
  app.add_option("--seconds", seconds, "how long each measurement goes on");
  app.add_option("--under-way", under_way, "messages that wait for their answers at a time");
  app.add_option("--refreshes", load.refreshes, "a second, where all is measured together");
  app.add_option("--sessions", load.sessions, "new ones, likewise");
  app.add_option("--look-ups", load.lookups, "likewise");
  CLI11_PARSE(app, argc, argv);
  if (!wire::InitCrypto().ok()) return 1;

  // As fast as a map makes sessions at all.
  const NodeCrowd::Load arriving{.sessions = map::kMapHandshakesPerSecond, .lookups = load.lookups};
  const auto strangers = static_cast<size_t>(arriving.sessions * seconds);
  const auto newcomers = static_cast<size_t>(load.sessions * seconds);
  // Where a map is full, each newcomer costs another node its place, or is refused: that is another measurement.
  std::unique_ptr<RedisProcess> redis;
  if (!redis_program.empty()) redis = std::make_unique<RedisProcess>(redis_program);
  const size_t empty_redis = redis == nullptr ? 0 : redis->Memory();
  const size_t all = nodes + strangers + newcomers;
  MapProcess map(program, all + kSpare, redis == nullptr ? 0 : redis->port());
  const size_t empty = map.Resident();
  NodeCrowd crowd(map.key(), map.endpoint(), all);
  std::printf("resident   %zu MiB empty\n", empty >> 20);
  for (size_t step = std::min(kFirstStep, nodes);; step = std::min(4 * step, nodes)) {
    const Phase registering(map, redis.get());
    const size_t before = crowd.registered();
    crowd.Register(step, std::min<size_t>(under_way, 400));
    registering.Report("sessions", crowd.registered() - before);
    std::printf("resident   %zu MiB with %zu nodes, %zu bytes for each\n", map.Resident() >> 20,
                crowd.registered(), (map.Resident() - empty) / crowd.registered());
    if (redis != nullptr) {
      const size_t bytes = redis->Memory();
      std::printf("redis      %zu MiB with them, %zu bytes for each\n", bytes >> 20,
                  (bytes - empty_redis) / crowd.registered());
    }
    if (step == nodes) break;
  }

  const Phase refreshing(map, redis.get());
  refreshing.Report("refreshes", crowd.Refresh(std::chrono::seconds(seconds), under_way));
  MeasureOffered({.refreshes = kManyRefreshes, .lookups = load.lookups}, seconds, map, redis.get(),
                 crowd);
  crowd.Prepare(strangers, NodeCrowd::Friends::kNobody);
  MeasureOffered(arriving, seconds, map, redis.get(), crowd);
  crowd.Prepare(newcomers, NodeCrowd::Friends::kGroup);
  MeasureOffered(load, seconds, map, redis.get(), crowd);
  for (const size_t size : {size_t{1400}, size_t{100}}) {
    const Phase relaying(map, redis.get());
    const size_t relayed = crowd.Relay(std::chrono::seconds(seconds), size, under_way);
    relaying.Report(absl::StrCat("of ", size, " B").c_str(), relayed);
    std::printf("relayed    %.1f Mbit/s of UDP payloads from one node to another\n",
                8e-6 * static_cast<double>(size * relayed) / seconds);
  }
  std::printf("sent again %zu, refused %zu; resident at the end %zu MiB\n", crowd.lost(),
              crowd.refused(), map.Resident() >> 20);
  return 0;
}

}  // namespace
}  // namespace warp::perf

int main(int argc, char** argv) { return warp::perf::Main(argc, argv); }

// Measures the replay window under several threads that look at and claim the same counters, as the packet path does.
// The result is what each thread pays for a counter.
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/constants.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/session/window.h"
#include "perf/engine/engine_suite.h"

namespace warp::perf {
namespace {

using wire::ReplayWindow;

constexpr uint64_t kCounters = 1 << 18;

double ThreadNs() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Claims the new counters of each burst. Returns how many this thread won.
uint64_t ClaimAll(ReplayWindow* window, uint64_t first) {
  std::array<uint64_t, lcore::kBurst> counters;
  std::array<ReplayWindow::Verdict, lcore::kBurst> verdicts;
  uint64_t ours = 0;
  for (uint64_t begin = first; begin < first + kCounters; begin += counters.size()) {
    size_t fresh = 0;
    for (uint64_t counter = begin; counter < begin + counters.size(); ++counter) {
      if (window->Look(counter) == ReplayWindow::Verdict::kNew) counters[fresh++] = counter;
    }
    window->ClaimBurst({counters.data(), fresh}, {verdicts.data(), fresh});
    for (size_t i = 0; i < fresh; ++i) ours += verdicts[i] == ReplayWindow::Verdict::kNew ? 1 : 0;
  }
  return ours;
}

// Returns the CPU time for each counter, as the mean over the threads.
double Sample(size_t threads, const std::vector<int>& cpus, ReplayWindow* window, uint64_t first) {
  std::atomic<size_t> ready{0};
  std::atomic<uint64_t> claimed{0};
  std::vector<double> spent(threads);
  std::vector<std::thread> running;
  for (size_t i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(cpus[i % cpus.size()], &set);
      pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
      ++ready;
      while (ready < threads) sched_yield();
      const double begin = ThreadNs();
      claimed += ClaimAll(window, first);
      spent[i] = ThreadNs() - begin;
    });
  }
  double sum = 0;
  for (size_t i = 0; i < threads; ++i) {
    running[i].join();
    sum += spent[i];
  }
  if (claimed != kCounters) std::abort();  // each counter is won exactly once
  return sum / static_cast<double>(threads * kCounters);
}

}  // namespace

void MeasureWindow(const Effort& effort, const std::vector<int>& cpus, Json* results) {
  if (!effort.Wants("window_claim")) return;
  std::array<Samples, 4> samples;
  ReplayWindow window(wire::kDefaultWindow);
  uint64_t first = 0;
  for (size_t round = 0; round < effort.rounds / 5; ++round) {
    for (size_t threads = 1; threads <= samples.size(); ++threads) {
      samples[threads - 1].Add(Sample(threads, cpus, &window, first) / NsPerCycle());
      first += kCounters;
    }
  }
  for (size_t threads = 1; threads <= samples.size(); ++threads) {
    (*results)[absl::StrCat("window_claim_", threads)] = FromSamples(samples[threads - 1]);
  }
}

}  // namespace warp::perf

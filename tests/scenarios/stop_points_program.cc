// Threads that come by two stop points again and again and count, for stop_thread_test.py. Each line of its input
// starts a thread, which has the line as its name. Writes the counts of all threads each millisecond, as one line.
#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "dataplane/os/stop_point.h"

namespace {

constexpr int kMostThreads = 4;
std::array<std::atomic<int>, kMostThreads> counts;

[[noreturn]] void Count(std::atomic<int>& count, const std::string& name) {
  pthread_setname_np(pthread_self(), name.c_str());
  while (true) {
    count.fetch_add(1);
    WARP_STOP_POINT(test_counted);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    WARP_STOP_POINT(test_slept);
  }
}

[[noreturn]] void Show() {
  while (true) {
    for (const std::atomic<int>& count : counts) std::cout << count.load() << ' ';
    std::cout << std::endl;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

int main() {
  std::thread(Show).detach();
  int next = 0;
  for (std::string name; next < kMostThreads && std::getline(std::cin, name); ++next) {
    std::thread([next, name] { Count(counts[next], name); }).detach();
  }
  std::_Exit(0);
}

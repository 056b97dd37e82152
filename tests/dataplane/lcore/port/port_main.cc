// EAL can be initialised only once in a process, so all tests share it. Tests of kernel ports change interfaces, so
// this process makes a network namespace of its own. If it may not, the tests that need one are skipped.
#include <gtest/gtest.h>
#include <sched.h>

#include <iostream>

#include "dataplane/lcore/memory/eal.h"
#include "tests/dataplane/lcore/port/port_fixture.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  warp::lcore::private_network = unshare(CLONE_NEWNET) == 0;
  const warp::lcore::EalOptions options = {.worker_cpus = {-1}, .memory_mib = 512};
  if (absl::Status status = warp::lcore::InitEal(options); !status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  return RUN_ALL_TESTS();
}

// EAL can be initialised only once in a process, so all tests share it.
#include <gtest/gtest.h>

#include <iostream>

#include "dataplane/lcore/memory/eal.h"
#include "dataplane/wire/crypto/keys.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (absl::Status status = warp::wire::InitCrypto(); !status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  const warp::lcore::EalOptions options = {.worker_cpus = {-1, -1, -1}, .memory_mib = 512};
  if (absl::Status status = warp::lcore::InitEal(options); !status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  return RUN_ALL_TESTS();
}

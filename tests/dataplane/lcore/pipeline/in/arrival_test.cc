// What two workers received arrives in the order of its counters, however often "first" changes between their ports.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "dataplane/wire/message.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

class Arrival : public testing::Test {
 protected:
  Network net_{{.ports = 1}, {.ports = 3, .workers = 3, .ring_size = 1024}};

  // Payload i arrives only at the port that `port_of` names.
  void SendOver(size_t count, const std::function<size_t(uint64_t)>& port_of) {
    for (size_t i = 0; i < count; i += 50) {
      std::vector<std::string> payloads;
      for (size_t k = i; k < std::min(i + 50, count); ++k) payloads.push_back(std::to_string(k));
      net_.a().Send(payloads);
      net_.Collect();
    }
    for (const FrameBytes& frame : net_.in_flight()) {
      const wire::MacAddress mac =
          net_.b().mac(port_of(wire::ReadDataHeader(DatagramOf(frame))->counter));
      if (std::equal(mac.bytes.begin(), mac.bytes.end(), frame.begin())) {
        ASSERT_TRUE(net_.Deliver(frame));
      }
    }
    net_.in_flight().clear();
    net_.b().Turn();
  }
  void ExpectInOrder(size_t count) {
    const std::vector<std::string> received = net_.b().Received();
    ASSERT_EQ(received.size(), count);
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(received[i], std::to_string(i));
    EXPECT_EQ(net_.b().BuffersInUse(), 0u);
  }
};

TEST_F(Arrival, TwoPortsTakeTurns) {
  SendOver(600, [](uint64_t counter) { return counter % 2; });
  ExpectInOrder(600);
}

TEST_F(Arrival, OneWorkerHasNearlyAll) {
  SendOver(600, [](uint64_t counter) { return counter % 50 == 49 ? 2 : 0; });
  ExpectInOrder(600);
}

TEST_F(Arrival, OneWorkerHasAll) {
  SendOver(300, [](uint64_t) { return 1; });
  ExpectInOrder(300);
}

}  // namespace
}  // namespace warp::lcore

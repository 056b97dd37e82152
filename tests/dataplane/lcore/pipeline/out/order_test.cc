// What one gate took in order leaves in that order on each path, whatever sizes the payloads have: small ones are
// copied whole, large ones go by reference, and the only copy of a payload is the payload itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "dataplane/wire/message.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

// Sizes from 60 to 1,400 bytes, in no order, with neighbours on both sides of what is worth a reference.
std::vector<std::string> MixedPayloads(size_t count, size_t first = 0) {
  std::vector<std::string> payloads;
  for (size_t i = first; i < first + count; ++i) {
    payloads.emplace_back(60 + (i * 769) % 1341, static_cast<char>('a' + i % 26));
  }
  return payloads;
}

struct Paths {
  uint16_t local, remote, workers;
  bool v6 = false;
};

class Order : public testing::TestWithParam<Paths> {
 protected:
  Network net_{{.ports = GetParam().local, .workers = GetParam().workers, .v6 = GetParam().v6},
               {.ports = GetParam().remote, .v6 = GetParam().v6}};
  size_t paths() const { return size_t{GetParam().local} * GetParam().remote; }

  // The counters that left, by path, which its two MACs tell.
  std::map<FrameBytes, std::vector<uint64_t>> Counters() {
    std::map<FrameBytes, std::vector<uint64_t>> counters;
    for (const FrameBytes& frame : net_.in_flight()) {
      counters[FrameBytes(frame.begin(), frame.begin() + 12)].push_back(
          wire::ReadDataHeader(DatagramOf(frame))->counter);
    }
    return counters;
  }
  void ExpectAll(size_t count) {
    const auto counters = Counters();
    EXPECT_EQ(counters.size(), paths());
    for (const auto& [path, sent] : counters) {
      ASSERT_EQ(sent.size(), count);
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(sent[i], i) << "of " << count;
    }
  }
};
INSTANTIATE_TEST_SUITE_P(, Order,
                         testing::Values(Paths{1, 1, 1}, Paths{1, 2, 1}, Paths{1, 3, 1},
                                         Paths{2, 2, 1}, Paths{1, 1, 2}, Paths{2, 1, 2},
                                         Paths{3, 1, 2}, Paths{2, 2, 2}, Paths{3, 1, 3},
                                         Paths{2, 2, 2, true}));

TEST_P(Order, WithinABurst) {
  net_.a().Send(MixedPayloads(32));
  net_.Collect();
  ExpectAll(32);
}

TEST_P(Order, OverBursts) {
  for (size_t i = 0; i < 6; ++i) net_.a().Send(MixedPayloads(32, i * 32));
  net_.Collect();
  ExpectAll(192);
}

TEST_P(Order, AndArrivesSo) {
  const std::vector<std::string> payloads = MixedPayloads(200);
  net_.a().Send(payloads);
  net_.Settle();
  EXPECT_EQ(net_.b().Received(), payloads);
  EXPECT_EQ(net_.a().BuffersInUse() + net_.b().BuffersInUse(), 0u);
}

}  // namespace
}  // namespace warp::lcore

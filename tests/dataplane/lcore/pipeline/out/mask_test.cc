// A payload takes the paths of its mask and no other, whichever workers send over them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "dataplane/wire/message.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

using testing::ElementsAre;
using wire::Drop;

constexpr size_t kLocal = 3, kRemote = 2;

std::string TextOf(const Packet& packet) { return {packet.bytes().begin(), packet.bytes().end()}; }

// Six paths, over three ports. The size decides whether several copies are linear or references.
class Mask : public testing::TestWithParam<std::tuple<size_t, uint16_t>> {
 protected:
  Mask() = default;
  explicit Mask(const std::string& arguments)
      : net_({.ports = kLocal, .workers = workers(), .device_arguments = arguments},
             {.ports = kRemote}) {}

  static std::string Payload() { return std::string(std::get<0>(GetParam()), 'p'); }
  static uint16_t workers() { return std::get<1>(GetParam()); }
  // Path i of six.
  static wire::PathMask Bit(size_t i) { return Node::MaskOf(i / kRemote, i % kRemote); }
  static wire::PathMask MaskOf(size_t bits) {
    wire::PathMask mask = 0;
    for (size_t i = 0; i < kLocal * kRemote; ++i) mask |= (bits >> i & 1) != 0 ? Bit(i) : 0;
    return mask;
  }
  WorkerId WorkerOf(size_t path) {
    return net_.a().plane().Info(net_.a().port(path / kRemote)).worker;
  }
  size_t WorkersOf(size_t bits) {
    std::vector<WorkerId> ids;
    for (size_t i = 0; i < kLocal * kRemote; ++i) {
      if ((bits >> i & 1) != 0) ids.push_back(WorkerOf(i));
    }
    std::ranges::sort(ids);
    return static_cast<size_t>(std::ranges::unique(ids).begin() - ids.begin());
  }
  // The copies that each path's port took since the last call, as digits.
  std::string Sent() {
    std::string sent;
    for (size_t i = 0; i < kLocal * kRemote; ++i) {
      const uint64_t copies = net_.a().path(i / kRemote, i % kRemote).tx_copies.Get();
      sent += std::to_string(copies - std::exchange(sent_[i], copies));
    }
    return sent;
  }
  bool Submit(wire::PathMask paths, uint32_t ticket = 0, WorkerId home = 0) {
    return net_.a().SendAs(Payload(),
                           {.completion = true, .ticket = {.slot = ticket}, .paths = paths}, home);
  }
  void SubmitAgain(Completion completion, wire::PathMask paths) {
    const SendRequest request = {
        .peer = Node::kPeer, .completion = true, .ticket = completion.ticket, .paths = paths};
    if (completion.sealed) {
      net_.a().plane().SubmitSealed(0, std::move(completion.sealed), request);
    } else {
      net_.a().plane().Submit(0, {&completion.plaintext, 1}, {&request, 1});
    }
  }
  void ExpectNothingLeft() { EXPECT_EQ(net_.a().BuffersInUse() + net_.b().BuffersInUse(), 0u); }

  Network net_{{.ports = kLocal, .workers = workers()}, {.ports = kRemote}};
  std::map<size_t, uint64_t> sent_;
};
INSTANTIATE_TEST_SUITE_P(, Mask,
                         testing::Combine(testing::Values(100, 1200), testing::Values(1, 2, 3)));

TEST_P(Mask, EveryMaskFromEveryHome) {
  for (size_t bits = 1; bits < 64; ++bits) {
    for (WorkerId home = 0; home < workers(); ++home) {
      std::string expected;
      for (size_t i = 0; i < kLocal * kRemote; ++i) expected += (bits >> i & 1) != 0 ? '1' : '0';
      ASSERT_TRUE(Submit(MaskOf(bits), 7, home));
      net_.Settle();
      EXPECT_EQ(Sent(), expected);
      EXPECT_THAT(net_.b().Received(), ElementsAre(Payload()));
      const std::vector<Completion> completions = net_.a().Completions();
      EXPECT_EQ(completions.size(), WorkersOf(bits)) << expected;
      for (const Completion& completion : completions) {
        EXPECT_TRUE(completion.taken);
        EXPECT_EQ(completion.reports, completions.size());
      }
      ExpectNothingLeft();
    }
  }
  EXPECT_EQ(net_.sessions().a->sent(), 63u * workers());
}

// The only copy of a payload is the payload, wherever its path is.
TEST_P(Mask, OnePathSendsInPlace) {
  for (size_t path = 0; path < kLocal * kRemote; ++path) {
    ASSERT_TRUE(Submit(Bit(path)));
    net_.a().Turn();
    EXPECT_EQ(net_.a().BuffersInUse(), 1u);
    net_.Settle();
    net_.b().Received();
    ASSERT_EQ(net_.a().Completions().size(), 1u);
    ExpectNothingLeft();
  }
}

// Nothing is spent for a payload that has no path, and it comes back as it was.
TEST_P(Mask, BitsOfNoPathStandForNothing) {
  const wire::PathMask others = ~MaskOf(63);
  ASSERT_TRUE(Submit(others, 1));
  ASSERT_TRUE(Submit(0, 2));
  ASSERT_TRUE(net_.a().SendAs(Payload(), {.paths = others}));
  net_.a().Turn();
  std::vector<Completion> completions = net_.a().Completions();
  ASSERT_EQ(completions.size(), 2u);
  for (const Completion& completion : completions) {
    EXPECT_EQ(completion.reason, Drop::kNoPath);
    EXPECT_EQ(completion.reports, 1u);
    EXPECT_EQ(TextOf(completion.plaintext), Payload());
  }
  EXPECT_EQ(net_.a().Drops(Drop::kNoPath), 1u);  // the one of which nobody asked a report
  EXPECT_EQ(net_.sessions().a->sent(), 0u);
  SubmitAgain(std::move(completions[0]), others | Bit(4));
  completions.clear();
  net_.Settle();
  EXPECT_EQ(Sent(), "000010");
  EXPECT_THAT(net_.b().Received(), ElementsAre(Payload()));
  net_.a().Completions();
  ExpectNothingLeft();
}

// The same of a path that does not send now.
TEST_P(Mask, APathThatDoesNotSendIsNoPath) {
  net_.a().SetActive([](size_t i, size_t j) { return i != 1 || j != 0; });
  net_.a().SetUp(2, false);
  net_.a().Publish();
  ASSERT_TRUE(Submit(Bit(2) | Bit(4) | Bit(5), 1));
  ASSERT_TRUE(Submit(Bit(2) | Bit(3), 2));
  net_.Settle();
  EXPECT_EQ(Sent(), "000100");
  const std::vector<Completion> completions = net_.a().Completions();
  ASSERT_EQ(completions.size(), 2u);
  for (const Completion& completion : completions) {
    EXPECT_EQ(completion.taken, completion.ticket.slot == 2);
    EXPECT_EQ(completion.reason, completion.taken ? Drop::kNone : Drop::kNoPath);
  }
  net_.b().Received();
}

TEST_P(Mask, APathWithoutASlotCarriesWhatAllCarry) {
  net_.a().SetSlots(
      [](size_t i, size_t j) { return i == 1 ? wire::kNoPathSlot : Node::SlotOf(i, j); });
  net_.a().Publish();
  ASSERT_TRUE(Submit(wire::kAllPaths));
  net_.Settle();
  EXPECT_EQ(Sent(), "111111");
  ASSERT_TRUE(Submit(wire::kAllPaths ^ MaskOf(1)));
  net_.Settle();
  EXPECT_EQ(Sent(), "010011");
  EXPECT_EQ(net_.b().Received().size(), 2u);
  net_.a().Completions();
  ExpectNothingLeft();
}

// Neighbours that take the same paths go together, and others part them. On each path all leave in their order.
TEST_P(Mask, MixedBursts) {
  const std::vector<wire::PathMask> masks = {
      Bit(0), Bit(0),          wire::kAllPaths, wire::kAllPaths, Bit(5),
      Bit(0), Bit(0) | Bit(5), MaskOf(0b1111),  MaskOf(0b1111),  Bit(3),
      0,      wire::kAllPaths, Bit(2) | Bit(3), Bit(4),          Bit(4)};
  constexpr uint32_t kPayloads = 120;
  std::vector<std::vector<uint64_t>> expected(kLocal * kRemote);
  uint64_t counter = 0;
  for (uint32_t i = 0; i < kPayloads; ++i) {
    const wire::PathMask mask = masks[i % masks.size()];
    ASSERT_TRUE(Submit(mask, i));
    for (size_t path = 0; path < expected.size(); ++path) {
      if ((mask & Bit(path)) != 0) expected[path].push_back(counter);
    }
    counter += mask != 0 ? 1 : 0;
  }
  net_.Collect();
  std::map<FrameBytes, std::vector<uint64_t>> sent;  // by MACs
  for (const FrameBytes& frame : net_.in_flight()) {
    sent[FrameBytes(frame.begin(), frame.begin() + 12)].push_back(
        wire::ReadDataHeader(DatagramOf(frame))->counter);
  }
  for (size_t path = 0; path < expected.size(); ++path) {
    const FrameBytes frame =
        MakeFrame(net_.a(), path / kRemote, net_.b(), path % kRemote, FrameBytes(64));
    EXPECT_EQ(sent[FrameBytes(frame.begin(), frame.begin() + 12)], expected[path]) << path;
  }
  net_.in_flight().clear();
  std::vector<size_t> reports(kPayloads);
  for (const Completion& completion : net_.a().Completions()) {
    const wire::PathMask mask = masks[completion.ticket.slot % masks.size()];
    EXPECT_EQ(completion.taken, mask != 0);
    if (++reports[completion.ticket.slot] == completion.reports)
      reports[completion.ticket.slot] = 0;
  }
  EXPECT_THAT(reports, testing::Each(0u));
  ExpectNothingLeft();
}

// --- Sizes. ---

class MaskedRoom : public Mask {
 protected:
  // What path i carries: a payload of 1,200 bytes fits paths 2 and up, and a larger one path 5 alone.
  MaskedRoom() {
    net_.a().SetRoom([](size_t i, size_t j) {
      const size_t path = i * kRemote + j;
      return path < 2 ? 600u : path < 5 ? 1300u : 9000u;
    });
    net_.a().Publish();
  }
  static std::string Large() { return std::string(1350, 'l'); }
};
INSTANTIATE_TEST_SUITE_P(, MaskedRoom,
                         testing::Combine(testing::Values(1200), testing::Values(1, 2, 3)));

TEST_P(MaskedRoom, WiderPathsOfTheMaskCarryIt) {
  ASSERT_TRUE(Submit(Bit(0) | Bit(2) | Bit(3)));
  net_.Settle();
  EXPECT_EQ(Sent(), "001100");
  ASSERT_TRUE(Submit(MaskOf(0b100011)));
  net_.Settle();
  EXPECT_EQ(Sent(), "000001");
  ASSERT_TRUE(net_.a().SendAs(Large(), {.completion = true, .paths = MaskOf(0b111100)}));
  net_.Settle();
  EXPECT_EQ(Sent(), "000001");
  EXPECT_EQ(net_.b().Received().size(), 3u);
  for (const Completion& completion : net_.a().Completions()) EXPECT_TRUE(completion.taken);
  ExpectNothingLeft();
}

// Paths outside of the mask are wider, but it is not theirs. Its counter is not spent, and others may carry it.
TEST_P(MaskedRoom, TooLargeForTheMask) {
  ASSERT_TRUE(Submit(Bit(0) | Bit(1), 1));
  ASSERT_TRUE(net_.a().SendAs(Large(), {.completion = true, .paths = Bit(1) | Bit(3)}));
  ASSERT_TRUE(net_.a().SendAs(Large(), {.paths = Bit(4)}));
  net_.a().Turn();
  std::vector<Completion> completions = net_.a().Completions();
  ASSERT_EQ(completions.size(), 2u);
  for (const Completion& completion : completions) {
    EXPECT_EQ(completion.reason, Drop::kTooLarge);
    EXPECT_EQ(completion.reports, 1u);
    ASSERT_TRUE(completion.plaintext);
  }
  EXPECT_EQ(TextOf(completions[0].plaintext), Payload());
  EXPECT_EQ(TextOf(completions[1].plaintext), Large());
  EXPECT_EQ(net_.a().Drops(Drop::kTooLarge), 1u);
  EXPECT_EQ(net_.sessions().a->sent(), 0u);
  SubmitAgain(std::move(completions[0]), Bit(1) | Bit(2));
  SubmitAgain(std::move(completions[1]), Bit(5));
  completions.clear();
  net_.Settle();
  EXPECT_EQ(Sent(), "001001");
  EXPECT_THAT(net_.b().Received(), ElementsAre(Payload(), Large()));
  net_.a().Completions();
  ExpectNothingLeft();
}

// Where all paths may carry it, the widest tries, since its size may have changed.
TEST_P(MaskedRoom, TooLargeForAllPathsGoesOverTheWidest) {
  net_.a().SetRoom([](size_t i, size_t) { return i == 2 ? 900u : 600u; });
  net_.a().Publish();
  ASSERT_TRUE(Submit(wire::kAllPaths));
  net_.Settle();
  EXPECT_EQ(Sent(), "000011");
  EXPECT_EQ(net_.b().Received().size(), 1u);
  net_.a().Completions();
}

// The table of the worker that sends is newer, and its paths are narrower: what is sealed tries the widest of its mask.
TEST(MaskedTables, SealedPayloadsTryTheWidestOfTheirMask) {
  Network net({.ports = 2, .workers = 2}, {.ports = 3});
  const WorkerId home = net.a().plane().Info(net.a().port(0)).worker;
  const wire::PathMask paths = Node::MaskOf(1, 0) | Node::MaskOf(1, 1);
  ASSERT_TRUE(net.a().SendAs(std::string(1200, 'p'), {.completion = true, .paths = paths}, home));
  net.a().plane().worker(home).RunOnce();
  net.a().SetRoom([](size_t i, size_t j) {
    return i == 0 || j == 2 ? 9000u : j == 1 ? 900u : 600u;
  });
  net.a().Publish();
  net.Settle();
  EXPECT_EQ(net.a().path(1, 1).tx_copies.Get(), 1u);
  EXPECT_EQ(net.b().Received().size(), 1u);
  const std::vector<Completion> completions = net.a().Completions();
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_TRUE(completions[0].taken);
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

// --- Ports that refuse. ---

class MaskedRefusal : public Mask {
 protected:
  MaskedRefusal() : Mask(",rate=0") {}
  void Grant(size_t port, uint64_t packets) {
    static_cast<LabPort*>(net_.a().plane().slot(net_.a().port(port)).port.get())->Grant(packets);
  }
};
INSTANTIATE_TEST_SUITE_P(, MaskedRefusal,
                         testing::Combine(testing::Values(100, 1200), testing::Values(1, 2, 3)));

// Whatever the mask, the payload comes back once and sealed, and may take other paths under its counter.
TEST_P(MaskedRefusal, ComesBackAndTakesAnotherPath) {
  for (size_t bits = 1; bits < 64; ++bits) {
    ASSERT_TRUE(Submit(MaskOf(bits), 3));
    net_.a().Turn();
    std::vector<Completion> completions = net_.a().Completions();
    ASSERT_EQ(completions.size(), WorkersOf(bits));
    Completion back;
    for (Completion& completion : completions) {
      EXPECT_FALSE(completion.taken);
      EXPECT_EQ(completion.reason, Drop::kTxFull);
      EXPECT_EQ(completion.reports, completions.size());
      EXPECT_FALSE(completion.plaintext || (completion.sealed && back.sealed));
      if (completion.sealed) back = std::move(completion);
    }
    ASSERT_TRUE(back.sealed);
    EXPECT_EQ(net_.a().BuffersInUse(), 1u);
    Grant(bits % kLocal, 1);
    SubmitAgain(std::move(back), Bit(bits % kLocal * kRemote));
    net_.Settle();
    EXPECT_THAT(net_.b().Received(), ElementsAre(Payload()));
    completions = net_.a().Completions();
    ASSERT_EQ(completions.size(), 1u);
    EXPECT_TRUE(completions[0].taken);
    ExpectNothingLeft();
  }
  EXPECT_EQ(net_.sessions().a->sent(), 63u);
}

// Every copy of the mask is lost on its path, and no other path's.
TEST_P(MaskedRefusal, LosesOnThePathsOfTheMask) {
  ASSERT_TRUE(net_.a().SendAs(Payload(), {.paths = Bit(0) | Bit(3) | Bit(4)}));
  net_.a().Turn();
  std::string lost;
  for (size_t i = 0; i < kLocal * kRemote; ++i)
    lost += std::to_string(net_.a().path(i / kRemote, i % kRemote).tx_dropped.Get());
  EXPECT_EQ(lost, "100110");
  EXPECT_EQ(net_.a().Drops(Drop::kTxFull), 3u);
  ExpectNothingLeft();
}

}  // namespace
}  // namespace warp::lcore

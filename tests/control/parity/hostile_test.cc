// Parity of a peer that lies: nothing of it grows without bound, and nothing that came is changed.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "control/parity/recovery.h"
#include "tests/control/parity/stream.h"

namespace warp::parity {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(HostileParity, ShapesAndSizesThatChangeAreConflicts) {
  const wire::Instant now{seconds(1)};
  Recovery recovery;
  const std::vector<uint8_t> symbol(100, 1), longer(101, 1);
  recovery.Add(now, {.first = 10, .count = 4, .index = 0}, symbol);
  recovery.Add(now, {.first = 10, .count = 5, .index = 1}, symbol);
  recovery.Add(now, {.first = 10, .count = 4, .index = 0}, symbol);
  recovery.Add(now, {.first = 10, .count = 4, .index = 1}, longer);
  EXPECT_EQ(recovery.TakeEnded().conflict, 3u);
  EXPECT_EQ(recovery.blocks(), 1u);
}

// Parity, payloads and blocks of any numbers: memory stays within its bounds, and each parity ends somewhere.
TEST(HostileParity, MemoryIsBounded) {
  std::mt19937 random(5);
  Recovery recovery;
  wire::Instant now{seconds(1)};
  uint64_t sent = 0, ended = 0, restored = 0;
  for (int i = 0; i < 20'000; ++i) {
    now += milliseconds(random() % 3);
    const uint32_t base = random() % 4 == 0 ? random() : 1000u + random() % 3000;
    const std::vector<uint8_t> bytes(random() % 9000, static_cast<uint8_t>(random()));
    if (random() % 2 == 0) {
      recovery.Note(now, {.sequence = base}, bytes);
    } else {
      ++sent;
      recovery.Add(now,
                   {.first = base,
                    .count = static_cast<uint8_t>(1 + random() % wire::kMostPayloadsOfBlock),
                    .index = static_cast<uint8_t>(random() % wire::kMostParitiesOfBlock),
                    .hold = static_cast<uint8_t>(random()),
                    .length = static_cast<uint16_t>(random())},
                   bytes);
    }
    ASSERT_LE(recovery.blocks(), Recovery::kMostBlocks);
    ASSERT_LE(recovery.parity_bytes(), Recovery::kMostBytes);
    ASSERT_LE(recovery.kept_bytes(), Recovery::kMostBytes + 65536);
    restored += recovery.Take().size();
    if (i % 1000 == 0) recovery.Expire(now);
    const Recovery::Ended some = recovery.TakeEnded();
    ended += some.unused + some.too_few + some.conflict;
  }
  recovery.Expire(now + seconds(10));
  const Recovery::Ended some = recovery.TakeEnded();
  ended += some.unused + some.too_few + some.conflict;
  EXPECT_EQ(sent, ended + restored) << "each parity ends, or restores a payload";
  EXPECT_EQ(recovery.kept_bytes(), 0u);
}

// A sequence that is far ahead makes what came before useless, and nothing else.
TEST(HostileParity, AJumpAheadIsSurvived) {
  const Stream stream;
  const wire::Instant now{seconds(1)};
  Recovery recovery;
  const auto parity = [&](uint32_t first) {
    const std::vector<uint8_t> plaintext = stream.ParityOf(first, 3, 0);
    recovery.Add(now, *wire::ReadParityHeader(plaintext),
                 wire::Bytes(plaintext).subspan(wire::kParityHeaderSize));
  };
  parity(100);
  parity(100 + 0x7fffff00);
  for (const uint32_t sequence : {103u, 105u})
    recovery.Note(now, stream.HeaderOf(sequence), stream.PayloadOf(sequence));
  parity(103);
  recovery.Clear();
  for (const uint32_t sequence : {103u, 105u})
    recovery.Note(now, stream.HeaderOf(sequence), stream.PayloadOf(sequence));
  parity(103);
  ASSERT_TRUE(recovery.restored_any());
  EXPECT_EQ(recovery.Take().back().bytes, stream.PayloadOf(104));
}

}  // namespace
}  // namespace warp::parity

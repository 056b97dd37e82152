// A receiver of payloads and parity, in whatever order they come.
#include "control/parity/recovery.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/control/parity/stream.h"

namespace warp::parity {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Instant;

const Instant kStart = Instant(seconds(100));

class RecoveryTest : public testing::Test {
 protected:
  void Payload(const Stream& stream, uint32_t sequence) {
    recovery_.Note(now_, stream.HeaderOf(sequence), stream.PayloadOf(sequence));
  }
  void Parity(const Stream& stream, uint32_t first, size_t count, size_t index) {
    const std::vector<uint8_t> plaintext = stream.ParityOf(first, count, index);
    recovery_.Add(now_, *wire::ReadParityHeader(plaintext),
                  wire::Bytes(plaintext).subspan(wire::kParityHeaderSize));
  }
  // What was restored is what was sent.
  std::vector<uint32_t> Restored(const Stream& stream) {
    std::vector<uint32_t> sequences;
    for (const Recovery::Payload& one : recovery_.Take()) {
      EXPECT_EQ(one.bytes, stream.PayloadOf(one.header.sequence));
      EXPECT_EQ(one.header, stream.HeaderOf(one.header.sequence));
      sequences.push_back(one.header.sequence);
    }
    return sequences;
  }
  // The first parity makes the receiver keep payloads.
  void Wake(const Stream& stream, uint32_t first) {
    Parity(stream, first, 1, 0);
    recovery_.Take();
    recovery_.TakeEnded();
  }

  Instant now_ = kStart;
  Recovery recovery_;
};

TEST_F(RecoveryTest, RestoresWhatIsMissing) {
  const Stream stream;
  Wake(stream, 10);
  for (const uint32_t sequence : {11u, 12u, 14u}) Payload(stream, sequence);
  EXPECT_FALSE(recovery_.restored_any());
  Parity(stream, 11, 4, 0);
  EXPECT_EQ(Restored(stream), std::vector<uint32_t>{13});
  EXPECT_EQ(recovery_.blocks(), 0u);
  const auto ended = recovery_.TakeEnded();
  EXPECT_EQ(ended.unused + ended.too_few + ended.conflict, 0u);
}

// A payload that waited for its turn leaves with the hold of that moment, and parity with that of its block.
TEST_F(RecoveryTest, PayloadsMayHaveAnotherHoldThanTheirParity) {
  const Stream stream;
  Wake(stream, 10);
  for (const uint32_t sequence : {11u, 12u, 14u}) {
    wire::SequencedHeader header = stream.HeaderOf(sequence);
    header.hold = sequence * wire::kHoldUnit;
    header.resend = false;
    recovery_.Note(now_, header, stream.PayloadOf(sequence));
  }
  Parity(stream, 11, 4, 0);
  EXPECT_EQ(Restored(stream), std::vector<uint32_t>{13});
}

TEST_F(RecoveryTest, ParityWaitsForPayloadsOfASlowerPath) {
  const Stream stream;
  Wake(stream, 10);
  Parity(stream, 11, 4, 1);
  Payload(stream, 14);
  Payload(stream, 11);
  EXPECT_FALSE(recovery_.restored_any());
  Payload(stream, 13);
  EXPECT_EQ(Restored(stream), std::vector<uint32_t>{12});
}

TEST_F(RecoveryTest, AWholeBlockNeedsNoParity) {
  const Stream stream;
  Wake(stream, 10);
  for (uint32_t sequence = 11; sequence < 15; ++sequence) Payload(stream, sequence);
  Parity(stream, 11, 4, 0);
  Parity(stream, 11, 4, 1);
  EXPECT_FALSE(recovery_.restored_any());
  EXPECT_EQ(recovery_.TakeEnded().unused, 2u);
  // Nor one that was restored.
  Payload(stream, 15);
  Parity(stream, 15, 2, 0);
  Parity(stream, 15, 2, 1);
  EXPECT_EQ(Restored(stream), std::vector<uint32_t>{16});
  EXPECT_EQ(recovery_.TakeEnded().unused, 1u);
}

TEST_F(RecoveryTest, TooFewEndAfterAWhile) {
  const Stream stream;
  Wake(stream, 10);
  Payload(stream, 11);
  Parity(stream, 11, 4, 0);
  recovery_.Expire(now_ += milliseconds(900));
  EXPECT_EQ(recovery_.blocks(), 1u);
  recovery_.Expire(now_ += milliseconds(200));
  EXPECT_EQ(recovery_.blocks(), 0u);
  EXPECT_EQ(recovery_.TakeEnded().too_few, 1u);
  EXPECT_EQ(recovery_.parity_bytes(), 0u);
}

TEST_F(RecoveryTest, SequencesGoOnBeyondTheirSize) {
  const Stream stream;
  Wake(stream, 0xfffffffe);
  Payload(stream, 0xffffffff);
  Payload(stream, 1);
  Parity(stream, 0xffffffff, 3, 0);
  EXPECT_EQ(Restored(stream), std::vector<uint32_t>{0});
}

TEST_F(RecoveryTest, KeepsNothingWhileNoParityComes) {
  const Stream stream;
  Payload(stream, 1);
  EXPECT_EQ(recovery_.kept_bytes(), 0u);
  Wake(stream, 10);
  Payload(stream, 11);
  EXPECT_GT(recovery_.kept_bytes(), 0u);
  recovery_.Expire(now_ += Recovery::kRest);
  EXPECT_EQ(recovery_.kept_bytes(), 0u);
  Payload(stream, 12);
  EXPECT_EQ(recovery_.kept_bytes(), 0u);
}

TEST_F(RecoveryTest, GivesUpItsOldestWhereItIsAsked) {
  const Stream stream;
  Wake(stream, 10);
  for (const uint32_t sequence : {21u, 22u}) Payload(stream, sequence);
  Parity(stream, 31, 4, 0);
  for (const uint32_t sequence : {41u, 42u, 44u}) Payload(stream, sequence);
  while (recovery_.blocks() > 0) ASSERT_TRUE(recovery_.GiveUpOldest());
  EXPECT_EQ(recovery_.TakeEnded().too_few, 1u);
  Parity(stream, 41, 4, 0);
  EXPECT_EQ(Restored(stream), std::vector<uint32_t>{43}) << "newer than the block";
  // Parity of something far ahead makes nothing of that slow.
  Parity(stream, 41 + 0x7fff0000, 4, 0);
  size_t given_up = 0;
  while (recovery_.GiveUpOldest()) ++given_up;
  EXPECT_LE(given_up, Recovery::kMostPayloads + 1);
  EXPECT_EQ(recovery_.kept_bytes() + recovery_.parity_bytes(), 0u);
  // It goes on.
  Payload(stream, 41 + 0x7fff0000);
  Payload(stream, 42 + 0x7fff0000);
  Parity(stream, 41 + 0x7fff0000, 3, 0);
  EXPECT_EQ(Restored(stream), std::vector<uint32_t>{43 + 0x7fff0000});
}

TEST_F(RecoveryTest, ALaterLifeOfTheSenderBeginsAnew) {
  const Stream old, young(77);
  Wake(old, 10);
  for (const uint32_t sequence : {11u, 12u, 13u}) Payload(old, sequence);
  recovery_.Clear();
  for (const uint32_t sequence : {11u, 12u, 14u}) Payload(young, sequence);
  Parity(young, 11, 4, 0);
  EXPECT_EQ(Restored(young), std::vector<uint32_t>{13});
}

}  // namespace
}  // namespace warp::parity

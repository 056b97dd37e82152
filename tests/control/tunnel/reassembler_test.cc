#include "control/tunnel/reassembler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dataplane/wire/fragment.h"

namespace warp::control {
namespace {

using namespace wire;

constexpr int64_t kSecond = 1'000'000'000;

std::vector<uint8_t> PayloadOf(size_t size, uint8_t seed = 1) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 31 + i / 256 + seed);
  return bytes;
}

struct Piece {
  uint64_t counter = 0;
  std::vector<uint8_t> plaintext;
};

// Returns the fragments that a sender seals for one payload. The first one has the given counter.
std::vector<Piece> Cut(const std::vector<uint8_t>& payload, uint64_t counter, uint16_t tunnel = 1,
                       size_t max_plaintext = 1400) {
  const FragmentPlan plan = PlanFragments(payload.size(), max_plaintext).value();
  std::vector<Piece> pieces;
  for (int i = 0; i < plan.count; ++i) {
    const auto index = static_cast<uint8_t>(i);
    Piece piece{.counter = counter + index,
                .plaintext = std::vector<uint8_t>(kFragmentHeaderSize + plan.SizeOf(index))};
    WriteFragmentHeader(plan.HeaderOf(index, tunnel), piece.plaintext.data());
    std::copy_n(payload.begin() + static_cast<ptrdiff_t>(plan.OffsetOf(index)), plan.SizeOf(index),
                piece.plaintext.begin() + kFragmentHeaderSize);
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

class ReassemblerTest : public testing::Test {
 protected:
  Reassembler::Result Add(const Piece& piece, uint64_t session = 1) {
    return reassembler_.Add(now_, session, piece.counter, piece.plaintext);
  }
  std::string DropOf(const Reassembler::Result& result) {
    return result.drop ? std::string(DropName(*result.drop)) : "";
  }

  int64_t now_ = 0;
  Reassembler reassembler_{{.max_bytes = 100'000, .max_entries = 8, .timeout_ns = kSecond}};
};

TEST_F(ReassemblerTest, PutsTogetherInAnyOrder) {
  std::mt19937 random(1);
  for (const size_t size : {2, 1393, 2784, 5000, 65536}) {
    const auto payload = PayloadOf(size);
    auto pieces = Cut(payload, 100, 7);
    std::shuffle(pieces.begin(), pieces.end(), random);
    for (size_t i = 0; i + 1 < pieces.size(); ++i) {
      const auto result = Add(pieces[i]);
      ASSERT_FALSE(result.payload);
      ASSERT_FALSE(result.drop);
    }
    const auto result = Add(pieces.back());
    ASSERT_TRUE(result.payload) << size;
    EXPECT_EQ(result.payload->tunnel_id, 7);
    EXPECT_EQ(result.payload->bytes, payload);
    EXPECT_EQ(reassembler_.entries(), 0u);
    EXPECT_EQ(reassembler_.bytes(), 0u);
  }
}

TEST_F(ReassemblerTest, KeepsInterleavedPayloadsApart) {
  // Fragments of four payloads at once. They have neighbouring counters, belong to another tunnel, or belong to another
  // session that uses the same counters.
  const auto a = Cut(PayloadOf(2000, 1), 10, 1);
  const auto b = Cut(PayloadOf(2000, 2), 12, 1);
  const auto c = Cut(PayloadOf(2000, 3), 14, 2);
  const auto d = Cut(PayloadOf(2000, 4), 10, 1);
  EXPECT_FALSE(Add(a[1]).payload);
  EXPECT_FALSE(Add(b[0]).payload);
  EXPECT_FALSE(Add(c[1]).payload);
  EXPECT_FALSE(Add(d[0], 2).payload);
  EXPECT_EQ(Add(c[0]).payload->bytes, PayloadOf(2000, 3));
  EXPECT_EQ(Add(a[0]).payload->bytes, PayloadOf(2000, 1));
  EXPECT_EQ(Add(d[1], 2).payload->bytes, PayloadOf(2000, 4));
  EXPECT_EQ(Add(b[1]).payload->bytes, PayloadOf(2000, 2));
}

TEST_F(ReassemblerTest, ADuplicateIsDroppedAndHarmless) {
  const auto pieces = Cut(PayloadOf(3000), 5);
  EXPECT_EQ(DropOf(Add(pieces[0])), "");
  EXPECT_EQ(DropOf(Add(pieces[0])), "duplicate");
  EXPECT_FALSE(Add(pieces[1]).payload);
  EXPECT_EQ(Add(pieces[2]).payload->bytes, PayloadOf(3000));
}

TEST_F(ReassemblerTest, AConflictGivesThePayloadUp) {
  const auto pieces = Cut(PayloadOf(3000), 5);
  const auto longer = Cut(PayloadOf(4000), 5, 1, 1100);
  const auto other_chunk = Cut(PayloadOf(3003), 5);
  for (const auto& conflicting : {longer, other_chunk}) {
    EXPECT_EQ(DropOf(Add(pieces[0])), "");
    EXPECT_EQ(DropOf(Add(conflicting[1])), "reassembly_conflict");
    EXPECT_EQ(reassembler_.entries(), 0u);
    EXPECT_EQ(reassembler_.bytes(), 0u);
  }
}

TEST_F(ReassemblerTest, WhatIsNoFragmentIsMalformed) {
  EXPECT_EQ(DropOf(Add({5, {}})), "malformed");
  EXPECT_EQ(DropOf(Add({5, {1, 0, 0, 0, 1, 2, 3, 4, 5}})), "malformed");
  // By its index and counter, this fragment's payload would begin before counter 0.
  const auto pieces = Cut(PayloadOf(3000), 0);
  EXPECT_EQ(DropOf(Add({1, pieces[2].plaintext})), "malformed");
  EXPECT_EQ(DropOf(Add({2, pieces[2].plaintext})), "");
  EXPECT_EQ(reassembler_.entries(), 1u);
}

TEST_F(ReassemblerTest, TimesOut) {
  const auto a = Cut(PayloadOf(3000), 5);
  const auto b = Cut(PayloadOf(3000), 50);
  EXPECT_EQ(reassembler_.NextTimeout(), std::nullopt);
  Add(a[0]);
  now_ = kSecond / 2;
  Add(a[1]);  // a later fragment does not extend the payload's time limit
  Add(b[0]);
  EXPECT_EQ(reassembler_.NextTimeout(), kSecond);
  now_ = kSecond - 1;
  EXPECT_EQ(reassembler_.Expire(now_), 0u);
  now_ = kSecond;
  EXPECT_EQ(reassembler_.Expire(now_), 1u);
  EXPECT_EQ(reassembler_.NextTimeout(), kSecond * 3 / 2);
  EXPECT_FALSE(Add(a[2]).payload);  // this fragment comes too late, so it begins a new payload
  now_ = kSecond * 3 / 2;
  // Add first expires what is old, so this fragment begins a new payload as well.
  EXPECT_EQ(Add(b[1]).timed_out, 1u);
  EXPECT_EQ(reassembler_.entries(), 2u);
}

TEST_F(ReassemblerTest, TheOldestGivesWayToANewPayload) {
  std::vector<std::vector<Piece>> payloads;
  for (uint64_t i = 0; i < 9; ++i) payloads.push_back(Cut(PayloadOf(2000), 100 * i));
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(Add(payloads[i][0]).evicted, 0u);
  EXPECT_EQ(Add(payloads[8][0]).evicted, 1u);
  EXPECT_EQ(reassembler_.entries(), 8u);
  EXPECT_TRUE(Add(payloads[1][1]).payload);
  EXPECT_TRUE(Add(payloads[8][1]).payload);
  EXPECT_FALSE(Add(payloads[0][1]).payload);
}

// A hostile peer sends one fragment of each payload, which costs few bytes and announces many.
TEST_F(ReassemblerTest, MemoryIsTakenAsFragmentsArrive) {
  for (const bool last : {false, true}) {
    reassembler_.Expire(now_ += kSecond);
    for (uint64_t i = 0; i < 8; ++i) {
      const auto pieces = Cut(PayloadOf(65'000), 1000 * i, 1, 257 + kFragmentHeaderSize);
      EXPECT_EQ(Add(last ? pieces.back() : pieces.front()).evicted, 0u);
      EXPECT_LE(reassembler_.bytes(), (i + 1) * (Reassembler::kEntryCost + 2 * 257));
    }
  }
}

TEST_F(ReassemblerTest, MemoryIsAtMostTwiceWhatArrived) {
  const auto pieces = Cut(PayloadOf(60'001), 0);
  for (size_t i = 0; i + 1 < pieces.size(); ++i) {
    Add(pieces[pieces.size() - 1 - i]);
    EXPECT_LE(reassembler_.bytes(), Reassembler::kEntryCost + 2 * 1400 * (i + 1));
  }
  EXPECT_EQ(Add(pieces.front()).payload->bytes, PayloadOf(60'001));
}

// The oldest gives way, but not to itself.
TEST_F(ReassemblerTest, BytesAreBoundedWhilePayloadsGrow) {
  const auto a = Cut(PayloadOf(60'001, 1), 0);
  const auto b = Cut(PayloadOf(60'001, 2), 1000);
  uint32_t evicted = 0;
  bool whole = false;
  for (size_t i = 0; i < a.size(); ++i) {
    evicted += Add(b[b.size() - 1 - i]).evicted;
    const auto result = Add(a[i]);
    evicted += result.evicted;
    whole |= result.payload.has_value();
    EXPECT_LE(reassembler_.bytes(), 100'000u);
  }
  EXPECT_GE(evicted, 1u);
  reassembler_.Expire(now_ += kSecond);
  for (const Piece& piece : a) whole = Add(piece).payload.has_value();
  EXPECT_TRUE(whole);
}

// 50,000 payloads of two fragments a second; the fast link loses one fragment in a hundred, whose copy comes over the
// slow link 600 ms later. Nothing may be given up meanwhile.
TEST(ReassemblerLimits, FollowTheWindow) {
  const auto limits = Reassembler::LimitsFor(kDefaultWindow);
  EXPECT_GE(limits.max_entries, 2u * 50'000 * 6 / 10);
  EXPECT_EQ(limits.max_bytes, size_t{64} << 20);
  EXPECT_EQ(Reassembler::LimitsFor(1024).max_entries, 512u);
  EXPECT_EQ(Reassembler::LimitsFor(64).max_entries, 256u);
  EXPECT_EQ(Reassembler::LimitsFor(64).max_bytes, size_t{4} << 20);
  EXPECT_EQ(Reassembler::LimitsFor(kMaxWindow).max_bytes, size_t{64} << 20);

  constexpr uint64_t kPayloads = 60'000, kLate = 30'000;
  constexpr int64_t kInterval = kSecond / 50'000;
  const auto lost = [](uint64_t counter) { return counter % 101 == 7; };
  Reassembler reassembler(limits);
  const auto pieces = Cut(PayloadOf(1500), 0);
  ASSERT_EQ(pieces.size(), 2u);
  uint64_t whole = 0, given_up = 0;
  size_t most = 0;
  const auto add = [&](int64_t now, uint64_t counter) {
    const auto result = reassembler.Add(now, 1, counter, pieces[counter % 2].plaintext);
    whole += result.payload.has_value() ? 1 : 0;
    given_up += result.evicted + result.timed_out;
    most = std::max(most, reassembler.entries());
  };
  for (uint64_t i = 0; i < kPayloads + kLate; ++i) {
    const int64_t now = static_cast<int64_t>(i) * kInterval;
    for (const uint64_t index : {0, 1}) {
      if (i < kPayloads && !lost(2 * i + index)) add(now, 2 * i + index);
      // The window has seen all other copies of the slow link.
      if (i >= kLate && lost(2 * (i - kLate) + index)) add(now, 2 * (i - kLate) + index);
    }
  }
  EXPECT_GT(most, 500u);
  EXPECT_EQ(given_up, 0u);
  EXPECT_EQ(whole, kPayloads);
  EXPECT_EQ(reassembler.entries(), 0u);
}

TEST_F(ReassemblerTest, APayloadBeyondAllMemoryIsTooLarge) {
  Reassembler small({.max_bytes = 1000, .max_entries = 8, .timeout_ns = kSecond});
  const auto pieces = Cut(PayloadOf(3000), 5);
  const auto result = small.Add(0, 1, pieces[0].counter, pieces[0].plaintext);
  EXPECT_EQ(DropOf(result), "too_large");
  EXPECT_EQ(small.entries(), 0u);
}

// An authenticated peer may still be hostile. Whatever it sends, the bounds hold, and a payload comes out only if each
// of its bytes went in.
TEST_F(ReassemblerTest, SurvivesHostileInterleavings) {
  std::mt19937 random(7);
  for (int step = 0; step < 50'000; ++step) {
    FragmentHeader header{
        .tunnel_id = static_cast<uint16_t>(random() % 2),
        .index = static_cast<uint8_t>(random() % 4),
        .count = static_cast<uint8_t>(random() % 5),
        .chunk = static_cast<uint16_t>(random() % 3 == 0 ? random() : 1 + random() % 3)};
    std::vector<uint8_t> plaintext(kFragmentHeaderSize +
                                   (random() % 4 == 0 ? random() % 5 : header.chunk));
    WriteFragmentHeader(header, plaintext.data());
    now_ += random() % (kSecond / 50);
    const auto result = reassembler_.Add(now_, random() % 2, random() % 20, plaintext);
    ASSERT_LE(reassembler_.entries(), 8u);
    ASSERT_LE(reassembler_.bytes(), 100'000u);
    ASSERT_FALSE(result.payload && result.drop);
    if (result.payload) {
      ASSERT_LE(result.payload->bytes.size(), kMaxPayloadSize);
      ASSERT_GE(result.payload->bytes.size(), 2u);
    }
  }
  reassembler_.Expire(now_ + 2 * kSecond);
  EXPECT_EQ(reassembler_.entries(), 0u);
  EXPECT_EQ(reassembler_.bytes(), 0u);
}

}  // namespace
}  // namespace warp::control

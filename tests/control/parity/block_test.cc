// The coefficients, the sums of a block, and what they restore.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "control/parity/block_decoder.h"
#include "control/parity/block_encoder.h"
#include "control/parity/generator.h"
#include "dataplane/wire/message.h"

namespace warp::parity {
namespace {

using Payload = std::vector<uint8_t>;

// GF(2^8) in the slowest and plainest way.
uint8_t Slow(uint8_t a, uint8_t b) {
  unsigned product = 0;
  for (unsigned bit = 0; bit < 8; ++bit) {
    if ((b >> bit & 1) != 0) product ^= unsigned{a} << bit;
  }
  for (int bit = 15; bit >= 8; --bit) {
    if ((product >> bit & 1) != 0) product ^= 0x11du << (bit - 8);
  }
  return static_cast<uint8_t>(product);
}

TEST(Generator, CoefficientsAreThoseOfTheSpecification) {
  for (unsigned index = 0; index < wire::kMostParitiesOfBlock; ++index) {
    for (unsigned place = 0; place < wire::kMostPayloadsOfBlock; ++place) {
      const auto denominator = static_cast<uint8_t>((255 - index) ^ place);
      EXPECT_EQ(Slow(Coefficient(index, place), denominator), 255 ^ place) << index << " " << place;
    }
  }
  EXPECT_EQ(Coefficient(0, 7), 1);
  EXPECT_EQ(Multiply(0x57, 0x83), Slow(0x57, 0x83));
}

TEST(Generator, AddsProductsOfAnyLength) {
  std::mt19937 random(1);
  for (const size_t size : {1u, 3u, 15u, 16u, 31u, 32u, 33u, 63u, 64u, 100u, 1408u, 1409u}) {
    Payload payload(size), first(size, 0xaa), second(size, 0x55);
    for (uint8_t& byte : payload) byte = static_cast<uint8_t>(random());
    const Payload before = second;
    uint8_t* const sums[] = {first.data(), second.data()};
    AddPayload(9, payload, sums);
    for (size_t i = 0; i < size; ++i) {
      ASSERT_EQ(first[i], 0xaa ^ payload[i]) << size;
      ASSERT_EQ(second[i], before[i] ^ Slow(Coefficient(1, 9), payload[i])) << size;
    }
    AddPayloadTo(1, 9, payload, second.data());
    EXPECT_EQ(second, before) << size;
  }
}

struct Sent {
  std::vector<Payload> payloads;
  std::vector<Parity> parities;
};

// A block of payloads of various sizes, as the plaintexts of its parities say it.
Sent MakeBlock(size_t count, size_t parities, std::mt19937& random, size_t most = 200) {
  Sent sent;
  BlockEncoder encoder;
  encoder.Begin(700, parities);
  for (size_t i = 0; i < count; ++i) {
    Payload payload(random() % (most + 1));
    for (uint8_t& byte : payload) byte = static_cast<uint8_t>(random());
    encoder.Add(static_cast<uint8_t>(0x80 | i), payload);
    sent.payloads.push_back(std::move(payload));
  }
  for (size_t i = 0; i < parities; ++i) {
    const std::vector<uint8_t> plaintext = encoder.Plaintext(5, i);
    const auto header = wire::ReadParityHeader(plaintext);
    EXPECT_TRUE(header.has_value());
    EXPECT_EQ(header->tunnel_id, 5);
    EXPECT_EQ(header->first, 700u);
    EXPECT_EQ(header->count, count);
    EXPECT_EQ(header->index, i);
    EXPECT_EQ(header->hold, 0x80 | (count - 1)) << "that of the newest payload";
    sent.parities.push_back(
        {.index = header->index,
         .length = header->length,
         .symbol = {plaintext.begin() + wire::kParityHeaderSize, plaintext.end()}});
  }
  return sent;
}

// Without the payloads of `missing`, and with parities from `from` on.
std::optional<std::vector<Restored>> RestoreFrom(const Sent& sent,
                                                 const std::vector<size_t>& missing, size_t from) {
  std::vector<Known> known;
  for (size_t place = 0; place < sent.payloads.size(); ++place) {
    if (std::find(missing.begin(), missing.end(), place) != missing.end()) continue;
    known.push_back({place, sent.payloads[place]});
  }
  std::vector<const Parity*> parities;
  for (size_t i = 0; i < missing.size(); ++i) parities.push_back(&sent.parities[from + i]);
  return Restore(known, missing, parities);
}

TEST(Block, TheFirstParityIsTheExclusiveOr) {
  std::mt19937 random(2);
  const Sent sent = MakeBlock(4, 1, random);
  Payload sum(sent.parities[0].symbol.size());
  for (const Payload& payload : sent.payloads) {
    for (size_t i = 0; i < payload.size(); ++i) sum[i] ^= payload[i];
  }
  EXPECT_EQ(sent.parities[0].symbol, sum);
}

TEST(Block, RestoresAnyLossesThatParityMakesUpFor) {
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    const size_t count = 1 + random() % wire::kMostPayloadsOfBlock;
    const size_t parities = 1 + random() % wire::kMostParitiesOfBlock;
    const Sent sent = MakeBlock(count, parities, random);
    std::vector<size_t> places(count);
    for (size_t i = 0; i < count; ++i) places[i] = i;
    std::shuffle(places.begin(), places.end(), random);
    places.resize(1 + random() % std::min(count, parities));
    std::sort(places.begin(), places.end());
    const size_t from = random() % (parities - places.size() + 1);
    const auto restored = RestoreFrom(sent, places, from);
    ASSERT_TRUE(restored.has_value()) << count << "+" << parities;
    ASSERT_EQ(restored->size(), places.size());
    for (const Restored& one : *restored) {
      ASSERT_EQ(one.bytes, sent.payloads[one.place]);
    }
  }
}

// docs/wire-format.md shows the same bytes.
TEST(Block, Bytes) {
  BlockEncoder encoder;
  encoder.Begin(7, 2);
  encoder.Add(0x93, Payload{'a', 'b', 'c'});
  encoder.Add(0x13, Payload{'d', 'e'});
  EXPECT_EQ(encoder.Plaintext(0x0102, 0), (Payload{5, 0, 2, 1, 7, 0, 0, 0, 2, 0x13, 1, 0,  //
                                                   0x05, 0x07, 0x63}));
  EXPECT_EQ(encoder.Plaintext(0x0102, 1), (Payload{5, 1, 2, 1, 7, 0, 0, 0, 2, 0x13, 0x64, 0,  //
                                                   0x42, 0x3f, 0x6c}));
}

// A block that grows needs no other coefficients, and one that is begun again forgets the last.
TEST(Block, BeginsAnew) {
  BlockEncoder encoder;
  encoder.Begin(1, 2);
  encoder.Add(3, Payload(100, 0xff));
  encoder.Begin(9, 1);
  encoder.Add(4, Payload{1, 2});
  encoder.Add(5, Payload{4});
  const std::vector<uint8_t> plaintext = encoder.Plaintext(2, 0);
  const std::vector<uint8_t> expected = {5, 0, 2, 0, 9, 0, 0, 0, 2, 5, 2 ^ 1, 0, 1 ^ 4, 2};
  EXPECT_EQ(plaintext, expected);
}

TEST(Block, ContradictionsRestoreNothing) {
  std::mt19937 random(4);
  Sent sent = MakeBlock(4, 2, random, 50);
  sent.payloads[1] = Payload(sent.parities[0].symbol.size() + 1);
  EXPECT_FALSE(RestoreFrom(sent, {0}, 0).has_value()) << "a payload longer than the symbol";
  sent = MakeBlock(4, 2, random, 50);
  sent.parities[0].length ^= 0x4000;
  EXPECT_FALSE(RestoreFrom(sent, {0}, 0).has_value()) << "longer than the symbol when restored";
  sent = MakeBlock(4, 2, random, 50);
  sent.parities[1].symbol.push_back(0);
  EXPECT_FALSE(RestoreFrom(sent, {0, 1}, 0).has_value()) << "symbols of two sizes";
  sent = MakeBlock(3, 1, random, 50);
  sent.payloads[0].clear();
  sent.parities[0].symbol.push_back(7);
  EXPECT_FALSE(RestoreFrom(sent, {0}, 0).has_value()) << "bytes behind the end";
}

}  // namespace
}  // namespace warp::parity

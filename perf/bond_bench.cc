// Measures what a payload costs the control thread where its tunnel uses the sum of the links: to choose its path, to
// put it in order again, and its parity.
#include <benchmark/benchmark.h>

#include <bit>
#include <chrono>
#include <vector>

#include "control/bonding/bond.h"
#include "control/parity/block_decoder.h"
#include "control/parity/block_encoder.h"
#include "control/parity/recovery.h"
#include "control/tunnel/orderer.h"
#include "dataplane/wire/message.h"

namespace warp::perf {
namespace {

constexpr size_t kPayload = 1408;

// What a bond costs a payload: its path is chosen, its clock and its memory kept, and every 20 ms a feedback is read.
// The paths carry what is offered, so that some payloads wait and some do not. Flows send in turn.
void Bond(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const auto flows = static_cast<uint16_t>(state.range(1));
  uint64_t settled = 0;
  bonding::Bond bond([&settled](uint16_t, uint64_t) { ++settled; });
  std::vector<bonding::PathSpec> paths;
  for (size_t i = 0; i < count; ++i) {
    paths.push_back({.id = static_cast<wire::PathId>(i),
                     .slot = static_cast<wire::PathSlot>(i),
                     .port = static_cast<wire::PortId>(i),
                     .max_rate = 20'000'000 / count,
                     .round_trip = std::chrono::milliseconds(20 + 5 * i)});
  }
  wire::Instant now{std::chrono::seconds(1)};
  bond.SetPaths(now, paths);
  for (uint16_t flow = 0; flow < flows; ++flow) {
    bond.SetFlow(now, flow,
                 {.policy = {.mode = config::TunnelMode::kStripe,
                             .resend = std::chrono::milliseconds(150)}});
  }
  struct Newest {
    uint64_t counter = 0;
    wire::Instant sent;
    uint32_t packets = 0;
  };
  std::vector<Newest> newest(count);
  uint64_t counter = 0, number = 0, told = 0;
  protocol::Feedback feedback;
  const auto send = [&](const bonding::Grant& grant) {
    bond.NoteSent(now, grant, 1, ++counter, {&grant.size, 1});
    const auto slot = static_cast<size_t>(std::countr_zero(grant.paths));
    newest[slot] = {counter, now, newest[slot].packets + 1};
  };
  for (auto _ : state) {
    now += std::chrono::microseconds(75);
    bonding::Grant grant{.flow = static_cast<uint16_t>(++number % flows),
                         .number = number,
                         .size = 1480,
                         .taken = now,
                         .deadline = now + std::chrono::milliseconds(250)};
    if (bond.Offer(now, &grant) == bonding::Bond::Fate::kGranted) send(grant);
    while (const auto next = bond.Next(now)) send(*next);
    if (number % 267 != 0) continue;
    bond.HandleTimeout(now);
    feedback.time = static_cast<uint32_t>(now.time_since_epoch() / std::chrono::microseconds(1));
    feedback.base = told & ~uint64_t{31};
    feedback.words.assign((counter - feedback.base) / 32 + 1, UINT32_MAX);
    feedback.paths.clear();
    for (size_t i = 0; i < count; ++i) {
      feedback.paths.push_back(
          {.from = static_cast<uint16_t>(i),
           .newest = static_cast<uint32_t>(newest[i].counter),
           .age = static_cast<uint32_t>((now - newest[i].sent) / std::chrono::microseconds(1)),
           .packets = newest[i].packets,
           .bytes = newest[i].packets * 1480});
    }
    told = counter;
    bond.HandleFeedback(now, 1, feedback);
  }
  state.counters["settled"] = static_cast<double>(settled) / static_cast<double>(number);
}
BENCHMARK(Bond)->Args({2, 1})->Args({3, 1})->Args({4, 1})->Args({8, 1})->Args({16, 1})->Args(
    {3, 1000});

// What it costs to say whose turn it is, where so many tunnels of weight 1 have something waiting for a path, beside a
// heavier one that has nothing.
void Turns(benchmark::State& state) {
  const auto flows = static_cast<uint16_t>(state.range(0));
  bonding::Bond bond([](uint16_t, uint64_t) {});
  const bonding::PathSpec path{
      .id = 1, .slot = 0, .max_rate = 1'000'000'000, .round_trip = std::chrono::milliseconds(20)};
  wire::Instant now{std::chrono::seconds(1)};
  bond.SetPaths(now, {&path, 1});
  bond.SetFlow(now, flows,
               {.policy = {.mode = config::TunnelMode::kStripe,
                           .weight = static_cast<uint32_t>(state.range(1))}});
  uint64_t number = 0;
  const auto wait = [&](uint16_t flow) {
    bond.NoteUnsent(now, {.flow = flow,
                          .number = ++number,
                          .size = 1480,
                          .taken = now,
                          .deadline = now + std::chrono::hours(1)});
  };
  for (uint16_t flow = 0; flow < flows; ++flow) {
    bond.SetFlow(now, flow, {.policy = {.mode = config::TunnelMode::kStripe}});
    for (int i = 0; i < 4; ++i) wait(flow);
  }
  for (auto _ : state) {
    now += std::chrono::microseconds(2);
    const auto grant = bond.Next(now);
    if (!grant.has_value()) return state.SkipWithError("nothing may leave");
    bond.NoteSent(now, *grant, 0, 0, {&grant->size, 1});
    wait(grant->flow);
  }
}
BENCHMARK(Turns)->Args({1000, 1})->Args({1000, 100});

// What order costs a payload of two paths, of which one is later by `behind` payloads: every other payload waits for
// it.
void Order(benchmark::State& state) {
  const auto behind = static_cast<uint32_t>(state.range(0));
  uint64_t delivered = 0;
  control::Orderer orderer([&delivered](control::Delivery&&) { ++delivered; });
  wire::Route routes[2];
  routes[1].port = 1;
  const std::vector<uint8_t> payload(kPayload);
  wire::Instant now{std::chrono::seconds(1)};
  uint32_t sent = 0;
  for (auto _ : state) {
    now += std::chrono::microseconds(10);
    const bool slow = sent % 2 == 1 && behind > 0;
    const uint32_t sequence = slow ? sent - std::min(sent - 1, 2 * behind) : sent;
    ++sent;
    orderer.Add(now, {.number = 1}, routes[slow ? 1 : 0],
                {.hold = std::chrono::milliseconds(100), .resend = true, .sequence = sequence},
                control::Delivery(payload, std::vector<uint8_t>()));
  }
  state.counters["delivered"] = static_cast<double>(delivered) / sent;
}
BENCHMARK(Order)->Arg(0)->Arg(10);

// What parity costs each payload of its sender.
void ParityEncode(benchmark::State& state) {
  const auto payloads = static_cast<size_t>(state.range(0));
  const auto parities = static_cast<size_t>(state.range(1));
  parity::BlockEncoder encoder;
  const std::vector<uint8_t> payload(kPayload, 7);
  uint32_t number = 0;
  encoder.Begin(number, parities);
  for (auto _ : state) {
    encoder.Add(0x8d, payload);
    if (encoder.count() < payloads) continue;
    for (size_t i = 0; i < parities; ++i) benchmark::DoNotOptimize(encoder.Plaintext(7, i));
    encoder.Begin(number += static_cast<uint32_t>(payloads), parities);
  }
}
BENCHMARK(ParityEncode)->Args({4, 1})->Args({2, 1})->Args({8, 2})->Args({10, 2})->Args({20, 4});

// What it costs the receiver to keep a payload, for the parity that may come.
void ParityKeep(benchmark::State& state) {
  parity::Recovery recovery;
  const std::vector<uint8_t> payload(kPayload, 7);
  wire::Instant now{std::chrono::seconds(1)};
  parity::BlockEncoder encoder;
  uint32_t sequence = 0;
  encoder.Begin(sequence, 1);
  encoder.Add(0, payload);
  const std::vector<uint8_t> plaintext = encoder.Plaintext(7, 0);
  wire::ParityHeader header = *wire::ReadParityHeader(plaintext);
  const wire::Bytes symbol = wire::Bytes(plaintext).subspan(wire::kParityHeaderSize);
  header.count = 4;
  for (auto _ : state) {
    recovery.Note(now, {.sequence = ++sequence}, payload);
    if (sequence % 4 != 0) continue;
    header.first = sequence - 3;
    recovery.Add(now, header, symbol);
  }
}
BENCHMARK(ParityKeep);

// What it takes to restore `parities` payloads of a block.
void ParityRestore(benchmark::State& state) {
  const auto payloads = static_cast<size_t>(state.range(0));
  const auto parities = static_cast<size_t>(state.range(1));
  const std::vector<uint8_t> payload(kPayload, 7);
  parity::BlockEncoder encoder;
  encoder.Begin(0, parities);
  for (size_t i = 0; i < payloads; ++i) encoder.Add(0, payload);
  std::vector<parity::Parity> all;
  for (size_t i = 0; i < parities; ++i) {
    const std::vector<uint8_t> plaintext = encoder.Plaintext(7, i);
    const auto header = *wire::ReadParityHeader(plaintext);
    all.push_back({.index = header.index,
                   .length = header.length,
                   .symbol = {plaintext.begin() + wire::kParityHeaderSize, plaintext.end()}});
  }
  std::vector<parity::Known> known;
  std::vector<size_t> missing;
  std::vector<const parity::Parity*> used;
  for (size_t place = 0; place < payloads; ++place) {
    if (place < parities) {
      missing.push_back(place);
      used.push_back(&all[place]);
    } else {
      known.push_back({.place = place, .bytes = payload});
    }
  }
  for (auto _ : state) benchmark::DoNotOptimize(parity::Restore(known, missing, used));
}
BENCHMARK(ParityRestore)->Args({4, 1})->Args({8, 2})->Args({10, 2})->Args({20, 4});

}  // namespace
}  // namespace warp::perf

BENCHMARK_MAIN();

// The packet path takes no memory from the heap, neither when it works nor when it drops.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "dataplane/wire/crypto/aead.h"
#include "tests/dataplane/lcore/network.h"

namespace {

thread_local bool counting = false;
thread_local uint64_t allocations = 0;

}  // namespace

// This is glibc's own entry, so that the allocations of the C library and of DPDK are seen as well.
extern "C" void* __libc_malloc(size_t size);
extern "C" void* malloc(size_t size) {
  if (counting) ++allocations;
  return __libc_malloc(size);
}

namespace warp::lcore {
namespace {

class Count {
 public:
  Count() {
    allocations = 0;
    counting = true;
  }
  ~Count() { counting = false; }
  static uint64_t Seen() { return allocations; }
};

uint64_t AllocationsOfTurning(Node& node) {
  Count count;
  for (WorkerId id = 0; id < node.plane().workers(); ++id) {
    for (int i = 0; i < 4; ++i) node.plane().worker(id).RunOnce();
  }
  return Count::Seen();
}

TEST(Allocations, AreSeenAtAll) {
  Count count;
  delete new int(1);
  void* volatile block = malloc(10);
  free(block);
  EXPECT_GE(Count::Seen(), 2u);
}

TEST(Allocations, NoneInAnyEngine) {
  for (const wire::EngineKind kind : wire::kEngines) {
    auto engine = wire::MakeEngine(kind);
    if (!engine.ok()) continue;
    SCOPED_TRACE(std::string((*engine)->name()));
    for (const wire::Cipher cipher : wire::SupportedCiphers(kind)) {
      // So many keys that one takes the other's place somewhere.
      std::vector<std::unique_ptr<wire::BulkKey>> keys;
      for (int i = 0; i < 130; ++i)
        keys.push_back(std::make_unique<wire::BulkKey>(cipher, wire::SymmetricKey()));
      std::array<uint8_t, wire::kMinSealedSize + 100> message{};
      Count count;
      for (size_t i = 0; i < 2 * keys.size(); ++i) {
        for (const wire::Direction direction : {wire::Direction::kSeal, wire::Direction::kOpen}) {
          wire::AeadJob job{.key = keys[i % keys.size()].get(),
                            .counter = i,
                            .header = message.data(),
                            .text = message.data() + wire::kDataHeaderSize,
                            .text_size = 100};
          wire::AeadJob* done = nullptr;
          (*engine)->Submit(direction, {&job, 1});
          (*engine)->Collect({&done, 1});
        }
      }
      EXPECT_EQ(Count::Seen(), 0u);
    }
  }
}

TEST(Allocations, NoneOnThePacketPath) {
  Network net({.ports = 2, .workers = 2, .v6 = true, .device_arguments = ",rate=0"},
              {.ports = 2, .workers = 2, .v6 = true});
  uint64_t seen = 0;
  for (int turn = 0; turn < 20; ++turn) {
    for (uint32_t i = 0; i < 20; ++i)
      net.a().SendTracked(std::string(10 + 70 * i, 'a'), i, i, static_cast<WorkerId>(i % 2));
    for (size_t i = 0; i < 2; ++i) {
      static_cast<LabPort*>(net.a().plane().slot(net.a().port(i)).port.get())->Grant(10 * turn);
    }
    if (turn % 5 == 0) {
      // Another worker is opening the next packet, so this worker first defers the packet and opens it a turn later.
      for (uint64_t i = 0; i < 64; ++i) {
        net.sessions().b->opening_hints()->MarkOpening({{net.sessions().a->sent() + i}});
      }
    }
    seen += AllocationsOfTurning(net.a());
    net.CollectFrames();
    for (FrameBytes& frame : net.in_flight()) {
      if (turn % 3 == 1) frame[frame.size() / 2] ^= 1;
      net.Deliver(frame);
    }
    net.in_flight().clear();
    seen += AllocationsOfTurning(net.b());
    if (turn % 4 != 0) net.b().Received();
    net.a().Completions();
  }
  EXPECT_EQ(seen, 0u);
  EXPECT_GT(net.a().Drops(wire::Drop::kTxFull), 0u);
  EXPECT_GT(net.b().Drops(wire::Drop::kUnauthentic), 0u);
  EXPECT_GT(net.b().Drops(wire::Drop::kDuplicate), 0u);
  uint64_t skews = 0;
  for (size_t i = 0; i < 4; ++i) skews += net.b().path(i / 2, i % 2).skew.samples();
  EXPECT_GT(skews, 0u);
}

}  // namespace
}  // namespace warp::lcore

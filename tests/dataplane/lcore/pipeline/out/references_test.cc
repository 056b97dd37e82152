// The books of a payload's references close although workers forward by different tables: between two tables paths come
// and go, and have room for other sizes.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/lcore/pipeline/out/out_job.h"
#include "dataplane/os/thread.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

// Two workers correct the references of one payload at once, of which neither was to have any.
TEST(References, NoCorrectionIsLost) {
  rte_mbuf payload{};
  rte_mbuf_refcnt_set(&payload, 1);
  std::atomic<int> begun{0}, lost{0};
  const auto correct = [&] {
    os::RunOnAnyCpu();
    for (++begun; begun < 2;) std::this_thread::yield();
    for (int i = 0; i < 2'000'000; ++i) {
      CorrectReferences(&payload, 0, 1);
      if (rte_mbuf_refcnt_read(&payload) < 2) ++lost;
      CorrectReferences(&payload, 1, 0);
    }
  };
  std::thread one(correct), other(correct);
  one.join();
  other.join();
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(rte_mbuf_refcnt_read(&payload), 1);
}

// What becomes of a path to b: it carries no copies, or only small ones, or all.
enum class Room { kNone, kSmall, kAll };

class OtherTables : public testing::TestWithParam<const char*> {
 protected:
  static constexpr size_t kPaths = 3, kTables = 27;

  void Publish(size_t table) {
    const auto room = [table](size_t path) {
      return static_cast<Room>(path == 0 ? table % 3 : path == 1 ? table / 3 % 3 : table / 9);
    };
    net_.a().SetActive([room](size_t path, size_t) { return room(path) != Room::kNone; });
    net_.a().SetRoom(
        [room](size_t path, size_t) { return room(path) == Room::kSmall ? 600 : 9000; });
    net_.a().Publish();
  }

  // Bit i of `bits` stands for path i.
  static wire::PathMask Mask(size_t bits) {
    wire::PathMask mask = 0;
    for (size_t i = 0; i < kPaths; ++i) {
      if ((bits >> i & 1) != 0) mask |= Node::MaskOf(i, 0);
    }
    return mask;
  }

  Network net_{{.ports = kPaths, .workers = kPaths, .device_arguments = GetParam()}, {.ports = 1}};
};
INSTANTIATE_TEST_SUITE_P(, OtherTables, testing::Values("", ",rate=0", ",mtu=700"));

TEST_P(OtherTables, TheBooksClose) {
  for (size_t before = 0; before < kTables; ++before) {
    for (size_t after = 0; after < kTables; ++after) {
      for (const size_t size : {100u, 400u, 1000u}) {
        const auto home = static_cast<WorkerId>((before + after) % kPaths);
        Publish(before);
        net_.a().Send(std::string(size, 'x'), home);
        ASSERT_TRUE(net_.a().SendTracked(std::string(size, 'y'), 1, 1, home));
        // The three paths have eight masks, three of which follow the payloads that go everywhere.
        for (uint32_t i = 2; i <= 4; ++i) {
          const wire::PathMask paths = Mask((before * 5 + after * 3 + size + i) % 8);
          ASSERT_TRUE(net_.a().SendAs(std::string(size, 'z'), {.paths = paths}, home));
          const SendRequest request = {.completion = true, .ticket = {.slot = i}, .paths = paths};
          ASSERT_TRUE(net_.a().SendAs(std::string(size, 'z'), request, home));
        }
        net_.a().plane().worker(home).RunOnce();
        Publish(after);
        net_.Settle();
        std::map<uint32_t, size_t> reports, expected;
        for (const Completion& completion : net_.a().Completions()) {
          ++reports[completion.ticket.slot];
          expected[completion.ticket.slot] = completion.reports;
          EXPECT_FALSE(completion.taken && (completion.sealed || completion.plaintext));
        }
        EXPECT_EQ(reports, expected);
        EXPECT_EQ(reports.size(), 4u);
        net_.b().Received();
        ASSERT_EQ(net_.a().BuffersInUse() + net_.b().BuffersInUse(), 0u)
            << before << " then " << after << ", " << size << " bytes";
      }
    }
  }
}

}  // namespace
}  // namespace warp::lcore

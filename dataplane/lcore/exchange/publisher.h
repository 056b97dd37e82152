// Publishes the forwarding table. Control replaces it as a whole, and workers read it under RCU (rte_rcu_qsbr). An old
// table is freed, with the keys that only it named, when no thread can hold anything of it.
//
// A worker holds the table for one turn of its loop (table_reader.h) and then reports a quiescent state; before it
// sleeps it goes offline. Opened packets carry a pointer to their session through the rings to control. Therefore a
// retired table is kept until control has taken all packets that were in those rings when the last worker let go of it.
#ifndef WARP_DATAPLANE_LCORE_EXCHANGE_PUBLISHER_H_
#define WARP_DATAPLANE_LCORE_EXCHANGE_PUBLISHER_H_

#include <rte_rcu_qsbr.h>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "dataplane/lcore/exchange/forwarding_table.h"
#include "dataplane/os/thread_checker.h"

namespace warp::lcore {

// A worker that stands still passes no token, so that every table retired since would be kept: a thousand a second. Yet
// it holds only one of them. From so many tables on, control looks which.
inline constexpr size_t kManyTables = 16;

class Publisher {
 public:
  // A ring through which sessions travel to control: how many items were pushed and popped so far, modulo 2^32.
  struct SessionRing {
    std::function<uint32_t()> pushed;
    std::function<uint32_t()> popped;
  };
  // `first` serves until the first Publish.
  Publisher(uint16_t workers, std::unique_ptr<const ForwardingTable> first,
            std::vector<SessionRing> rings);

  // --- Control. Workers have a TableReader each. ---
  const ForwardingTable& current() const { return *current_.load(std::memory_order_acquire); }
  void Publish(std::unique_ptr<const ForwardingTable> next);  // never waits
  // Frees the tables that no thread can hold any more. Call it while control holds no session pointer that it got from
  // a ring.
  void Reclaim();
  // Of the last Publish. Once it has passed, no worker can hold a table older than the one that is current now.
  uint64_t last_token() const { return last_token_; }
  bool HasPassed(uint64_t token) const;  // never waits
  // A new token: once it has passed, each worker has ended the turn that it was in now. Never waits.
  uint64_t StartToken();
  size_t retired() const { return retired_.size(); }

 private:
  friend class TableReader;

  // Which table a worker holds, or held last; null while it takes one, when it may come to hold any. The worker writes.
  struct alignas(RTE_CACHE_LINE_SIZE) Hold {
    std::atomic<const ForwardingTable*> table{nullptr};
  };
  struct Retired {
    std::unique_ptr<const ForwardingTable> forwarding;
    uint64_t token = 0;
    bool unheld = false;          // no worker holds it, and `marks` are set
    std::vector<uint32_t> marks;  // how many items had been pushed into each ring by then
  };
  void SetUnheld(Retired* retired);
  bool Drained(const Retired& retired) const;
  void FindUnheld();

  struct Free {
    void operator()(rte_rcu_qsbr* qsbr) const { std::free(qsbr); }
  };
  os::ThreadChecker control_;
  std::unique_ptr<rte_rcu_qsbr, Free> qsbr_;
  std::vector<SessionRing> rings_;
  std::unique_ptr<const ForwardingTable> owned_;  // what current_ points to
  std::atomic<const ForwardingTable*> current_;
  std::vector<Hold> holds_;  // by WorkerId
  bool has_barrier_ = false;
  size_t since_search_ = 0;      // tables published since FindUnheld looked
  uint64_t last_token_ = 0;      // of the last Publish; 0, which all have passed, before the first
  std::deque<Retired> retired_;  // oldest first
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_PUBLISHER_H_

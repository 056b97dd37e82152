// Publication of the forwarding table: control replaces it as a whole, lcores read it under RCU
// (rte_rcu_qsbr), and an old one is freed, with the keys that only it named, when nobody can hold
// anything of it.
//
// An lcore holds the table for one turn of its loop and then reports a quiescent state; before it
// sleeps it goes offline. Opened packets carry a pointer to their session through the rings to
// control: a retired table is kept until control has taken all that was in those rings when the
// last lcore let go of it.
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

namespace warp::lcore {

class Publisher {
 public:
  // `first` serves until the first Publish. `rings`: those through which sessions travel to
  // control.
  struct SessionRing {
    std::function<uint32_t()> pushed;
    std::function<uint32_t()> popped;
  };
  Publisher(uint16_t workers, std::unique_ptr<const ForwardingTable> first,
            std::vector<SessionRing> rings);

  // --- Lcores. ---
  const ForwardingTable& Acquire() const { return *current_.load(std::memory_order_acquire); }
  void Quiescent(WorkerId worker) { rte_rcu_qsbr_quiescent(qsbr_.get(), worker); }
  void Online(WorkerId worker) { rte_rcu_qsbr_thread_online(qsbr_.get(), worker); }
  void Offline(WorkerId worker) { rte_rcu_qsbr_thread_offline(qsbr_.get(), worker); }

  // --- Control. ---
  const ForwardingTable& current() const { return Acquire(); }
  void Publish(std::unique_ptr<const ForwardingTable> next);  // never waits
  // Frees what can be freed. To be called when control holds no session pointer it got from a ring.
  void Reclaim();
  // True once no lcore can hold anything older than what is current; false after `timeout_ms`.
  bool AwaitGrace(uint32_t timeout_ms);
  size_t retired() const { return retired_.size(); }

 private:
  struct Retired {
    std::unique_ptr<const ForwardingTable> forwarding;
    uint64_t token = 0;
    bool unheld = false;          // by lcores; `marks` are set
    std::vector<uint32_t> marks;  // per ring: what was pushed by then
  };
  bool Drained(const Retired& retired) const;

  struct Free {
    void operator()(rte_rcu_qsbr* qsbr) const { std::free(qsbr); }
  };
  std::unique_ptr<rte_rcu_qsbr, Free> qsbr_;
  std::vector<SessionRing> rings_;
  std::unique_ptr<const ForwardingTable> owned_;  // what current_ points to
  std::atomic<const ForwardingTable*> current_;
  uint64_t last_token_ = 0;      // of the last Publish; 0: of none, which all have passed
  std::deque<Retired> retired_;  // oldest first
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_PUBLISHER_H_

// A worker's hold of the forwarding table. There is no other way for a worker to a table or its ports, and letting go
// forgets the table with the same call that reports it. Thus nothing of a table can be used after the report, on which
// control frees the table and closes its ports. The worker's thread only.
#ifndef WARP_DATAPLANE_LCORE_EXCHANGE_TABLE_READER_H_
#define WARP_DATAPLANE_LCORE_EXCHANGE_TABLE_READER_H_

#include <atomic>
#include <cassert>

#include "dataplane/lcore/exchange/publisher.h"
#include "dataplane/os/stop_point.h"

namespace warp::lcore {

class TableReader {
 public:
  // `publisher` outlives the reader.
  TableReader(Publisher& publisher, WorkerId worker)
      : publisher_(publisher), hold_(publisher.holds_[worker].table), worker_(worker) {}
  TableReader(const TableReader&) = delete;
  TableReader& operator=(const TableReader&) = delete;

  // What is read through it must not be kept beyond LetGo.
  const ForwardingTable& table() const {
    assert(table_ != nullptr);
    return *table_;
  }
  bool holds() const { return table_ != nullptr; }

  // The hold is announced, taken and named in this order; control has a barrier for both (Publisher::FindUnheld).
  void Take() {
    assert(table_ == nullptr);
    hold_.store(nullptr, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    WARP_STOP_POINT(table_announced);
    table_ = publisher_.current_.load(std::memory_order_acquire);
    WARP_STOP_POINT(table_taken);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    hold_.store(table_, std::memory_order_release);
    WARP_STOP_POINT(table_named);
  }
  void LetGo() {
    assert(table_ != nullptr);
    WARP_STOP_POINT(table_held);
    table_ = nullptr;
    rte_rcu_qsbr_quiescent(publisher_.qsbr_.get(), worker_);
    WARP_STOP_POINT(table_let_go);
  }

  // A worker that is offline holds nothing, and nobody waits for its reports.
  void Online() { rte_rcu_qsbr_thread_online(publisher_.qsbr_.get(), worker_); }
  void Offline() {
    assert(table_ == nullptr);
    rte_rcu_qsbr_thread_offline(publisher_.qsbr_.get(), worker_);
  }

 private:
  Publisher& publisher_;
  std::atomic<const ForwardingTable*>& hold_;
  const WorkerId worker_;
  const ForwardingTable* table_ = nullptr;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_TABLE_READER_H_

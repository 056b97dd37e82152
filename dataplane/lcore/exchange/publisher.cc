#include "dataplane/lcore/exchange/publisher.h"

#include <cassert>
#include <new>
#include <utility>

namespace warp::lcore {

Publisher::Publisher(uint16_t workers, std::unique_ptr<const ForwardingTable> first,
                     std::vector<SessionRing> rings)
    : rings_(std::move(rings)), owned_(std::move(first)), current_(owned_.get()) {
  const size_t size = rte_rcu_qsbr_get_memsize(workers);
  qsbr_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, size)));
  if (qsbr_ == nullptr) throw std::bad_alloc();
  rte_rcu_qsbr_init(qsbr_.get(), workers);
  // Workers are registered and offline: one that does not run yet holds nothing.
  for (WorkerId worker = 0; worker < workers; ++worker)
    rte_rcu_qsbr_thread_register(qsbr_.get(), worker);
}

void Publisher::Publish(std::unique_ptr<const ForwardingTable> next) {
  assert(control_.IsCurrent() && next != nullptr);
  current_.store(next.get(), std::memory_order_release);
  std::swap(owned_, next);
  last_token_ = rte_rcu_qsbr_start(qsbr_.get());
  retired_.push_back({.forwarding = std::move(next), .token = last_token_});
}

void Publisher::Reclaim() {
  assert(control_.IsCurrent());
  while (!retired_.empty()) {
    Retired& oldest = retired_.front();
    if (!oldest.unheld) {
      if (!HasPassed(oldest.token)) return;
      oldest.unheld = true;
      for (const SessionRing& ring : rings_) oldest.marks.push_back(ring.pushed());
    }
    if (!Drained(oldest)) return;
    retired_.pop_front();
  }
}

bool Publisher::Drained(const Retired& retired) const {
  for (size_t i = 0; i < rings_.size(); ++i) {
    if (static_cast<int32_t>(rings_[i].popped() - retired.marks[i]) < 0) return false;
  }
  return true;
}

bool Publisher::HasPassed(uint64_t token) const {
  return rte_rcu_qsbr_check(qsbr_.get(), token, /*wait=*/false) == 1;
}

}  // namespace warp::lcore

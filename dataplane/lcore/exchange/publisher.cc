#include "dataplane/lcore/exchange/publisher.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

#include "dataplane/os/stop_point.h"

namespace warp::lcore {
namespace {

// Makes every thread of this process pass a full memory barrier, so that workers need none in their turns.
bool Membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

}  // namespace

Publisher::Publisher(uint16_t workers, std::unique_ptr<const ForwardingTable> first,
                     std::vector<SessionRing> rings)
    : rings_(std::move(rings)),
      owned_(std::move(first)),
      current_(owned_.get()),
      holds_(workers),
      has_barrier_(Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)) {
  for (Hold& hold : holds_) hold.table.store(owned_.get(), std::memory_order_relaxed);
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
  WARP_STOP_POINT(publish_begun);
  current_.store(next.get(), std::memory_order_release);
  WARP_STOP_POINT(publish_swapped);
  std::swap(owned_, next);
  last_token_ = rte_rcu_qsbr_start(qsbr_.get());
  WARP_STOP_POINT(publish_counted);
  retired_.push_back({.forwarding = std::move(next), .token = last_token_});
  if (retired_.size() >= kManyTables && ++since_search_ >= kManyTables) FindUnheld();
}

void Publisher::Reclaim() {
  assert(control_.IsCurrent());
  if (retired_.empty()) return;
  for (Retired& retired : retired_) {
    if (retired.unheld) continue;
    if (!HasPassed(retired.token)) break;  // nor has any later one
    SetUnheld(&retired);
  }
  WARP_STOP_POINT(publish_freeing);
  std::erase_if(retired_, [this](const Retired& each) { return each.unheld && Drained(each); });
}

void Publisher::SetUnheld(Retired* retired) {
  retired->unheld = true;
  for (const SessionRing& ring : rings_) retired->marks.push_back(ring.pushed());
}

// The tables in retired_ were replaced before the barrier, so that no worker takes one of them after it. A worker
// that took one before has said so by the barrier, or has said that it was about to, unless it has let go of the
// table since.
void Publisher::FindUnheld() {
  since_search_ = 0;
  if (has_barrier_ && Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) {
    WARP_STOP_POINT(publish_barrier);
    std::vector<const ForwardingTable*> held;
    for (const Hold& hold : holds_) held.push_back(hold.table.load(std::memory_order_acquire));
    const bool known = std::find(held.begin(), held.end(), nullptr) == held.end();
    for (Retired& retired : retired_) {
      if (known && !retired.unheld &&
          std::find(held.begin(), held.end(), retired.forwarding.get()) == held.end()) {
        SetUnheld(&retired);
      }
    }
  }
}

bool Publisher::Drained(const Retired& retired) const {
  for (size_t i = 0; i < rings_.size(); ++i) {
    if (static_cast<int32_t>(rings_[i].popped() - retired.marks[i]) < 0) return false;
  }
  return true;
}

uint64_t Publisher::StartToken() {
  assert(control_.IsCurrent());
  return rte_rcu_qsbr_start(qsbr_.get());
}

bool Publisher::HasPassed(uint64_t token) const {
  return rte_rcu_qsbr_check(qsbr_.get(), token, /*wait=*/false) == 1;
}

}  // namespace warp::lcore

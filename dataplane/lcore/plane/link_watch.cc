#include "dataplane/lcore/plane/link_watch.h"

#include <utility>

#include "dataplane/os/thread.h"

namespace warp::lcore {

absl::StatusOr<std::unique_ptr<LinkWatch>> LinkWatch::Start(const Port& port,
                                                            std::function<void()> tell) {
  std::unique_ptr<LinkWatch> watch(new LinkWatch(port, std::move(tell)));
  absl::StatusOr<std::thread> thread = os::StartThread([raw = watch.get()] { raw->Run(); });
  if (!thread.ok()) return thread.status();
  watch->thread_ = *std::move(thread);
  return watch;
}

LinkWatch::~LinkWatch() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  thread_.join();
}

void LinkWatch::Run() {
  os::NameThisThread("warp-link");
  os::RunOnAnyCpu();
  std::unique_lock lock(mutex_);
  while (!stopping_.wait_for(lock, kInterval, [this] { return stop_; })) {
    lock.unlock();
    const LinkState link = port_.Link();
    if (link != link_.exchange(link, std::memory_order_acq_rel)) tell_();
    if (link == LinkState::kGone) return;
    lock.lock();
  }
}

}  // namespace warp::lcore

#include "dataplane/lcore/port/ethdev/removal_request.h"

#include <cerrno>
#include <thread>

namespace warp::lcore {

RemovalRequest::RemovalRequest(const std::string& device) : device_(device) {
  rte_dev_event_callback_register(device_.c_str(), Note, this);
}

RemovalRequest::~RemovalRequest() {
  // It is refused while the interrupt thread is in Note.
  while (rte_dev_event_callback_unregister(device_.c_str(), Note, this) == -EAGAIN) {
    std::this_thread::yield();
  }
}

void RemovalRequest::Note(const char*, rte_dev_event_type event, void* self) {
  if (event != RTE_DEV_EVENT_REMOVE) return;
  static_cast<RemovalRequest*>(self)->made_.store(true, std::memory_order_relaxed);
}

}  // namespace warp::lcore

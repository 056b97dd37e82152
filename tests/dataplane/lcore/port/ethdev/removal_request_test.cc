// The kernel's request for a device of vfio's, as EAL passes it on.
#include "dataplane/lcore/port/ethdev/removal_request.h"

#include <gtest/gtest.h>

#include <memory>

namespace warp::lcore {
namespace {

TEST(RemovalRequest, IsMadeForOneDeviceUntilItIsReleased) {
  constexpr const char* kDevice = "0000:01:00.0";
  auto request = std::make_unique<RemovalRequest>(kDevice);
  constexpr const char* kOther = "0000:02:00.0";
  const RemovalRequest other(kOther);
  rte_dev_event_callback_process(kDevice, RTE_DEV_EVENT_ADD);
  EXPECT_FALSE(request->made());
  rte_dev_event_callback_process(kDevice, RTE_DEV_EVENT_REMOVE);
  EXPECT_TRUE(request->made());
  EXPECT_FALSE(other.made());
  // The same card is put in again.
  request.reset();
  rte_dev_event_callback_process(kDevice, RTE_DEV_EVENT_REMOVE);
  request = std::make_unique<RemovalRequest>(kDevice);
  EXPECT_FALSE(request->made());
  rte_dev_event_callback_process(kDevice, RTE_DEV_EVENT_REMOVE);
  EXPECT_TRUE(request->made());
  // The other is heard all the same.
  rte_dev_event_callback_process(kOther, RTE_DEV_EVENT_REMOVE);
  EXPECT_TRUE(other.made());
}

}  // namespace
}  // namespace warp::lcore

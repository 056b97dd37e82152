// The thread that asks name servers goes on whatever the system refuses it.
#include "control/loop/names/dns_client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "tests/control/loop/name_server.h"

namespace warp::control {
namespace {

// Waits for one answer; false after a long time.
bool IsAnswered(DnsClient& client) {
  pollfd fd = {.fd = client.fd(), .events = POLLIN, .revents = 0};
  return poll(&fd, 1, 10'000) == 1 && client.TakeAnswers().size() == 1;
}

// With more sockets than the process may have now, poll() fails. A thread that ended for it would answer the question
// that it has taken, and none after it.
TEST(DnsClient, GoesOnWherePollFails) {
  NameServer server;
  DnsOptions options = server.Options();
  options.timeout = std::chrono::hours(1);
  auto client = DnsClient::Start(options);
  ASSERT_TRUE(client.ok()) << client.status();
  server.Set("a.known", "192.0.2.1");
  (*client)->Ask({.id = 1, .host = "silent.dead"});
  // It has sockets from now on.
  while (server.asked("silent.dead") == 0) std::this_thread::yield();

  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit one = {.rlim_cur = 1, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &one), 0);
  int answered = 0;
  for (uint64_t id = 2; id <= 4; ++id) {
    (*client)->Ask({.id = id, .host = "a.known"});
    answered += IsAnswered(**client) ? 1 : 0;
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(answered, 3);
}

}  // namespace
}  // namespace warp::control

// The thread that asks name servers goes on whatever the system refuses it.
#include "control/loop/names/dns_client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

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

// What somebody says who is no name server, or a broken one, is no answer, and holds nobody up.
TEST(DnsClient, HostileAnswersAreNone) {
  NameServer server;
  DnsOptions options = server.Options();
  options.timeout = std::chrono::milliseconds(20);
  auto client = DnsClient::Start(options);
  ASSERT_TRUE(client.ok()) << client.status();
  server.SetServices("_warp-map._udp.example", {{1, 1, 13116, "m1.example"}});
  using Bytes = std::vector<uint8_t>;
  const std::vector<std::pair<const char*, NameServer::Distortion>> distortions = {
      {"another id", [](Bytes& bytes) { bytes[0] ^= 1; }},
      {"another question", [](Bytes& bytes) { bytes[13] ^= 1; }},
      {"truncated, and nobody answers by TCP", [](Bytes& bytes) { bytes[2] |= 2; }},
      {"a name that points at itself",
       [](Bytes& bytes) {
         bytes.insert(bytes.begin() + 12, {0xc0, 12});
       }},
      {"more records than there are", [](Bytes& bytes) { bytes[6] = bytes[7] = 0xff; }},
      {"cut off", [](Bytes& bytes) { bytes.resize(11); }},
      {"a failure", [](Bytes& bytes) { bytes[3] = 0x82, bytes.resize(12 + 18); }},
      {"a refusal", [](Bytes& bytes) { bytes[3] = 0x85, bytes.resize(12 + 18); }}};
  uint64_t id = 0;
  for (const auto& [what, distortion] : distortions) {
    for (const bool services : {false, true}) {
      server.Distort(distortion);
      (*client)->Ask({.id = ++id,
                      .host = services ? "_warp-map._udp.example" : "good.example",
                      .services = services});
      pollfd fd = {.fd = (*client)->fd(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(poll(&fd, 1, 10'000), 1) << what;
      const auto answers = (*client)->TakeAnswers();
      ASSERT_EQ(answers.size(), 1u) << what;
      EXPECT_FALSE(answers[0].found.ok()) << what;
    }
  }
  server.Distort(nullptr);
  (*client)->Ask({.id = ++id, .host = "good.example"});
  EXPECT_TRUE(IsAnswered(**client));
}

}  // namespace
}  // namespace warp::control

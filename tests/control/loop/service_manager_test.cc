#include "control/loop/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"
#include "tests/control/config/temp_dir.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using std::chrono::milliseconds;

// systemd, as a daemon sees it: a datagram socket.
class Manager {
 public:
  explicit Manager(const std::string& path)
      : path_(path), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const os::UnixAddress address = *os::UnixAddress::Of(path);
    EXPECT_EQ(::bind(fd_.get(), address.get(), address.size()), 0);
  }

  // Everything that was told since the last call.
  std::string Heard() {
    std::string all;
    char text[4096];
    for (ssize_t size; (size = ::recv(fd_.get(), text, sizeof text, 0)) >= 0;)
      all.append(text, static_cast<size_t>(size));
    return all;
  }

  // Others tell it so much that it takes no more until it is read.
  void Fill() {
    const os::UniqueFd other(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const os::UnixAddress address = *os::UnixAddress::Of(path_);
    int sent = 0;
    while (::sendto(other.get(), "x", 1, 0, address.get(), address.size()) == 1) ++sent;
    EXPECT_GT(sent, 0);
    EXPECT_EQ(errno, EAGAIN);
  }

 private:
  const std::string path_;
  const os::UniqueFd fd_;
};

class ServiceManagerTest : public ::testing::Test {
 protected:
  std::unique_ptr<ServiceManager> Open(wire::Duration watchdog = {}) {
    return *ServiceManager::Open(*loop_, {.socket = dir_.At("notify"), .watchdog = watchdog});
  }
  // Turns until the manager has heard this, beside whatever else.
  bool Hears(absl::string_view words) {
    return TurnUntil(*loop_, [&] {
      heard_ += manager_.Heard();
      return absl::StrContains(heard_, words);
    });
  }

  TempDir dir_;
  std::unique_ptr<Loop> loop_ = MakeLoop();
  Manager manager_{dir_.At("notify")};
  std::string heard_;
};

TEST_F(ServiceManagerTest, TellsThatTheDaemonServesAndEnds) {
  auto service = Open();
  EXPECT_EQ(manager_.Heard(), "");
  service->Ready();
  EXPECT_EQ(manager_.Heard(), "READY=1\n");
  service->Stopping();
  EXPECT_EQ(manager_.Heard(), "STOPPING=1\n");
}

TEST_F(ServiceManagerTest, GivesSignsOfLifeOnlyBetweenReadyAndTheEnd) {
  auto service = Open(milliseconds(4));
  Settle(*loop_);
  EXPECT_EQ(manager_.Heard(), "");
  service->Ready();
  EXPECT_TRUE(Hears("READY=1\nWATCHDOG=1\nWATCHDOG=1\n"));
  service->Stopping();
  manager_.Heard();
  Settle(*loop_);
  EXPECT_EQ(manager_.Heard(), "");
}

// A thread that hangs does not turn its loop. That is what the watchdog is for.
TEST_F(ServiceManagerTest, ALoopThatDoesNotTurnGivesNoSign) {
  auto service = Open(milliseconds(2));
  service->Ready();
  manager_.Heard();
  ::usleep(20'000);
  EXPECT_EQ(manager_.Heard(), "");
}

TEST_F(ServiceManagerTest, AManagerThatDoesNotReadHoldsNobodyUpAndHearsItLater) {
  auto service = Open(milliseconds(4));
  manager_.Fill();
  service->SetStatus("0 of 2 peers connected");
  service->Ready();
  Settle(*loop_);
  manager_.Heard();  // what others said
  EXPECT_TRUE(Hears("READY=1\n"));
  EXPECT_TRUE(Hears("STATUS=0 of 2 peers connected\n"));
}

TEST_F(ServiceManagerTest, TellsTheLatestStatusOnceASecond) {
  auto service = Open();
  service->SetStatus("one");
  service->SetStatus("two");
  service->SetStatus("three\nREADY=1");
  EXPECT_EQ(manager_.Heard(), "STATUS=one\n");
  EXPECT_TRUE(Hears("STATUS="));
  EXPECT_EQ(heard_, "STATUS=three READY=1\n");
  service->SetStatus("three\nREADY=1");
  Settle(*loop_);
  EXPECT_EQ(manager_.Heard(), "");
}

TEST_F(ServiceManagerTest, NobodyIsToldWhereNobodyListens) {
  for (const std::string& socket : {std::string(), std::string("@"), std::string(200, 'x')}) {
    auto service = *ServiceManager::Open(*loop_, {.socket = socket, .watchdog = milliseconds(2)});
    service->SetStatus("well");
    service->Ready();
    Settle(*loop_);
    service->Stopping();
  }
  EXPECT_EQ(manager_.Heard(), "");
}

TEST(ServiceEnvironmentTest, IsTakenOnceAndOnlyByWhomItIsFor) {
  const auto take = [](const std::string& pid) {
    ::setenv("NOTIFY_SOCKET", "/run/notify", 1);
    ::setenv("WATCHDOG_USEC", "10000000", 1);
    ::setenv("WATCHDOG_PID", pid.c_str(), 1);
    return ServiceEnvironment::Take();
  };
  const ServiceEnvironment ours = take(absl::StrCat(::getpid()));
  EXPECT_EQ(ours.socket, "/run/notify");
  EXPECT_EQ(ours.watchdog, std::chrono::seconds(10));
  EXPECT_EQ(take("1").watchdog, wire::Duration::zero());
  EXPECT_EQ(take("one").watchdog, wire::Duration::zero());
  EXPECT_EQ(::getenv("NOTIFY_SOCKET"), nullptr);
  EXPECT_EQ(ServiceEnvironment::Take().socket, "");
}

}  // namespace
}  // namespace warp::control

// Readers that stand still: nobody who logs may wait for them.
#include "control/log/line_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Ends {
  os::UniqueFd read, write;
};

Ends Pipe() {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  return {os::UniqueFd(ends[0]), os::UniqueFd(ends[1])};
}

Ends Socket() {
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  return {os::UniqueFd(ends[0]), os::UniqueFd(ends[1])};
}

Ends Terminal() {
  int near = -1, far = -1;
  EXPECT_EQ(openpty(&near, &far, nullptr, nullptr, nullptr), 0);
  return {os::UniqueFd(near), os::UniqueFd(far)};
}

// All that is there. A terminal hands over what was written a moment later.
std::string Drain(int fd) {
  std::string text;
  char buffer[65536];
  pollfd more{.fd = fd, .events = POLLIN, .revents = 0};
  while (poll(&more, 1, 200) > 0) {
    const ssize_t size = read(fd, buffer, sizeof(buffer));
    if (size <= 0) break;
    text.append(buffer, static_cast<size_t>(size));
  }
  return text;
}

class LineWriterTest : public ::testing::TestWithParam<Ends (*)()> {
 protected:
  LineWriterTest() { NeverWait(ends_.write.get()); }
  Ends ends_ = GetParam()();
  LineWriter writer_{ends_.write.get()};
};

// A test that waits fails by the time that it is given.
TEST_P(LineWriterTest, NobodyWaitsForWhoDoesNotRead) {
  constexpr int kLines = 20'000;
  for (int i = 0; i < kLines; ++i) writer_.Write(absl::StrCat("line ", i, "\n"));
  EXPECT_GT(writer_.missed(), 0u);
  EXPECT_LT(writer_.missed(), uint64_t{kLines});
  EXPECT_THAT(Drain(ends_.read.get()), StartsWith("line 0"));
}

TEST_P(LineWriterTest, WhatIsMissingIsTold) {
  while (writer_.missed() < 3) writer_.Write("x\n");
  Drain(ends_.read.get());
  writer_.Write("after\n");
  EXPECT_THAT(Drain(ends_.read.get()),
              HasSubstr("(3 lines are missing here, because nobody read them)"));
  writer_.Write("again\n");
  EXPECT_THAT(Drain(ends_.read.get()), StartsWith("again"));
}

TEST_P(LineWriterTest, ALineIsCutAndNotEndless) {
  writer_.Write(std::string(100'000, 'x') + "\n");
  writer_.Write("next\n");
  std::string text = Drain(ends_.read.get());
  writer_.Write("then\n");  // behind what a terminal has not taken yet
  text += Drain(ends_.read.get());
  EXPECT_LE(text.size(), LineWriter::kMostLine + 20);
  EXPECT_THAT(text, HasSubstr("xxx..."));
}

TEST_P(LineWriterTest, AReaderThatHasGoneIsNoEnd) {
  signal(SIGPIPE, SIG_IGN);  // which warpd blocks
  ends_.read.Close();
  writer_.Write("x\n");
  EXPECT_EQ(writer_.missed(), 1u);
}

TEST_P(LineWriterTest, ALineIsOneLineOfText) {
  writer_.Write("port \x1b[2Jwan\r\n\n2026 info: forged\x7f\xc2\x9b \xc3\xa4\n");
  const std::string text = Drain(ends_.read.get());
  EXPECT_THAT(text, StartsWith("port ?[2Jwan???2026 info: forged?? \xc3\xa4"));
}

INSTANTIATE_TEST_SUITE_P(Readers, LineWriterTest, ::testing::Values(&Pipe, &Socket, &Terminal));

// Others may write there too, and rely on waiting.
TEST(NeverWaitTest, ThePipeOfOthersStaysAsItIs) {
  Ends pipe = Pipe();
  const os::UniqueFd others(dup(pipe.write.get()));
  NeverWait(pipe.write.get());
  EXPECT_EQ(fcntl(others.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(pipe.write.get(), F_GETFL) & O_NONBLOCK, 0);
}

}  // namespace
}  // namespace warp::control

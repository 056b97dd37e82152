#include "control/status/status_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using ::testing::HasSubstr;

class Client {
 public:
  explicit Client(const std::string& path, const std::string& request = "status\n")
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const os::UnixAddress address = *os::UnixAddress::Of(path);
    connected_ = connect(fd_.get(), address.get(), address.size()) == 0;
    Say(request);
  }
  void Say(const std::string& words) const {
    (void)send(fd_.get(), words.data(), words.size(), MSG_NOSIGNAL);
  }
  bool connected() const { return connected_; }
  int fd() const { return fd_.get(); }
  // Reads what has arrived. Returns true once the server has ended the connection.
  bool Ended() {
    char buffer[4096];
    while (true) {
      const ssize_t size = recv(fd_.get(), buffer, sizeof(buffer), 0);
      if (size < 0) return error_ = errno, errno != EAGAIN;
      if (size == 0) return error_ = 0, true;
      text.append(buffer, static_cast<size_t>(size));
    }
  }
  int error() const { return error_; }
  std::string text;

 private:
  os::UniqueFd fd_;
  bool connected_ = false;
  int error_ = 0;
};

class StatusServerTest : public ::testing::Test {
 protected:
  StatusServerTest() {
    std::string pattern = ::testing::TempDir() + "warp-status-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    options_.path = directory_ + "/run/control.sock";
  }
  ~StatusServerTest() override {
    server_.reset();
    unlink(options_.path.c_str());
    rmdir((directory_ + "/run").c_str());
    rmdir(directory_.c_str());
  }
  absl::Status Open() {
    auto server =
        StatusServer::Open(*loop_, options_, [this](const StatusServer::Request& request) {
          ++asked_;
          request_ = request;
          if (request.line == "follow") return Following();
          return StatusServer::Reply(parts_.empty() ? StatusServer::Whole(text_) : Parts());
        });
    if (server.ok()) server_ = *std::move(server);
    return server.status();
  }
  // Gives parts_, and notes in made_ which text a part was of.
  StatusServer::Text Parts() {
    return [this, number = asked_, next = size_t{0}]() mutable -> std::string {
      if (next == parts_.size()) return "";
      made_.push_back(number);
      return parts_[next++];
    };
  }
  // Gives the lines of said_ from now on, one a part.
  StatusServer::Reply Following() {
    return {[this, next = said_.size()]() mutable {
              return next == said_.size() ? "" : said_[next++] + "\n";
            },
            /*goes_on=*/true};
  }
  void Say(const std::string& line) {
    said_.push_back(line);
    server_->Wake();
  }
  bool Turn(const std::function<bool()>& happened) { return TurnUntil(*loop_, happened); }

  std::string directory_;
  StatusServerOptions options_;
  std::unique_ptr<Loop> loop_ = MakeLoop();
  std::unique_ptr<StatusServer> server_;
  std::string text_ = "{\"node\": 1}\n";
  std::vector<std::string> parts_;  // of a text; empty: text_ is one part
  std::vector<int> made_;
  std::vector<std::string> said_;  // to followers
  int asked_ = 0;
  StatusServer::Request request_;  // the last one
};

TEST_F(StatusServerTest, GivesTheTextAndEnds) {
  ASSERT_TRUE(Open().ok());
  for (int i = 0; i < 3; ++i) {
    Client client(options_.path);
    ASSERT_TRUE(Turn([&] { return client.Ended(); }));
    EXPECT_TRUE(client.text == text_) << client.text.size();
    EXPECT_EQ(client.error(), 0);
  }
  EXPECT_EQ(asked_, 3);
}

TEST_F(StatusServerTest, TextLargerThanTheSocketsBuffer) {
  text_ = std::string(5 << 20, 'x');
  text_.append("end");
  ASSERT_TRUE(Open().ok());
  Client client(options_.path);
  ASSERT_TRUE(Turn([&] { return client.Ended(); }));
  EXPECT_TRUE(client.text == text_) << client.text.size();
}

// A part may take long to write, so that nobody's text holds up a turn.
TEST_F(StatusServerTest, MakesOnePartATurnForTheClientsInTurn) {
  for (int i = 0; i < 20; ++i) parts_.push_back(absl::StrCat(i, ","));
  ASSERT_TRUE(Open().ok());
  Client a(options_.path), b(options_.path);
  while (!a.Ended() || !b.Ended()) {
    const size_t before = made_.size();
    loop_->RunOnce(64);
    ASSERT_LE(made_.size(), before + 1);
    if (made_.size() == before) loop_->Wait(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(a.text, absl::StrJoin(parts_, ""));
  EXPECT_EQ(b.text, a.text);
  ASSERT_EQ(made_.size(), 2 * parts_.size());
  for (size_t i = 2; i < made_.size() - 2; ++i) EXPECT_NE(made_[i], made_[i - 1]) << i;
}

TEST_F(StatusServerTest, FileIsTheGroupsAndEndsWithTheServer) {
  const mode_t umask_before = umask(0);
  ASSERT_TRUE(Open().ok());
  umask(umask_before);
  struct stat file;
  ASSERT_EQ(stat(options_.path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0660u);
  server_.reset();
  EXPECT_NE(stat(options_.path.c_str(), &file), 0);
}

TEST_F(StatusServerTest, LeavesASuccessorsFileAlone) {
  ASSERT_TRUE(Open().ok());
  unlink(options_.path.c_str());
  auto first = std::move(server_);
  ASSERT_TRUE(Open().ok());
  first.reset();
  Client client(options_.path);
  EXPECT_TRUE(client.connected());
}

TEST_F(StatusServerTest, ReplacesAStaleFileOnly) {
  ASSERT_TRUE(Open().ok());
  auto live = std::move(server_);
  const absl::Status status = Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr(options_.path));
  live.reset();

  {  // A process that is killed leaves its socket file behind.
    const os::UniqueFd killed(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const os::UnixAddress address = *os::UnixAddress::Of(options_.path);
    ASSERT_EQ(bind(killed.get(), address.get(), address.size()), 0);
  }
  EXPECT_TRUE(Open().ok());
  server_.reset();

  std::ofstream(options_.path) << "precious";
  EXPECT_EQ(Open().code(), absl::StatusCode::kAlreadyExists);
  std::string content;
  std::ifstream(options_.path) >> content;
  EXPECT_EQ(content, "precious");
}

TEST_F(StatusServerTest, RefusesPathsThatCannotBe) {
  options_.path = directory_ + "/a/b/control.sock";
  EXPECT_EQ(Open().code(), absl::StatusCode::kNotFound);
  options_.path = std::string(200, 'x');
  EXPECT_EQ(Open().code(), absl::StatusCode::kInvalidArgument);
  options_.path = directory_ + "/run/control.sock";
}

TEST_F(StatusServerTest, HungClientsKeepNobodyOut) {
  text_ = std::string(1 << 20, 'x');
  options_.max_clients = 4;
  options_.patience = std::chrono::hours(1);
  ASSERT_TRUE(Open().ok());
  std::vector<std::unique_ptr<Client>> hung;
  for (int i = 0; i < 10; ++i) {
    hung.push_back(std::make_unique<Client>(options_.path));
    ASSERT_TRUE(Turn([&] { return asked_ == i + 1; }));
  }
  Client client(options_.path);
  ASSERT_TRUE(Turn([&] { return client.Ended(); }));
  EXPECT_TRUE(client.text == text_) << client.text.size();
  // The server ended the oldest connections in the middle of their text, but not the youngest.
  ASSERT_TRUE(Turn([&] { return hung.front()->Ended(); }));
  EXPECT_LT(hung.front()->text.size(), text_.size());
  ASSERT_TRUE(Turn([&] { return hung.back()->Ended(); }));
  EXPECT_TRUE(hung.back()->text == text_);
}

TEST_F(StatusServerTest, PatienceEnds) {
  text_ = std::string(1 << 20, 'x');
  options_.patience = std::chrono::milliseconds(20);
  ASSERT_TRUE(Open().ok());
  Client client(options_.path);
  ASSERT_TRUE(Turn([&] { return asked_ == 1; }));
  // The client does not read a byte until the server has given up on it.
  ASSERT_TRUE(Turn([&] { return send(client.fd(), "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE; }));
}

TEST_F(StatusServerTest, RudeClients) {
  text_ = std::string(1 << 20, 'x');
  ASSERT_TRUE(Open().ok());
  for (int i = 0; i < 12; ++i)
    EXPECT_TRUE(Client(options_.path).connected());  // each client is gone before it is served
  Client talkative(options_.path);
  const std::string talk(8192, '?');  // after its request, until its socket takes no more
  while (send(talkative.fd(), talk.data(), talk.size(), MSG_NOSIGNAL) > 0) {
  }
  ASSERT_TRUE(Turn([&] { return talkative.Ended(); }));
  EXPECT_TRUE(talkative.text == text_) << talkative.text.size();
  EXPECT_EQ(talkative.error(), 0);
  Client leaving(options_.path);
  ASSERT_TRUE(Turn([&] { return leaving.Ended() || !leaving.text.empty(); }));
  shutdown(leaving.fd(), SHUT_RDWR);
  Settle(*loop_);
  Client client(options_.path);
  ASSERT_TRUE(Turn([&] { return client.Ended(); }));
  EXPECT_TRUE(client.text == text_) << client.text.size();
}

// --- Followers ---

TEST_F(StatusServerTest, FollowersGetWhatComesForAsLongAsTheyStay) {
  options_.patience = std::chrono::milliseconds(20);
  ASSERT_TRUE(Open().ok());
  Client early(options_.path, "follow\n");
  ASSERT_TRUE(Turn([&] { return asked_ == 1; }));
  Say("one");
  ASSERT_TRUE(Turn([&] { return !early.Ended() && early.text == "one\n"; }));
  shutdown(early.fd(), SHUT_WR);  // it has nothing more to say, and goes on reading
  Client late(options_.path, "follow\n");
  ASSERT_TRUE(Turn([&] { return asked_ == 2; }));
  Settle(*loop_);  // longer than others have patience for
  Say("two");
  Say("three");
  ASSERT_TRUE(Turn([&] { return !early.Ended() && early.text == "one\ntwo\nthree\n"; }));
  ASSERT_TRUE(Turn([&] { return !late.Ended() && late.text == "two\nthree\n"; }));
  server_.reset();
  EXPECT_TRUE(early.Ended());
}

// Whoever goes leaves nothing behind, be it that something waits for it or not.
TEST_F(StatusServerTest, FollowersThatGoMakeRoom) {
  options_.max_followers = 1;
  ASSERT_TRUE(Open().ok());
  for (int i = 0; i < 5; ++i) {
    Client follower(options_.path, "follow\n");
    ASSERT_TRUE(Turn([&] { return asked_ == i + 1; }));
    Say("hello");
    ASSERT_TRUE(Turn([&] { return !follower.Ended() && follower.text == "hello\n"; }));
  }
}

TEST_F(StatusServerTest, FollowersKeepNobodyOut) {
  options_.max_clients = 1;
  options_.max_followers = 2;
  ASSERT_TRUE(Open().ok());
  std::vector<std::unique_ptr<Client>> followers;
  for (int i = 0; i < 2; ++i) {
    followers.push_back(std::make_unique<Client>(options_.path, "follow\n"));
    ASSERT_TRUE(Turn([&] { return asked_ == i + 1; }));
  }
  Client another(options_.path, "follow\n");
  ASSERT_TRUE(Turn([&] { return another.Ended(); }));
  EXPECT_EQ(another.text, "{\"error\":\"too many clients follow what happens already\"}\n");
  Client client(options_.path);
  ASSERT_TRUE(Turn([&] { return client.Ended(); }));
  EXPECT_EQ(client.text, text_);
  Say("still here");
  for (const auto& follower : followers) {
    ASSERT_TRUE(Turn([&] { return !follower->Ended() && follower->text == "still here\n"; }));
  }
}

// One that does not read holds up neither the server nor the others.
// Members of the socket's group trust each other as little as anybody.
TEST_F(StatusServerTest, OneUserKeepsNoOtherOut) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to be several users";
  options_.max_followers = 3;
  options_.max_clients = 3;
  ASSERT_TRUE(Open().ok());
  ASSERT_EQ(chmod(directory_.c_str(), 0755), 0);
  ASSERT_EQ(chmod(options_.path.c_str(), 0666), 0);
  std::vector<std::unique_ptr<Client>> clients;
  // Becomes that user for as long as it takes to connect.
  const auto connect = [&](uid_t user, const std::string& request) -> Client& {
    EXPECT_EQ(seteuid(user), 0);
    clients.push_back(std::make_unique<Client>(options_.path, request));
    EXPECT_EQ(seteuid(0), 0);
    return *clients.back();
  };
  for (int i = 0; i < 3; ++i) connect(4711, "follow\n");
  ASSERT_TRUE(Turn([&] { return asked_ == 3; }));
  Client& other = connect(4712, "follow\n");
  Client& same = connect(4711, "follow\n");
  ASSERT_TRUE(Turn([&] { return same.Ended(); }));
  EXPECT_NE(same.text.find("too many"), std::string::npos);
  Say("hello");
  ASSERT_TRUE(Turn([&] { return !other.Ended() && other.text == "hello\n"; }));
  // Those who ask and do not read.
  text_ = std::string(1 << 20, 'x');
  Client& slow = connect(4712, "status\n");
  ASSERT_TRUE(Turn([&] { return asked_ == 6; }));
  for (int i = 0; i < 20; ++i) {
    connect(4711, "status\n");
    ASSERT_TRUE(Turn([&] { return asked_ == 7 + i; }));
  }
  ASSERT_TRUE(Turn([&] { return slow.Ended(); }));
  EXPECT_EQ(slow.text.size(), text_.size());
}

TEST_F(StatusServerTest, AFollowerThatDoesNotReadHoldsNobodyUp) {
  ASSERT_TRUE(Open().ok());
  Client hung(options_.path, "follow\n");
  Client reading(options_.path, "follow\n");
  ASSERT_TRUE(Turn([&] { return asked_ == 2; }));
  const std::string line(1 << 16, 'x');
  for (size_t i = 1; i <= 64; ++i) {
    Say(line);
    ASSERT_TRUE(
        Turn([&] { return !reading.Ended() && reading.text.size() == i * (line.size() + 1); }));
  }
  EXPECT_FALSE(hung.Ended());
  EXPECT_LT(hung.text.size(), reading.text.size());
  ASSERT_TRUE(Turn([&] { return !hung.Ended() && hung.text == reading.text; }));  // now it does
}

// --- Requests ---

TEST_F(StatusServerTest, HandsOverTheLine) {
  ASSERT_TRUE(Open().ok());
  for (const std::string& request : std::vector<std::string>{
           "tunnel show", "", std::string("\0\xff ", 3), std::string(4096, 'x')}) {
    Client client(options_.path, request + "\nand what follows\n");
    ASSERT_TRUE(Turn([&] { return client.Ended(); }));
    EXPECT_EQ(request_.line, request);
    EXPECT_EQ(client.text, text_);
    EXPECT_EQ(client.error(), 0);
  }
  EXPECT_EQ(asked_, 4);
}

TEST_F(StatusServerTest, ALineMayComeInPieces) {
  ASSERT_TRUE(Open().ok());
  Client client(options_.path, "tunnel ");
  Settle(*loop_);
  client.Say("show");
  Settle(*loop_);
  EXPECT_EQ(asked_, 0);
  client.Say("\n");
  ASSERT_TRUE(Turn([&] { return client.Ended(); }));
  EXPECT_EQ(request_.line, "tunnel show");
}

TEST_F(StatusServerTest, WhoSaysNothingGetsTheStatus) {
  options_.silence = std::chrono::milliseconds(5);
  ASSERT_TRUE(Open().ok());
  Client silent(options_.path, "");
  ASSERT_TRUE(Turn([&] { return silent.Ended(); }));
  EXPECT_EQ(silent.text, text_);
  options_.silence = std::chrono::hours(1);
  server_.reset();
  ASSERT_TRUE(Open().ok());
  Client done(options_.path, "");  // the end of its words is as good as time
  shutdown(done.fd(), SHUT_WR);
  ASSERT_TRUE(Turn([&] { return done.Ended(); }));
  EXPECT_EQ(done.text, text_);
  EXPECT_EQ(request_.line, "status");
}

// Silence is what has not come, and not what this process has not read yet.
TEST_F(StatusServerTest, ARequestThatCameWhileTheProcessStoodStillIsHeard) {
  options_.silence = std::chrono::seconds(1);
  ASSERT_TRUE(Open().ok());
  Client client(options_.path, "");
  Settle(*loop_);
  client.Say("reload show\n");
  if (asked_ > 0) GTEST_SKIP() << "this machine is too busy to stand still on purpose";
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  ASSERT_TRUE(Turn([&] { return client.Ended(); }));
  EXPECT_EQ(request_.line, "reload show");
}

// Half of `order=100ms` is another order.
TEST_F(StatusServerTest, HalfALineIsNoRequest) {
  options_.silence = std::chrono::milliseconds(1);
  options_.patience = std::chrono::milliseconds(30);
  ASSERT_TRUE(Open().ok());
  Client cut(options_.path, "tunnel set office order=1");
  shutdown(cut.fd(), SHUT_WR);
  ASSERT_TRUE(Turn([&] { return cut.Ended(); }));
  EXPECT_EQ(cut.text, "{\"error\":\"a request ends with the end of a line\"}\n");
  Client slow(options_.path, "tunnel set office order=1");
  ASSERT_TRUE(Turn([&] { return slow.Ended(); }));
  EXPECT_EQ(slow.text, "");
  EXPECT_EQ(asked_, 0);
}

TEST_F(StatusServerTest, LongLinesAreRefused) {
  ASSERT_TRUE(Open().ok());
  for (const size_t size : {4097, 5000, 100'000}) {
    Client client(options_.path, std::string(size, 'x') + "\n");
    ASSERT_TRUE(Turn([&] { return client.Ended(); })) << size;
    EXPECT_EQ(client.text, "{\"error\":\"a request has at most 4096 bytes\"}\n") << size;
  }
  EXPECT_EQ(asked_, 0);
}

TEST_F(StatusServerTest, OnlyRootAndItsOwnUserMayChange) {
  if (geteuid() != 0) GTEST_SKIP() << "takes another user's id";
  ASSERT_TRUE(Open().ok());
  Client own(options_.path);
  ASSERT_TRUE(Turn([&] { return own.Ended(); }));
  EXPECT_TRUE(request_.may_change);
  ASSERT_EQ(chmod(directory_.c_str(), 0755), 0);
  ASSERT_EQ(chmod((directory_ + "/run").c_str(), 0755), 0);
  ASSERT_EQ(chmod(options_.path.c_str(), 0666), 0);
  constexpr uid_t kSomebody = 12345;
  ASSERT_EQ(syscall(SYS_setresuid, -1, kSomebody, -1), 0);  // of this thread alone
  Client other(options_.path);
  ASSERT_EQ(syscall(SYS_setresuid, -1, 0, -1), 0);
  ASSERT_TRUE(other.connected());
  ASSERT_TRUE(Turn([&] { return other.Ended(); }));
  EXPECT_EQ(other.text, text_);
  EXPECT_FALSE(request_.may_change);
  EXPECT_EQ(asked_, 2);
}

// Whoever may read may be many; the one who may change something is answered in spite of them.
TEST_F(StatusServerTest, ManyReadersKeepNoChangeOut) {
  if (geteuid() != 0) GTEST_SKIP() << "takes another user's id";
  options_.max_clients = 4;
  options_.silence = options_.patience = std::chrono::hours(1);
  ASSERT_TRUE(Open().ok());
  ASSERT_EQ(chmod(directory_.c_str(), 0755), 0);
  ASSERT_EQ(chmod((directory_ + "/run").c_str(), 0755), 0);
  ASSERT_EQ(chmod(options_.path.c_str(), 0666), 0);
  Client root(options_.path, "tunnel set ");
  Settle(*loop_);
  std::vector<std::unique_ptr<Client>> readers;
  ASSERT_EQ(syscall(SYS_setresuid, -1, 12345, -1), 0);
  for (int i = 0; i < 10; ++i) readers.push_back(std::make_unique<Client>(options_.path, "half"));
  ASSERT_EQ(syscall(SYS_setresuid, -1, 0, -1), 0);
  ASSERT_TRUE(Turn([&] { return readers[6]->Ended(); }));
  EXPECT_FALSE(readers[7]->Ended());
  root.Say("office mode=stripe\n");
  ASSERT_TRUE(Turn([&] { return root.Ended(); }));
  EXPECT_EQ(root.text, text_);
  EXPECT_EQ(request_.line, "tunnel set office mode=stripe");
}

}  // namespace
}  // namespace warp::control

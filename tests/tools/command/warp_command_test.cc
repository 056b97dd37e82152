// Tests the `warp` program as its users call it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/crypto/keys.h"
#include "tests/control/config/temp_dir.h"
#include "tests/tools/child.h"
#include "tools/gauge/gauge_socket.h"

namespace warp::tools {
namespace {

struct Result {
  int status;
  std::string out;
  std::string err;
};

std::vector<std::string> Warp(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), WARP_BINARY);
  return arguments;
}

Result RunWarp(const std::vector<std::string>& arguments, const std::string& input = "") {
  Child child(Warp(arguments), input);
  const int status = child.Wait();
  return {status, child.out(), child.err()};
}

// --- Keys ---

// The keys of RFC 7748, section 6.1. `wg pubkey` prints the same public key.
constexpr char kPrivate[] = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
constexpr char kPublic[] = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

TEST(KeyCommandsTest, KeygenMakesANewKeyEachTime) {
  ASSERT_TRUE(wire::InitCrypto().ok());
  const Result one = RunWarp({"keygen"}), other = RunWarp({"keygen"});
  EXPECT_EQ(one.status, 0);
  EXPECT_EQ(one.err, "");
  EXPECT_EQ(one.out.size(), 45u);
  EXPECT_EQ(one.out.back(), '\n');
  EXPECT_TRUE(wire::SecretKey::FromBase64(one.out.substr(0, 44)).ok());
  EXPECT_NE(one.out, other.out);
}

TEST(KeyCommandsTest, PubkeyAgreesWithWireGuards) {
  for (const std::string& input : {std::string(kPrivate), std::string(kPrivate) + "\n"}) {
    const Result result = RunWarp({"pubkey"}, input);
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.out, std::string(kPublic) + "\n");
  }
}

TEST(KeyCommandsTest, PubkeyRefusesWhatIsNoKey) {
  for (const std::string& input : {std::string(), std::string("hello"),
                                   std::string(kPrivate) + kPrivate, std::string(1000, 'A')}) {
    const Result result = RunWarp({"pubkey"}, input);
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err, "warp: stdin does not hold a private key of 32 bytes in base64\n");
  }
}

// --- Configuration ---

TEST(CheckCommandTest, AcceptsTheExamplesOnceTheirKeysExist) {
  TempDir dir;
  for (const bool map : {false, true}) {
    const std::vector<std::string> flag =
        map ? std::vector<std::string>{"--map"} : std::vector<std::string>{};
    std::vector<std::string> arguments = {"example-config"};
    arguments.insert(arguments.end(), flag.begin(), flag.end());
    Result example = RunWarp(arguments);
    EXPECT_EQ(example.status, 0);
    std::string text = example.out;
    const std::string path = dir.Write("warp.yaml", text, 0644);
    EXPECT_EQ(RunWarp({"check", "--no-keys", path}).out, path + ": ok\n");

    const std::string key_file = map ? "/etc/warp/map.key" : "/etc/warp/private.key";
    text.replace(text.find(key_file), key_file.size(), "own.key");
    dir.Write("warp.yaml", text, 0644);
    dir.Write("own.key", kPrivate);
    const Result good = RunWarp({"check", path});
    EXPECT_EQ(good.status, 0) << good.err;
    // What drives interfaces that are here may stand in front.
    EXPECT_TRUE(good.out.ends_with(path + ": ok\n")) << good.out;
    dir.Write("own.key", kPrivate, 0644);
    const Result open = RunWarp({"check", path});
    EXPECT_EQ(open.status, 1);
    EXPECT_EQ(open.out, "");
    EXPECT_NE(
        open.err.find("private_key_file: " + dir.At("own.key") + " is open to group or others"),
        std::string::npos)
        << open.err;
  }
}

TEST(CheckCommandTest, SaysWhatIsWrongAndWhere) {
  TempDir dir;
  const std::string path = dir.Write(
      "warp.yaml",
      "node:\n  private_key_file: k\n  listen_prot: 1\nports: [{name: a, interface: b}]\n");
  const Result result = RunWarp({"check", "--no-keys", path});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err,
            path + ":3: node.listen_prot: unknown key, did you mean \"listen_port\"?\n");
  const Result missing = RunWarp({"check", dir.At("none")});
  EXPECT_EQ(missing.status, 1);
  EXPECT_EQ(missing.err, dir.At("none") + ": cannot be read: No such file or directory\n");
  const Result forced = RunWarp({"check", "--map", "--no-keys", path});
  EXPECT_EQ(forced.status, 1);
  EXPECT_NE(forced.err.find(":1: node: unknown key"), std::string::npos) << forced.err;
}

TEST(CheckCommandTest, WarnsOfWhatCannotWork) {
  TempDir dir;
  const std::string path = dir.Write(
      "warp.yaml", std::string("node: {private_key_file: k}\nports: [{name: a, interface: b}]\n") +
                       "peers: [{name: p, public_key: " + kPublic + "}]\ntunnels:\n - {name: t, " +
                       "id: 1, peer: p, mode: stripe, gate: {unix: {path: /g}}}\n");
  const Result result = RunWarp({"check", "--no-keys", path});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, path + ": ok\n");
  EXPECT_EQ(result.err, "warning: " + path +
                            ":5: tunnels[0].mode: stripe adds up links, and "
                            "payloads may leave by one alone, a\n");
}

TEST(CheckCommandTest, TellsWhatDrivesTheInterfacesOfThisMachine) {
  TempDir dir;
  dir.Write("own.key", kPrivate);
  const auto write = [&](const std::string& more) {
    return dir.Write("warp.yaml",
                     "node: {private_key_file: own.key}\nports: [{name: a, interface: lo" + more +
                         "}, {name: b, interface: none-such}]\n");
  };
  const std::string path = write("");
  const Result chosen = RunWarp({"check", path});
  EXPECT_EQ(chosen.out, "port a: driver: udp (auto: lo has no Ethernet header)\n" + path + ": ok\n")
      << chosen.err;
  EXPECT_EQ(RunWarp({"check", "--no-keys", path}).out, path + ": ok\n");
  EXPECT_EQ(RunWarp({"check", write(", driver: udp")}).out, path + ": ok\n");
}

TEST(CommandLineTest, MistakesEndWithStatus1) {
  EXPECT_EQ(RunWarp({}).status, 1);
  EXPECT_EQ(RunWarp({"frobnicate"}).status, 1);
  EXPECT_EQ(RunWarp({"gauge"}).status, 1);
  EXPECT_EQ(RunWarp({"gauge", "tx"}).status, 1);
  EXPECT_EQ(RunWarp({"gauge", "tx", "--to", "example.net:1"}).status, 1);
  EXPECT_EQ(RunWarp({"gauge", "tx", "--to", "127.0.0.1:1", "--size", "35"}).status, 1);
  EXPECT_EQ(RunWarp({"gauge", "tx", "--to", "unix:"}).status, 1);
  EXPECT_EQ(RunWarp({"gauge", "rx"}).status, 1);
  EXPECT_EQ(RunWarp({"gauge", "rx", "--listen", "[::1]:0", "--connect", "unix:/x"}).status, 1);
  EXPECT_EQ(RunWarp({"--help"}).status, 0);
  EXPECT_EQ(RunWarp({"--version"}).status, 0);
}

// --- Status ---

// A daemon that reads a line of each client, and sends it the same text.
class FakeDaemon {
 public:
  FakeDaemon(const std::string& path, std::string words)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), words_(std::move(words)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::listen(fd_.get(), 4);
    thread_ = std::thread([this] {
      while (true) {
        const os::UniqueFd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (client.get() < 0) return;
        char request[4096];
        const ssize_t size = ::recv(client.get(), request, sizeof request, 0);
        request_.assign(request, size > 0 ? static_cast<size_t>(size) : 0);
        ::send(client.get(), words_.data(), words_.size(), MSG_NOSIGNAL);
      }
    });
  }
  ~FakeDaemon() { Stop(); }
  // The last request.
  std::string Stop() {
    ::shutdown(fd_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    return request_;
  }

 private:
  os::UniqueFd fd_;
  const std::string words_;
  std::string request_;  // of thread_, as long as it runs
  std::thread thread_;
};

TEST(StatusCommandTest, ShowsWhatTheDaemonSays) {
  TempDir dir;
  const std::string socket = dir.At("s");
  FakeDaemon daemon(socket, R"({"node":{"public_key":"AAAA="},"drops":{}})");
  const Result screen = RunWarp({"status", "--socket", socket});
  EXPECT_EQ(screen.status, 0) << screen.err;
  EXPECT_EQ(screen.out.substr(0, 25), "It runs, and has no peer.");
  const Result text = RunWarp({"status", "--details", "--socket", socket});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_EQ(text.out.substr(0, 11), "node AAAA=\n");
  const Result json = RunWarp({"status", "--json", "--socket", socket});
  EXPECT_EQ(json.status, 0);
  EXPECT_EQ(json.out, "{\"node\":{\"public_key\":\"AAAA=\"},\"drops\":{}}\n");
}

TEST(StatusCommandTest, SaysThatNoneAnswers) {
  TempDir dir;
  const Result none = RunWarp({"status", "--socket", dir.At("none")});
  EXPECT_EQ(none.status, 1);
  EXPECT_EQ(none.err,
            "warp: no daemon answers at " + dir.At("none") + ": No such file or directory\n");
  FakeDaemon mute(dir.At("mute"), "");
  EXPECT_EQ(RunWarp({"status", "--socket", dir.At("mute")}).err,
            "warp: no daemon answers at " + dir.At("mute") + ": it closed without a word\n");
  FakeDaemon odd(dir.At("odd"), "hello");
  EXPECT_EQ(RunWarp({"status", "--socket", dir.At("odd")}).err,
            "warp: the answer is not a status\n");
}

// --- Tunnel ---

TEST(TunnelCommandTest, AsksAndShowsWhatIsInForce) {
  TempDir dir;
  const std::string answer =
      R"({"policies":[{"tunnel":"office","peer":"hq","settings":{"mode":"stripe","order":"7ms"}}]})";
  FakeDaemon daemon(dir.At("s"), answer);
  const Result set =
      RunWarp({"tunnel", "set", "office", "mode=stripe", "order=7ms", "--socket", dir.At("s")});
  EXPECT_EQ(set.status, 0) << set.err;
  EXPECT_NE(set.out.find("office  hq    mode=stripe order=7ms"), std::string::npos) << set.out;
  EXPECT_EQ(daemon.Stop(), "tunnel set office mode=stripe order=7ms\n");

  FakeDaemon one(dir.At("one"), answer);
  EXPECT_EQ(RunWarp({"tunnel", "show", "office", "--json", "--socket", dir.At("one")}).out, answer);
  EXPECT_EQ(one.Stop(), "tunnel show office\n");
  FakeDaemon all(dir.At("all"), R"({"policies":[]})");
  EXPECT_EQ(RunWarp({"tunnel", "show", "--socket", dir.At("all")}).out, "no tunnels\n");
  EXPECT_EQ(all.Stop(), "tunnel show\n");
}

TEST(TunnelCommandTest, SaysWhyNot) {
  TempDir dir;
  const auto error = [&](const char* name, const std::string& words) {
    FakeDaemon daemon(dir.At(name), words);
    const Result result = RunWarp({"tunnel", "set", "t", "mode=x", "--socket", dir.At(name)});
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.out, "");
    return result.err;
  };
  EXPECT_EQ(error("refuses", R"({"error":"mode: \"x\" is no mode"})"),
            "warp: mode: \"x\" is no mode\n");
  EXPECT_EQ(error("odd", "hello"), "warp: the answer is not a daemon's\n");
  EXPECT_EQ(error("old", R"({"node":{}})"),
            "warp: the daemon at " + dir.At("old") + " is of a version that takes no requests\n");
  // More than one word would be more than one change, or another request.
  EXPECT_EQ(RunWarp({"tunnel", "set", "t", "mode=stripe order=1s"}).err,
            "warp: \"mode=stripe order=1s\" has a space, or is empty\n");
  EXPECT_EQ(RunWarp({"tunnel", "show", "t\nstatus"}).status, 1);
  EXPECT_EQ(RunWarp({"tunnel", "set", "t"}).status, 1);
  EXPECT_EQ(RunWarp({"tunnel"}).status, 1);
}

// --- Cap ---

constexpr char kCaps[] =
    R"({"caps":[{"port":"lte0","used":12500000000,"bytes":50000000000,"state":"open","at_limit":"backup","period":"month from 3","begins":"2026-11-03","ends":"2026-12-03","problem":""}]})";

TEST(CapCommandTest, AsksAndShowsWhatWasCarried) {
  TempDir dir;
  FakeDaemon daemon(dir.At("s"), kCaps);
  const Result all = RunWarp({"cap", "--socket", dir.At("s")});
  EXPECT_EQ(all.status, 0) << all.err;
  EXPECT_EQ(
      all.out,
      "PORT      USED        OF         STATE  AT LIMIT  PERIOD        BEGAN       ENDS\n"
      "lte0  12.50 GB  50.00 GB  25.0%  open   backup    month from 3  2026-11-03  2026-12-03\n");
  EXPECT_EQ(daemon.Stop(), "cap show\n");
  FakeDaemon one(dir.At("one"), kCaps);
  EXPECT_EQ(RunWarp({"cap", "show", "lte0", "--json", "--socket", dir.At("one")}).out, kCaps);
  EXPECT_EQ(one.Stop(), "cap show lte0\n");
  FakeDaemon set(dir.At("set"), kCaps);
  EXPECT_EQ(RunWarp({"cap", "set", "lte0", "12.5GB", "--socket", dir.At("set")}).status, 0);
  EXPECT_EQ(set.Stop(), "cap set lte0 12.5GB\n");
  FakeDaemon none(dir.At("none"), R"({"caps":[]})");
  EXPECT_EQ(RunWarp({"cap", "show", "--socket", dir.At("none")}).out, "no port has a data cap\n");
  EXPECT_EQ(none.Stop(), "cap show\n");
}

TEST(CapCommandTest, SaysWhyNot) {
  TempDir dir;
  FakeDaemon refuses(dir.At("refuses"), R"({"error":"there is no port \"x\" with a data cap"})");
  const Result result = RunWarp({"cap", "set", "x", "1GB", "--socket", dir.At("refuses")});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "warp: there is no port \"x\" with a data cap\n");
  FakeDaemon old(dir.At("old"), R"({"policies":[]})");
  EXPECT_EQ(RunWarp({"cap", "--socket", dir.At("old")}).err,
            "warp: the daemon at " + dir.At("old") + " is of a version that takes no requests\n");
  EXPECT_EQ(RunWarp({"cap", "set", "lte0", "1 GB"}).err,
            "warp: \"1 GB\" has a space, or is empty\n");
  EXPECT_EQ(RunWarp({"cap", "set", "lte0"}).status, 1);
  EXPECT_EQ(RunWarp({"cap", "sett", "lte0", "1GB"}).status, 1);
}

// What is wrong with the file of caps is said once, under the table.
TEST(CapCommandTest, ShowsWhatIsWrong) {
  TempDir dir;
  FakeDaemon daemon(dir.At("s"), R"({"caps":[{"port":"lte0","problem":"the disk is full"}]})");
  EXPECT_NE(RunWarp({"cap", "--socket", dir.At("s")}).out.find("\nthe disk is full\n"),
            std::string::npos);
}

// --- Gauge ---

std::string FreeAddress() {
  return GaugeSocket::Listen(wire::Endpoint{wire::IpAddress::V4({127, 0, 0, 1}), 0})
      ->local()
      .ToString();
}

TEST(GaugeCommandTest, TxAndEchoLoseNothing) {
  const std::string address = FreeAddress();
  Child echo(Warp({"gauge", "echo", "--listen", address, "--json"}));
  const Result tx =
      RunWarp({"gauge", "tx", "--to", address, "--await-echo", "--wait-ready", "30", "--rate",
               "1000", "--size", "100", "--seconds", "0.2", "--drain", "30", "--json"});
  ASSERT_EQ(tx.status, 0) << tx.err;
  const nlohmann::json json = nlohmann::json::parse(tx.out);
  EXPECT_GT(json["sent"], 0);
  EXPECT_EQ(json["received"], json["sent"]);
  EXPECT_EQ(json["lost"], 0);
  EXPECT_EQ(json["duplicated"], 0);

  ::kill(echo.pid(), SIGTERM);
  EXPECT_EQ(echo.Wait(), 0);
  EXPECT_GE(nlohmann::json::parse(echo.out())["sent"], json["sent"]);
}

TEST(GaugeCommandTest, AnInterruptEndsWithTheSummary) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Child tx(Warp({"gauge", "tx", "--to", FreeAddress(), "--seconds", "0", "--interval", "0.01"}));
    // The first line of progress shows that the program runs and handles signals.
    while (tx.err().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ::kill(tx.pid(), signal);
    EXPECT_EQ(tx.Wait(), 0);
    EXPECT_EQ(tx.out().substr(0, 5), "sent ");
  }
}

TEST(GaugeCommandTest, AnAddressInUseEndsWithStatus1) {
  const GaugeSocket taken =
      *GaugeSocket::Listen(wire::Endpoint{wire::IpAddress::V4({127, 0, 0, 1}), 0});
  const Result result = RunWarp({"gauge", "echo", "--listen", taken.local().ToString()});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err,
            "warp: cannot listen on " + taken.local().ToString() + ": Address already in use\n");
}

}  // namespace
}  // namespace warp::tools

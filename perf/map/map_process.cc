#include "perf/map/map_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "perf/map/process.h"

namespace warp::perf {

namespace {

// Of the relay, one of these.
constexpr int kRelayPort = 20'000;
constexpr int kRelayPorts = 10'000;

}  // namespace

MapProcess::MapProcess(const std::string& program, size_t max_registrations, uint16_t redis) {
  std::string name = std::filesystem::temp_directory_path() / "warp-map-bench-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) Fail("cannot make a directory");
  directory_ = name;
  const wire::SecretKey secret = wire::SecretKey::Generate();
  key_ = secret.Public();
  std::ofstream(directory_ + "/map.key") << secret.ToBase64() << "\n";
  chmod((directory_ + "/map.key").c_str(), 0600);
  std::ofstream(directory_ + "/map.yaml") << absl::StrCat(
      "private_key_file: ", directory_, "/map.key\n", "control_socket: ", directory_,
      "/map.sock\nlifetime: 1h\n", "max_registrations: ", max_registrations, "\n",
      "relay: {ports: ", kRelayPort + getpid() % kRelayPorts, ", rate: 1000Gbit, bytes: 1000TB}\n",
      redis == 0 ? "" : absl::StrCat("store: {redis: [\"127.0.0.1:", redis, "\"]}\n"));

  const std::string config = directory_ + "/map.yaml";
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) Fail("cannot make a pipe");
  pid_ = Start({program, "--config", config, "--listen", "127.0.0.1:0"}, out[1]);
  close(out[1]);
  std::string text;
  char c;
  while (text.find("ready\n") == std::string::npos && read(out[0], &c, 1) == 1) text += c;
  close(out[0]);
  // Nothing reads these again, and a process that is killed could not remove them.
  std::filesystem::remove_all(directory_);
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, "listening on ")) continue;
    if (const auto endpoint = wire::Endpoint::Parse(line); endpoint.ok()) endpoint_ = *endpoint;
  }
  if (endpoint_.port == 0) Fail("the map did not start: " + text);
}

MapProcess::~MapProcess() {
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

size_t MapProcess::Resident() const {
  std::ifstream file(absl::StrCat("/proc/", pid_, "/statm"));
  size_t size = 0;
  size_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

double MapProcess::CpuSeconds() const { return perf::CpuSeconds(pid_); }

}  // namespace warp::perf

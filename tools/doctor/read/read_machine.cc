#include "tools/doctor/read/read_machine.h"

#include <sys/stat.h>

#include <cstdio>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tools/terminal/plain.h"

namespace warp::tools {
namespace {

constexpr int kHighestCpu = 1 << 16;
constexpr char kHugepages[] = "/sys/kernel/mm/hugepages";

// Without the end of the line. Empty where it cannot be read.
std::string Line(const Machine& machine, const std::string& path) {
  const absl::StatusOr<std::string> text = machine.ReadFile(path);
  if (!text.ok()) return "";
  return Plain(std::string(absl::StripAsciiWhitespace(text->substr(0, text->find('\n')))));
}

std::optional<uint64_t> Number(absl::string_view text) {
  uint64_t value = 0;
  return absl::SimpleAtoi(text, &value) ? std::optional(value) : std::nullopt;
}

// What stands behind a word at the begin of a line of the file.
std::string Behind(const Machine& machine, const std::string& path, absl::string_view word) {
  const absl::StatusOr<std::string> text = machine.ReadFile(path);
  if (!text.ok()) return "";
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (absl::ConsumePrefix(&line, word)) return std::string(absl::StripAsciiWhitespace(line));
  }
  return "";
}

void ReadKernel(const Machine& machine, Facts& facts) {
  facts.kernel = Line(machine, "/proc/sys/kernel/osrelease");
  int major = 0, minor = 0;
  if (std::sscanf(facts.kernel.c_str(), "%9d.%9d", &major, &minor) == 2) {
    facts.kernel_version = {major, minor};
  } else {
    facts.unseen.emplace_back("the version of the kernel");
  }
}

void ReadRights(const Machine& machine, Facts& facts) {
  facts.user = machine.User();
  uint64_t bits = 0;
  if (absl::SimpleHexAtoi(Behind(machine, "/proc/self/status", "CapEff:"), &bits)) {
    facts.capabilities = bits;
  } else {
    facts.unseen.emplace_back("the rights of this process");
  }
  // "Max open files            1024                 1048576              files": soft and hard.
  const std::vector<std::string> limits =
      absl::StrSplit(Behind(machine, "/proc/self/limits", "Max open files"), absl::ByAnyChar(" \t"),
                     absl::SkipEmpty());
  if (limits.size() >= 2) facts.descriptors = Number(limits[1]);
  facts.buffer_max = Number(Line(machine, "/proc/sys/net/core/rmem_max"));
}

// Either by isolcpus= or, until the next start, by a cpuset.
void ReadCpus(const Machine& machine, Facts& facts) {
  facts.online = ParseCpus(Line(machine, "/sys/devices/system/cpu/online"));
  if (facts.online && facts.online->empty()) facts.online.reset();
  for (const char* path :
       {"/sys/devices/system/cpu/isolated", "/sys/fs/cgroup/cpuset.cpus.isolated"}) {
    if (!machine.ReadFile(path).ok()) continue;
    const std::optional<std::set<int>> cpus = ParseCpus(Line(machine, path));
    if (!cpus) continue;
    if (!facts.isolated) facts.isolated.emplace();
    facts.isolated->insert(cpus->begin(), cpus->end());
  }
}

void ReadHugepages(const Machine& machine, Facts& facts) {
  const absl::StatusOr<std::vector<std::string>> sizes = machine.List(kHugepages);
  if (!sizes.ok()) return;
  facts.hugepages.emplace();
  for (const std::string& size : *sizes) {  // "hugepages-2048kB"
    unsigned long long kilobytes = 0;
    if (std::sscanf(size.c_str(), "hugepages-%9llukB", &kilobytes) != 1) continue;
    const std::string path = absl::StrCat(kHugepages, "/", size, "/");
    // More pages than any machine has are no number of pages.
    const auto bytes = [&](const char* file) -> uint64_t {
      const uint64_t pages = Number(Line(machine, path + file)).value_or(0);
      return pages < (uint64_t{1} << 32) ? pages * kilobytes * 1024 : 0;
    };
    facts.hugepages->total += bytes("nr_hugepages");
    facts.hugepages->free += bytes("free_hugepages");
  }
}

void ReadKey(const Machine& machine, const std::string& path, Facts& facts) {
  if (path.empty()) return;
  KeyFileFacts key{.path = path, .readable = machine.CheckKeyFile(path)};
  const absl::StatusOr<mode_t> mode = machine.Mode(path);
  if (mode.ok()) key.mode = *mode;
  if (absl::IsPermissionDenied(mode.status())) {
    facts.unseen.push_back(absl::StrCat("the key in ", path, ", whose directory is closed to you"));
    return;
  }
  facts.keys.push_back(std::move(key));
}

// --- The service of a package (tools/packaging/systemd). ---

constexpr char kServiceConfig[] = "/etc/warp/warpd.yaml";
constexpr char kServiceUser[] = "_warp:";

struct Account {
  uid_t user = 0;
  gid_t group = 0;
};

// "_warp:x:998:998:WARP node:/var/lib/warp:/usr/sbin/nologin"
std::optional<Account> ServiceAccount(const Machine& machine) {
  const std::string line = Behind(machine, "/etc/passwd", kServiceUser);
  const std::vector<absl::string_view> fields = absl::StrSplit(line, ':');
  Account account;
  if (fields.size() < 3 || !absl::SimpleAtoi(fields[1], &account.user) ||
      !absl::SimpleAtoi(fields[2], &account.group)) {
    return std::nullopt;
  }
  return account;
}

// `right`: 4 to read, 1 to look into a directory.
bool MayNot(const Account& account, const absl::StatusOr<FileAccess>& access, mode_t right) {
  if (!access.ok()) return false;
  const int shift = access->user == account.user ? 6 : access->group == account.group ? 3 : 0;
  return (access->mode >> shift & right) == 0;
}

// Its start makes these keys its own: warpd.tmpfiles.
bool IsGivenAway(const std::filesystem::path& key) {
  return key == "/etc/warp/private.key" ||
         (key.parent_path() == "/etc/warp" && key.extension() == ".psk");
}

}  // namespace

std::optional<std::set<int>> ParseCpus(absl::string_view text) {
  std::set<int> cpus;
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return cpus;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, absl::MaxSplits('-', 1));
    int first = 0, last = 0;
    if (!absl::SimpleAtoi(ends.front(), &first) || !absl::SimpleAtoi(ends.back(), &last)) {
      return std::nullopt;
    }
    if (first < 0 || last < first || last > kHighestCpu) return std::nullopt;
    for (int cpu = first; cpu <= last; ++cpu) cpus.insert(cpu);
  }
  return cpus;
}

void ReadMachine(const Machine& machine, Facts& facts) {
  ReadKernel(machine, facts);
  ReadRights(machine, facts);
  ReadCpus(machine, facts);
  ReadHugepages(machine, facts);
  facts.clock_synchronised = machine.ClockSynchronised();
  facts.tun_device = machine.Mode("/dev/net/tun").ok();
}

void ReadService(const Machine& machine, const std::string& file, const config::NodeConfig& config,
                 Facts& facts) {
  const std::optional<Account> account = ServiceAccount(machine);
  if (file != kServiceConfig || !account) return;
  const auto look = [&](const std::string& path, mode_t right) {
    if (!MayNot(*account, machine.Access(path), right)) return;
    facts.closed_to_service.push_back(path);
  };
  look(std::filesystem::path(file).parent_path(), 1);
  look(file, 4);
  std::vector<std::string> keys = {config.node.private_key_file};
  for (const config::PeerConfig& peer : config.peers) keys.push_back(peer.preshared_key_file);
  for (const std::string& key : keys) {
    if (!key.empty() && !IsGivenAway(key)) look(key, 4);
  }
}

void ReadFiles(const Machine& machine, const config::NodeConfig& config, Facts& facts) {
  ReadKey(machine, config.node.private_key_file, facts);
  for (const config::PeerConfig& peer : config.peers) {
    ReadKey(machine, peer.preshared_key_file, facts);
  }
  const std::filesystem::path socket(config.node.control_socket);
  if (const auto mode = machine.Mode(socket); mode.ok()) facts.control_socket = *mode;
  // warpd makes the last directory.
  facts.control_directory = machine.Mode(socket.parent_path()).ok() ||
                            machine.Mode(socket.parent_path().parent_path()).ok();
  for (const std::string& command : config.node.on_event) {
    HookFacts hook{.program = command.substr(0, command.find(' '))};
    if (const auto mode = machine.Mode(hook.program); mode.ok()) hook.mode = *mode;
    facts.hooks.push_back(std::move(hook));
  }
}

}  // namespace warp::tools

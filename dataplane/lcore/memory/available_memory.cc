#include "dataplane/lcore/memory/available_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace warp::lcore {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

// What the files of a control group are called.
struct GroupFiles {
  const char* limit;
  const char* soft_limit;  // beyond it the kernel holds the group's threads up
  const char* usage;
  const char* reclaimable;  // in memory.stat: the page cache that is given back first
};
constexpr GroupFiles kVersion2 = {"memory.max", "memory.high", "memory.current", "inactive_file"};
constexpr GroupFiles kVersion1 = {"memory.limit_in_bytes", "", "memory.usage_in_bytes",
                                  "total_inactive_file"};

// The number in a file; `none` where it has another word, such as max, or is not there.
uint64_t NumberIn(const fs::path& file, uint64_t none) {
  uint64_t number = 0;
  return std::ifstream(file) >> number ? number : none;
}

// The number behind a word; `none` where the file does not have it.
uint64_t NumberBehind(const fs::path& file, absl::string_view wanted, uint64_t none) {
  std::ifstream in(file);
  for (std::string word; in >> word;) {
    uint64_t number = 0;
    if (word == wanted) return in >> number ? number : none;
  }
  return none;
}

uint64_t LeftOfMachine(const fs::path& root) {
  const uint64_t kib = NumberBehind(root / "proc/meminfo", "MemAvailable:", kUnlimited / 1024);
  return kib >= kUnlimited / 1024 ? kUnlimited : kib * 1024;
}

uint64_t LeftOfGroup(const fs::path& group, const GroupFiles& files) {
  uint64_t limit = NumberIn(group / files.limit, kUnlimited);
  if (*files.soft_limit != '\0')
    limit = std::min(limit, NumberIn(group / files.soft_limit, kUnlimited));
  if (limit == kUnlimited) return kUnlimited;
  const uint64_t usage = NumberIn(group / files.usage, 0);
  const uint64_t reclaimable = NumberBehind(group / "memory.stat", files.reclaimable, 0);
  const uint64_t used = usage - std::min(usage, reclaimable);
  return limit - std::min(limit, used);
}

// Of all groups from the topmost on. A container may see its own group as the topmost, and the others nowhere.
uint64_t LeftOfGroups(fs::path group, const fs::path& below, const GroupFiles& files) {
  uint64_t left = LeftOfGroup(group, files);
  for (const fs::path& name : below.relative_path()) {
    group /= name;
    left = std::min(left, LeftOfGroup(group, files));
  }
  return left;
}

}  // namespace

uint64_t AvailableMemory(const fs::path& root) {
  uint64_t available = LeftOfMachine(root);
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    const fs::path mounted = root / "sys/fs/cgroup";
    if (parts[1].empty()) {
      available = std::min(available, LeftOfGroups(mounted, parts[2], kVersion2));
    } else if (std::find(controllers.begin(), controllers.end(), "memory") != controllers.end()) {
      available = std::min(available, LeftOfGroups(mounted / "memory", parts[2], kVersion1));
    }
  }
  return available;
}

}  // namespace warp::lcore

#include "control/state/moving_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/file/regular_file.h"
#include "control/config/text/digits.h"
#include "control/state/state_file.h"
#include "dataplane/os/unique_fd.h"

namespace warp::state {
namespace {

constexpr absl::string_view kFirstWord = "warp-moved ";
constexpr size_t kMostLine = 512;
constexpr size_t kMostFiles = 4096;  // of a directory are looked at

std::string Line(const wire::PublicKey& node, uint64_t turn, const std::vector<Former>& former) {
  if (turn == 0) return "";
  std::string line = absl::StrCat(kFirstWord, "1 ", turn, " ", node.ToBase64());
  for (const Former& one : former)
    absl::StrAppend(&line, one.gone ? " gone " : " was ", one.key.ToBase64());
  return line + "\n";
}

// nullopt: it is none.
std::optional<Origin> ParseLine(absl::string_view line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words.size() < 4 || words.size() % 2 != 0 || words.size() > 4 + 2 * kMostFormer ||
      words[1] != "1") {
    return std::nullopt;
  }
  const std::optional<uint64_t> turn = config::ReadDigits(words[2]);
  const auto node = wire::PublicKey::FromBase64(words[3]);
  if (!turn || *turn == 0 || *turn > UINT32_MAX || !node.ok()) return std::nullopt;
  Origin origin{.node = *node, .turn = *turn};
  for (size_t i = 4; i < words.size(); i += 2) {
    const auto key = wire::PublicKey::FromBase64(words[i + 1]);
    if (!key.ok() || (words[i] != "was" && words[i] != "gone")) return std::nullopt;
    origin.former.push_back({.key = *key, .gone = words[i] == "gone"});
  }
  return origin;
}

std::optional<Stamp> StampOf(const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return std::nullopt;
  return Stamp{info.st_ino, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

// What a file that has moved says of itself; nullopt of every other.
std::optional<Origin> Glance(const std::string& path) {
  const os::UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info;
  if (!file || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  std::array<char, kMostLine> bytes;
  const ssize_t size = read(file.get(), bytes.data(), bytes.size());
  if (size <= 0) return std::nullopt;
  const absl::string_view text(bytes.data(), static_cast<size_t>(size));
  if (!absl::StartsWith(text, kFirstWord) || !absl::StrContains(text, '\n')) return std::nullopt;
  return ParseLine(text.substr(0, text.find('\n')));
}

absl::StatusOr<FoundFile> Read(const std::string& path, const wire::PublicKey& node, size_t limit) {
  const std::optional<Stamp> stamp = StampOf(path);
  absl::StatusOr<std::string> text = config::ReadRegularFile(path, limit + kMostLine);
  if (!text.ok()) return text.status();
  FoundFile found{.origin = {.node = node}, .body = *std::move(text)};
  if (absl::StartsWith(found.body, kFirstWord)) {
    const size_t end = found.body.find('\n');
    const auto origin = ParseLine(absl::string_view(found.body).substr(0, end));
    if (!origin) return absl::InvalidArgumentError("is damaged at line 1, or of another version");
    if (origin->node != node) return absl::InvalidArgumentError("is of another node");
    found.origin = *origin;
    found.body.erase(0, end + 1);
  }
  found.origin.stamp = stamp.value_or(Stamp());
  return found;
}

// The keys of all other files of the kind that say that they are of a node which had this one, with the turn of each.
std::vector<Origin> Movers(const Place& place) {
  std::vector<Origin> movers;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(place.directory.c_str()), closedir);
  if (directory == nullptr) return movers;
  const std::string own = StateFilePath(place.directory, place.kind, place.node);
  const std::string sample = own.substr(own.rfind('/') + 1);
  for (size_t i = 0; i < kMostFiles; ++i) {
    const dirent* const entry = readdir(directory.get());
    if (entry == nullptr) break;
    const absl::string_view name(entry->d_name);
    if (name.size() != sample.size() || name == sample) continue;
    if (!absl::StartsWith(name, absl::StrCat(place.kind, "-"))) continue;
    std::optional<Origin> origin = Glance(absl::StrCat(place.directory, "/", name));
    if (origin && StateFilePath("", place.kind, origin->node).substr(1) == name)
      movers.push_back(*std::move(origin));
  }
  return movers;
}

bool Exists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

// Which files of former keys are to be removed: those that are there still, and were not written after this one.
void StampFormer(const Place& place, Origin& origin) {
  for (Former& former : origin.former) {
    const auto stamp = StampOf(StateFilePath(place.directory, place.kind, former.key));
    former.gone |= !stamp || stamp->changed > origin.stamp.changed;
    if (stamp) former.stamp = *stamp;
  }
}

}  // namespace

absl::StatusOr<std::optional<FoundFile>> FindStateFile(const Place& place, size_t limit) {
  const auto path_of = [&](const wire::PublicKey& key) {
    return StateFilePath(place.directory, place.kind, key);
  };
  std::optional<FoundFile> best;
  std::vector<wire::PublicKey> names = place.former;
  names.push_back(place.node);
  for (const wire::PublicKey& name : names) {
    if (best || !Exists(path_of(name))) continue;
    absl::StatusOr<FoundFile> found = Read(path_of(name), name, limit);
    if (!found.ok()) return found.status();
    best = *std::move(found);
  }
  const Origin* moved = nullptr;
  const std::vector<Origin> movers = Movers(place);
  for (const Origin& origin : movers) {
    const auto former = std::find_if(origin.former.begin(), origin.former.end(),
                                     [&](const Former& one) { return one.key == place.node; });
    if (former == origin.former.end()) continue;
    if (best && (former->gone || origin.turn <= best->origin.turn)) continue;
    if (moved == nullptr || origin.turn > moved->turn) moved = &origin;
  }
  if (moved != nullptr) {
    absl::StatusOr<FoundFile> found = Read(path_of(moved->node), moved->node, limit);
    if (!found.ok() && !best) return found.status();
    if (found.ok()) best = *std::move(found);
  }
  if (best) StampFormer(place, best->origin);
  return best;
}

MovingFile::MovingFile(std::string directory, std::string kind, const wire::PublicKey& node)
    : directory_(std::move(directory)),
      kind_(std::move(kind)),
      node_(node),
      path_(StateFilePath(directory_, kind_, node)),
      stamps_(std::make_shared<std::map<std::string, Stamp>>()) {}

Place MovingFile::place() const {
  Place place{.directory = directory_, .kind = kind_, .node = node_};
  for (const Former& former : former_) place.former.push_back(former.key);
  return place;
}

bool MovingFile::Follow(const Origin* origin) {
  known_ = true;
  for (Former& former : former_) former.gone = true;
  if (origin == nullptr) return false;
  const bool adopted = origin->node != node_;
  if (!adopted) (*stamps_)[path_] = origin->stamp;
  turn_ = std::max(turn_, origin->turn) + (adopted && former_.empty());
  exists_ = !adopted;
  std::vector<Former> found = origin->former;
  if (adopted) found.insert(found.begin(), {.key = origin->node, .stamp = origin->stamp});
  for (const Former& one : found) {
    if (one.key == node_) continue;
    (*stamps_)[StateFilePath(directory_, kind_, one.key)] = one.stamp;
    const auto known = std::find_if(former_.begin(), former_.end(),
                                    [&](const Former& other) { return other.key == one.key; });
    if (known != former_.end()) {
      *known = one;
    } else if (former_.size() < kMostFormer) {
      former_.push_back(one);
    }
  }
  return adopted;
}

void MovingFile::SetNode(const wire::PublicKey& node) {
  if (node == node_) return;
  const Former before{.key = node_, .gone = known_ && !exists_};
  exists_ = false;
  std::erase_if(former_, [&](const Former& former) {
    if (former.key != node) return false;
    exists_ = !former.gone;
    return true;
  });
  former_.insert(former_.begin(), before);
  if (former_.size() > kMostFormer) former_.pop_back();
  node_ = node;
  path_ = StateFilePath(directory_, kind_, node);
  aside_ = !exists_;
  ++turn_;
}

std::function<MovingFile::Written()> MovingFile::Writer(const std::string& body, bool keep_bad) {
  const bool keep = std::exchange(aside_, false) || keep_bad;
  exists_ = true;
  std::vector<std::pair<wire::PublicKey, std::string>> leftover;
  for (const Former& former : former_) {
    if (!former.gone)
      leftover.emplace_back(former.key, StateFilePath(directory_, kind_, former.key));
  }
  return [path = path_, text = Line(node_, turn_, former_) + body, keep, leftover, turn = turn_,
          stamps = stamps_] {
    if (keep) KeepAside(path);
    Written written{.status = ReplaceStateFile(path, text), .turn = turn, .gone = {}};
    if (!written.status.ok()) return written;
    (*stamps)[path] = StampOf(path).value_or(Stamp());
    for (const auto& [key, old] : leftover) {
      const auto known = stamps->find(old);
      if (known != stamps->end() && StampOf(old) == known->second) unlink(old.c_str());
      stamps->erase(old);
      written.gone.push_back(key);
    }
    return written;
  };
}

void MovingFile::NoteWritten(const Written& written) {
  if (!written.status.ok() || written.turn != turn_) return;
  for (Former& former : former_) {
    if (std::find(written.gone.begin(), written.gone.end(), former.key) != written.gone.end())
      former.gone = true;
  }
}

}  // namespace warp::state

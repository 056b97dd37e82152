#include "control/config/file/key_list.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "control/config/file/regular_file.h"
#include "control/config/text/problems.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"

namespace warp::config {
namespace {

constexpr size_t kPiece = size_t{64} << 10;      // bytes, of one read
constexpr size_t kMaxLine = 1024;                // bytes: a key and a long comment
constexpr size_t kMaxFile = size_t{1024} << 20;  // bytes: kMaxListedKeys with comments of 60 bytes

// Takes a file apart, whose lines come in pieces.
class Lines {
 public:
  explicit Lines(const std::string& path) : path_(path) {}

  absl::Status Take(absl::string_view piece) {
    while (!piece.empty()) {
      const size_t end = piece.find('\n');
      absl::StrAppend(&line_, piece.substr(0, end));
      if (line_.size() > kMaxLine)
        return Wrong(absl::StrCat("is longer than ", kMaxLine, " bytes"));
      if (end == absl::string_view::npos) break;
      if (absl::Status status = End(); !status.ok()) return status;
      piece.remove_prefix(end + 1);
    }
    return absl::OkStatus();
  }

  // The last line may lack its end.
  absl::StatusOr<std::vector<wire::PublicKey>> Finish() {
    if (absl::Status status = End(); !status.ok()) return status;
    if (keys_.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Printable(path_), " has no key: one stands in a line"));
    }
    return std::move(keys_);
  }

 private:
  absl::Status End() {
    ++number_;
    absl::string_view text = line_;
    text = absl::StripAsciiWhitespace(text.substr(0, text.find('#')));
    if (!text.empty()) {
      const absl::StatusOr<wire::PublicKey> key = wire::PublicKey::FromBase64(text);
      if (!key.ok() || key->is_zero())
        return Wrong(absl::StrCat(Quote(text), " is not a public key: 44 characters of base64"));
      if (keys_.size() == kMaxListedKeys)
        return Wrong(absl::StrCat("is beyond the ", kMaxListedKeys, " keys that may be listed"));
      keys_.push_back(*key);
    }
    line_.clear();
    return absl::OkStatus();
  }

  absl::Status Wrong(absl::string_view what) const {
    const size_t line = line_.size() > kMaxLine ? number_ + 1 : number_;
    return absl::InvalidArgumentError(absl::StrCat(Printable(path_), ":", line, ": ", what));
  }

  const std::string& path_;
  std::string line_;   // what has come of it
  size_t number_ = 0;  // of lines that have ended
  std::vector<wire::PublicKey> keys_;
};

}  // namespace

KeyList::KeyList(std::vector<wire::PublicKey> keys) : keys_(std::move(keys)) {
  std::sort(keys_.begin(), keys_.end());
  keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
  keys_.shrink_to_fit();
}

bool KeyList::Contains(const wire::PublicKey& key) const {
  return std::binary_search(keys_.begin(), keys_.end(), key);
}

absl::StatusOr<std::vector<wire::PublicKey>> ReadKeyListFile(const std::string& path) {
  const auto refused = [&path](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(Printable(path), " ", why));
  };
  const absl::StatusOr<os::UniqueFd> file = OpenRegularFile(path);
  if (!file.ok()) return refused(file.status().message());
  Lines lines(path);
  std::string piece(kPiece, '\0');
  for (size_t size = 0;;) {
    const ssize_t got = read(file->get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(absl::StrCat("cannot be read: ", os::ErrnoText(errno)));
    if (got == 0) return lines.Finish();
    size += static_cast<size_t>(got);
    if (size > kMaxFile) return refused(absl::StrCat("is larger than ", kMaxFile, " bytes"));
    const absl::Status status = lines.Take({piece.data(), static_cast<size_t>(got)});
    if (!status.ok()) return status;
  }
}

}  // namespace warp::config
